//! The uplink is gone: the program runs on a host of its own, a network namespace, whose one link
//! goes down.

use kuma_fixture::lacking;
use serde_json::json;

use super::host::Host;
use super::{away, basics, in_vain, told_once};
use crate::fixture::Site;
use crate::kit::documents::web;
use crate::kit::{Home, Kuma, until};

#[test]
fn without_an_uplink_nothing_is_down_because_of_us() {
    let Some(host) = Host::start() else {
        return lacking("ip and the right to make networks, for a dead uplink: run as root");
    };
    let (target, receiver) = (Site::start_at(host.ours), Site::start_at(host.ours));
    let home = Home::new();
    let mut away = away(&home, host.ours);
    basics(&home, &receiver, json!({}));
    // Too few for the guard that counts.
    home.write("web.yaml", &[web("one", &target.url("/")), web("two", &target.url("/"))]);
    let program = home.command();
    let mut command = host.command(program.get_program());
    command.args(["serve", "config", "--port", "0"]).current_dir(home.path());
    let kuma = Kuma::start(command);
    let asked = |more: usize| {
        let seen = target.requests().len();
        until("checks to come through", || {
            let new = target.requests().len() - seen;
            if new >= more { Ok(()) } else { Err(format!("{new}: {}", kuma.printed())) }
        });
    };
    asked(4);

    host.link("down");
    until("results that say so", || {
        let shown = home.run(&["status", "-o", "json"]).json();
        let rows = shown.as_array().unwrap();
        let ours = rows.iter().filter(|row| row.to_string().contains("UPLINK")).count();
        if ours == 2 { Ok(()) } else { Err(shown.to_string()) }
    });
    // Long enough that checks without an excuse would have been down several times over.
    std::thread::sleep(std::time::Duration::from_secs(12));
    assert!(home.incidents().is_empty(), "{:?}", home.incidents());

    host.link("up");
    asked(4);
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
