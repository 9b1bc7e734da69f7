//! The own network cannot be reached: the sockets of `networking.selfCheck`.

use std::net::TcpListener;

use serde_json::json;

use super::basics;
use crate::fixture::Site;
use crate::kit::documents::{monitor_with, web};
use crate::kit::{Home, until};
use kuma_fixture::wait::free_port;

#[test]
fn while_self_checks_fail_nothing_is_called_down() {
    let (target, other, receiver, home) =
        (Site::start(), Site::start(), Site::start(), Home::new());
    let port = free_port();
    let gateway = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let targets = json!({ "selfCheck": { "targets": [format!("127.0.0.1:{port}")] } });
    basics(&home, &receiver, json!({ "networking": targets }));
    let quick = json!({ "schedule": { "timeoutSeconds": 1 } });
    let url = json!({ "url": target.url("/") });
    home.write(
        "web.yaml",
        &[monitor_with("held", "http", url, quick), web("well", &other.url("/"))],
    );
    let kuma = home.serve();
    kuma.becomes("held", "up");

    drop(gateway);
    until("the guard to hold", || {
        let printed = kuma.printed();
        if printed.contains("own-fault guard") { Ok(()) } else { Err(printed) }
    });
    target.answer_with(503);
    until("a few failures", || {
        let status = kuma.monitor("held");
        let failed = status["lastResult"]["reason"] == "HTTP_STATUS";
        if failed { Ok(()) } else { Err(status.to_string()) }
    });
    let held = kuma.becomes("held", "unknown");
    assert!(receiver.told("held", "down").is_empty(), "{held}");
    assert_eq!(kuma.monitor("well")["state"], "up");

    // One success is a network: what is still down is down.
    let gateway = TcpListener::bind(("127.0.0.1", port)).unwrap();
    receiver.hears("held", "down");
    kuma.becomes("held", "down");
    drop(gateway);
}
