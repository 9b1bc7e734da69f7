//! How a request is let in: credentials, certificates, proxies. Their values go into Secrets.

use serde_json::{Value, json};

use super::World;
use super::row::Row;

pub(super) fn tls(world: &mut World<'_>, row: &Row, name: &str) -> Option<Value> {
    let mtls = row.text("auth_method") == Some("mtls");
    let ca = row.text("tls_ca").filter(|_| mtls);
    let ca = ca.map(|pem| world.plan.secret(name, "ca.crt", pem));
    let both = row.text("tls_cert").zip(row.text("tls_key")).filter(|_| mtls);
    let client = both.map(|(certificate, key)| {
        world.plan.secret(name, "client.pem", &format!("{certificate}\n{key}\n"))
    });
    let lax = row.on("ignore_tls").then_some(false);
    let any = ca.is_some() || client.is_some() || lax.is_some();
    any.then(|| json!({ "verify": lax, "caBundleSecretRef": ca, "clientCertSecretRef": client }))
}

pub(super) fn auth(world: &mut World<'_>, row: &Row, name: &str) -> Option<Value> {
    let user = row.text("basic_auth_user");
    // Before 1.18 there was only basic authentication and no column to say so.
    let method = row.text("auth_method").or_else(|| user.map(|_| "basic"))?;
    match method {
        "basic" => {
            let username = world.plan.secret(name, "username", user?);
            let password = row.text("basic_auth_pass").unwrap_or_default();
            let password = world.plan.secret(name, "password", password);
            Some(json!({
                "basic": { "usernameSecretRef": username, "passwordSecretRef": password },
            }))
        }
        "bearer" => {
            let token = row.text("bearer_token")?;
            Some(json!({ "bearerSecretRef": world.plan.secret(name, "token", token) }))
        }
        "oauth2-cc" => {
            let secret = row.text("oauth_client_secret").unwrap_or_default();
            let secret = world.plan.secret(name, "client-secret", secret);
            let scopes: Option<Vec<&str>> =
                row.text("oauth_scopes").map(|scopes| scopes.split_whitespace().collect());
            if row.text("oauth_auth_method") == Some("client_secret_post") {
                let why = "the client's secret is sent in the header";
                world.plan.approximate("oauth_auth_method", "client_secret_post", why);
            }
            Some(json!({ "oauth2": {
                "tokenUrl": row.text("oauth_token_url"),
                "clientId": row.text("oauth_client_id"),
                "clientSecretRef": secret,
                "scopes": scopes,
                "audience": row.text("oauth_audience"),
            } }))
        }
        "ntlm" => {
            let why = "NTLM is not spoken";
            world.plan.lost("auth_method", "ntlm", why, "Use another way to sign in");
            None
        }
        _ => None,
    }
}

pub(super) fn proxy(world: &mut World<'_>, row: &Row, name: &str) -> Option<Value> {
    let dump = world.dump;
    let proxy = dump.find("proxy", row.int("proxy_id")?).filter(|proxy| proxy.on("active"))?;
    let (host, port) = (proxy.text("host")?, proxy.int("port")?);
    let protocol = proxy.text("protocol").unwrap_or("http");
    let (mode, scheme) = match protocol {
        "http" => ("http", "http"),
        "socks5" | "socks5h" | "socks" => ("socks5", "socks5"),
        other => {
            let why = "only http and SOCKS5 proxies can be used; the target is asked directly";
            world.plan.lost("proxy", other, why, "Set another proxy");
            return None;
        }
    };
    let mut url = url::Url::parse(&format!("{scheme}://{host}:{port}")).ok()?;
    if proxy.on("auth") {
        // Both schemes have a host, so these can be set.
        let _ = url.set_username(proxy.text("username").unwrap_or_default());
        let _ = url.set_password(proxy.text("password"));
    }
    let at = world.plan.secret(name, "proxy-url", url.as_str().trim_end_matches('/'));
    Some(json!({ "mode": mode, "urlFromSecretRef": at }))
}
