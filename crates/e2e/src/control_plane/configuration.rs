//! The files that the parts read: keys and certificates, users, kubeconfigs.

use std::path::Path;

use kuma_fixture::authority::Authority;
use serde_json::{Value, json};

use super::ControlPlane;
use crate::audit;

/// Who may do everything, and the part of a token that nobody needs to guess on loopback.
const USERS: [&str; 4] = ["admin", "controller-manager", "scheduler", "kwok"];

fn token(user: &str) -> String {
    format!("{user}-token")
}

/// Writes everything into the control plane's folder.
pub(super) fn write(plane: &ControlPlane) -> anyhow::Result<()> {
    let path = |name: &str| plane.folder.join(name);
    let authority = Authority::new();
    std::fs::write(path("ca.pem"), authority.pem())?;
    let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"];
    let server = authority.issue(&names);
    std::fs::write(path("server.pem"), &server.certificate)?;
    std::fs::write(path("server.key"), &server.key)?;
    // Tokens of ServiceAccounts are signed with a key of their own; a certificate holds its
    // public half.
    let accounts = authority.issue(&["accounts"]);
    std::fs::write(path("accounts.pem"), &accounts.certificate)?;
    std::fs::write(path("accounts.key"), &accounts.key)?;
    std::fs::write(path("audit.json"), audit::POLICY)?;
    let users = USERS.map(|user| format!("{},{user},{user},system:masters\n", token(user)));
    std::fs::write(path("users.csv"), users.concat())?;
    for user in USERS {
        let file = path(&format!("{user}.kubeconfig"));
        write_kubeconfig(plane, &file, &token(user), "default")?;
    }
    Ok(())
}

/// Writes a kubeconfig; JSON is YAML too.
pub(super) fn write_kubeconfig(
    plane: &ControlPlane,
    path: &Path,
    token: &str,
    namespace: &str,
) -> std::io::Result<()> {
    let cluster = json!({
        "server": plane.url(),
        "certificate-authority": plane.folder.join("ca.pem"),
    });
    let config: Value = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": cluster}],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [{
            "name": "tests",
            "context": {"cluster": "tests", "user": "user", "namespace": namespace},
        }],
        "current-context": "tests",
    });
    std::fs::write(path, format!("{config:#}"))
}
