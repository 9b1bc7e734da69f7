//! The uplink is gone: the program runs on a host of its own, a network namespace, whose one link
//! goes down, or whose way out does while a bridge without a way out stays up.

use kuma_core::time::Timestamp;
use kuma_fixture::lacking;
use serde_json::{Value, json};

use super::host::Host;
use super::{away, basics, in_vain, told_once};
use crate::fixture::Site;
use crate::kit::documents::web;
use crate::kit::{Home, Kuma, until};

const LACKING: &str = "ip and the right to make networks, for a dead uplink: run as root";

/// Starts the program on a host.
fn serve(host: &Host, home: &Home) -> Kuma {
    let mut command = host.command(home.command().get_program());
    command.args(["serve", "config", "--port", "0"]).current_dir(home.path());
    Kuma::start(command)
}

/// Waits until so many checks came through.
#[track_caller]
fn asked(target: &Site, more: usize) {
    let seen = target.requests().len();
    until("checks to come through", || {
        let new = target.requests().len() - seen;
        if new >= more { Ok(()) } else { Err(format!("{new}")) }
    });
}

/// Waits until every monitor was checked for so long, without an excuse down several times over, and
/// all that its checks came to is that.
#[track_caller]
fn excused(home: &Home, words: &str) {
    let mut since = None;
    until("results that say so, for long enough", || {
        let shown = home.run(&["status", "-o", "json"]).json();
        let rows = shown.as_array().unwrap();
        let so = |row: &Value| {
            let row = row.to_string();
            row.contains("UPLINK") && row.contains(words)
        };
        if !rows.iter().all(so) {
            return Err(shown.to_string());
        }
        let checked =
            |row: &Value| row["checkedAt"].as_str().unwrap().parse::<Timestamp>().unwrap();
        let oldest = rows.iter().map(checked).min().unwrap();
        let begun = *since.get_or_insert(oldest);
        let lasted = oldest.duration_since(begun).as_secs();
        if lasted >= 12 { Ok(()) } else { Err(format!("{lasted} s: {shown}")) }
    });
    assert!(home.incidents().is_empty(), "{:?}", home.incidents());
}

#[test]
fn without_an_uplink_nothing_is_down_because_of_us() {
    let Some(host) = Host::start() else {
        return lacking(LACKING);
    };
    let (target, receiver) = (Site::start_at(host.ours), Site::start_at(host.ours));
    let home = Home::new();
    let mut away = away(&home, host.ours);
    basics(&home, &receiver, json!({}));
    // Too few for the guard that counts.
    home.write("web.yaml", &[web("one", &target.url("/")), web("two", &target.url("/"))]);
    let kuma = serve(&host, &home);
    asked(&target, 4);

    host.link("down");
    excused(&home, "no link of this host is up");

    host.link("up");
    asked(&target, 4);
    assert!(home.incidents().is_empty(), "{:?}", home.incidents());
    assert!(receiver.requests().is_empty(), "{:?}", receiver.requests());
    // It still sees what is really out.
    target.answer_with(500);
    receiver.hears("one", "down");

    // A message that finds no link waits for it.
    in_vain(&kuma, 1);
    host.link("down");
    away.switch_on();
    in_vain(&kuma, 2);
    assert!(away.requests().is_empty(), "{:?}", away.requests());
    host.link("up");
    away.hears("one", "down");
    away.hears("two", "down");
    target.answer_with(200);
    away.hears("one", "up");
    told_once(&away, "one");
}

#[test]
fn a_bridge_that_stays_up_is_no_uplink() {
    let Some(host) = Host::start() else {
        return lacking(LACKING);
    };
    host.within(&["link", "add", "bridge0", "type", "veth", "peer", "name", "bridge1"]);
    host.within(&["link", "set", "bridge0", "up"]);
    host.within(&["link", "set", "bridge1", "up"]);
    let way_out = || host.within(&["route", "add", "default", "via", &host.ours.to_string()]);
    way_out();
    let (target, receiver) = (Site::start_at(host.ours), Site::start_at(host.ours));
    let home = Home::new();
    basics(&home, &receiver, json!({}));
    home.write("web.yaml", &[web("one", &target.url("/")), web("two", &target.url("/"))]);
    let _kuma = serve(&host, &home);
    asked(&target, 4);

    host.link("down");
    excused(&home, "its way there, is down");
    host.link("up");
    asked(&target, 4);

    // Somebody takes the link down, and its routes with it.
    host.within(&["link", "set", host.far(), "down"]);
    excused(&home, "no route that leads out");
    host.within(&["link", "set", host.far(), "up"]);
    way_out();
    asked(&target, 4);

    assert!(home.incidents().is_empty(), "{:?}", home.incidents());
    assert!(receiver.requests().is_empty(), "{:?}", receiver.requests());
    target.answer_with(500);
    receiver.hears("one", "down");
}
