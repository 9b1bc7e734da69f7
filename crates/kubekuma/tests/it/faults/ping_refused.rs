//! A host whose kernel lets nobody send an ICMP echo without a capability, as a new network
//! namespace does.

use kuma_fixture::lacking;
use serde_json::{Value, json};

use super::host::Host;
use crate::kit::Home;
use crate::kit::documents::{monitor_with, settings_with};

#[test]
fn a_ping_that_is_not_permitted_names_the_fix() {
    let Some(host) = Host::start() else {
        return lacking(
            "ip and the right to make networks, for a kernel that refuses: run as root",
        );
    };
    let home = Home::new();
    let quick = json!({ "schedule": { "intervalSeconds": 60, "timeoutSeconds": 2 } });
    let at = host.ours.to_string();
    let ping = |name: &str, fallback: bool| {
        let target = json!({ "host": at, "count": 1, "tcpFallback": fallback });
        monitor_with(name, "ping", target, quick.clone())
    };
    let unprivileged = json!({ "networking": { "ping": { "privileged": false } } });
    home.write(
        "all.yaml",
        &[settings_with(unprivileged), ping("refused", false), ping("instead", true)],
    );
    let mut command = host.command(home.command().get_program());
    command.args(["check", "config/all.yaml", "-o", "json"]).current_dir(home.path());
    let ran = command.output().unwrap();
    let seen: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&ran.stderr));
    });
    let of = |name: &str| {
        let all = seen.as_array().unwrap();
        all.iter().find(|one| one["monitor"].as_str().unwrap().ends_with(name)).unwrap()
    };
    assert_eq!(of("refused")["reason"], "PERMISSION", "{seen}");
    insta::assert_snapshot!(of("refused")["message"].as_str().unwrap(), @r#"ICMP is not permitted to this process: set the sysctl `net.ipv4.ping_group_range` to include its group (for example "0 2147483647"), or set `networking.ping.privileged: true` and give it CAP_NET_RAW, or allow the TCP fallback"#);
    // Nothing listens on port 443 there, and a refusal is an answer of the host.
    let instead = of("instead")["message"].as_str().unwrap();
    assert!(instead.starts_with("tcp 443"), "{seen}");
}
