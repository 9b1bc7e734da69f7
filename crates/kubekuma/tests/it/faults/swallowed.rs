//! An address that swallows packets: no answer, no refusal, nothing that the network reports.

use std::time::Duration;

use kuma_fixture::lacking;
use kuma_fixture::wait::now;
use serde_json::{Value, json};

use super::host::Host;
use crate::kit::Home;
use crate::kit::documents::{monitor_with, settings_with};

#[test]
fn what_is_lost_on_the_way_is_said_within_the_monitors_time() {
    const TIMEOUT: Duration = Duration::from_secs(2);
    let Some(host) = Host::start() else {
        return lacking("ip and the right to make networks, for lost packets: run as root");
    };
    let (home, at) = (Home::new(), host.nowhere());
    let quick =
        json!({ "schedule": { "intervalSeconds": 60, "timeoutSeconds": TIMEOUT.as_secs() } });
    let there = |port: u16| json!({ "host": at, "port": port });
    let rows = [
        ("http", json!({ "url": format!("http://{at}/") }), "CONNECT_TIMEOUT"),
        ("tcp", there(80), "CONNECT_TIMEOUT"),
        ("tls", there(443), "CONNECT_TIMEOUT"),
        ("websocket", json!({ "url": format!("wss://{at}/") }), "CONNECT_TIMEOUT"),
        ("grpc", json!({ "address": format!("{at}:50051") }), "CONNECT_TIMEOUT"),
        ("dns", json!({ "domain": "a.example", "server": at }), "DNS_TIMEOUT"),
        ("ping", json!({ "host": at, "count": 3 }), "PING_LOSS"),
        ("steam", there(27015), "TIMEOUT"),
    ];
    let mut all = vec![settings_with(json!({}))];
    all.extend(
        rows.iter().map(|(of, target, _)| monitor_with(of, of, target.clone(), quick.clone())),
    );
    home.write("all.yaml", &all);
    let mut command = host.command(home.command().get_program());
    command.args(["check", "config/all.yaml", "-o", "json"]).current_dir(home.path());
    let began = now();
    let ran = command.output().unwrap();
    let took = began.elapsed();
    let seen: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&ran.stderr));
    });
    for (of, _, reason) in &rows {
        let one = seen.as_array().unwrap().iter().find(|one| one["type"] == *of).unwrap();
        assert_eq!(one["reason"], *reason, "{one}");
    }
    let most = TIMEOUT * u32::try_from(rows.len()).unwrap();
    assert!(took < most + TIMEOUT * 5, "{took:?} for {} attempts of {TIMEOUT:?}", rows.len());
}
