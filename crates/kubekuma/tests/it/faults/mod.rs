//! What happens when … (`docs/faults.md`): each fault, and its stated outcome, seen from outside.

mod clock;
mod data_centre;
mod database;
mod disk;
mod files;
mod guard;
mod host;
mod ping_refused;
mod receiver;
mod resolver;
mod swallowed;
mod uplink;

use std::process::Command;

use serde_json::{Value, json};

use crate::fixture::Site;
use crate::kit::documents::{policy, settings_with, webhook};
use crate::kit::{Home, Kuma, until};

/// Runs a tool of the system; true if it did its work.
fn tool(name: &str, arguments: &[&str]) -> bool {
    let ran = Command::new(name).args(arguments).output();
    match ran {
        Ok(ran) if ran.status.success() => true,
        Ok(ran) => {
            eprintln!("{name} {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
            false
        }
        Err(error) => {
            eprintln!("{name}: {error}");
            false
        }
    }
}

/// A receiver that is away and hears of everything, too.
fn away(home: &Home, address: std::net::Ipv4Addr) -> Site {
    let mut away = Site::start_at(address);
    away.switch_off();
    let mut late = policy(&["late"]);
    late["metadata"]["name"] = json!("late");
    home.write("late.yaml", &[webhook("late", &away.url("/")), late]);
    away
}

/// Waits until so many more attempts to send something were in vain.
#[track_caller]
fn in_vain(kuma: &Kuma, more: usize) {
    let tried = || kuma.printed().matches("message not sent").count();
    let before = tried();
    until("attempts to send", || {
        let new = tried() - before;
        if new >= more { Ok(()) } else { Err(format!("{new}: {}", kuma.printed())) }
    });
}

/// Settings with more, a webhook that hears of everything, and one for our own trouble.
fn basics(home: &Home, receiver: &Site, more: Value) {
    let mut ops = webhook("ops", &receiver.url("/ops"));
    ops["metadata"]["annotations"] = json!({ "kubekuma.io/system-provider": "true" });
    let hook = webhook("hook", &receiver.url("/hook"));
    home.write("basics.yaml", &[settings_with(more), hook, ops, policy(&["hook"])]);
}

/// Waits until `/ready` says that commits fail, or that all is well.
#[track_caller]
fn ready(kuma: &Kuma, well: bool) {
    until(&format!("readiness to be {well}"), || match kuma.get("/ready") {
        answer if well && answer.status == 200 => Ok(()),
        answer if !well && answer.status == 503 && answer.body.contains("commits") => Ok(()),
        answer => Err(answer.body),
    });
}

/// Waits until the beginning or the end of our own trouble was told.
#[track_caller]
fn own_trouble(receiver: &Site, messages: usize) {
    until(&format!("{messages} messages about our own trouble"), || {
        match receiver.told("kubekuma", "ownTrouble").len() {
            many if many >= messages => Ok(()),
            few => Err(format!("{few}")),
        }
    });
}

/// That somebody heard exactly once of the beginning and of the end.
#[track_caller]
fn told_once(receiver: &Site, monitor: &str) {
    for event in ["down", "up"] {
        let told = receiver.told(monitor, event);
        let keys: std::collections::BTreeSet<_> =
            told.iter().map(|request| request.header("webhook-id").unwrap().to_owned()).collect();
        assert_eq!(keys.len(), 1, "{event} of {monitor}: {told:?}");
        let unmarked = told.iter().filter(|r| r.header("kubekuma-may-be-repeat").is_none());
        assert!(unmarked.count() <= 1, "{event} of {monitor}: {told:?}");
    }
}
