//! No file descriptor is left.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;

use super::{away, basics, in_vain};
use crate::fixture::Site;
use crate::kit::documents::web;
use crate::kit::{Home, until};

#[test]
fn without_file_descriptors_nothing_is_down_because_of_us() {
    let (target, receiver, home) = (Site::start(), Site::start(), Home::new());
    let mut away = away(&home, std::net::Ipv4Addr::LOCALHOST);
    basics(&home, &receiver, json!({}));
    let names: Vec<_> = (0..4).map(|n| format!("web-{n}")).collect();
    let webs: Vec<_> = names.iter().map(|name| web(name, &target.url("/"))).collect();
    home.write("web.yaml", &webs);
    let kuma = home.serve();
    for name in &names {
        kuma.becomes(name, "up");
    }
    let pid = Pid::from_raw(i32::try_from(kuma.id()).unwrap());
    // Standard streams and what is open already stay; nothing new can be opened.
    let none = || Rlimit { current: Some(3), ..getrlimit(Resource::Nofile) };
    let before = prlimit(pid, Resource::Nofile, none()).unwrap();
    until("checks to fail because of us", || {
        let printed = kuma.printed();
        let asked = target.requests().len();
        std::thread::sleep(std::time::Duration::from_secs(5));
        // Connections that are kept open need no descriptor; here each check makes its own.
        let more = target.requests().len() - asked;
        if more == 0 { Ok(()) } else { Err(format!("{more} more requests; {printed}")) }
    });
    let _ = prlimit(pid, Resource::Nofile, before).unwrap();
    for name in &names {
        let seen = target.requests().len();
        until("checks to go on", || {
            let more = target.requests().len() - seen;
            if more >= 4 { Ok(()) } else { Err(format!("{more}")) }
        });
        kuma.becomes(name, "up");
    }
    assert!(kuma.incidents().is_empty(), "{:?}", kuma.incidents());
    assert!(receiver.told("web-0", "down").is_empty(), "{:?}", receiver.requests());
    assert_eq!(kuma.get("/ready").status, 200);
    // It still sees what is really out.
    target.answer_with(500);
    receiver.hears("web-0", "down");
    for name in &names {
        kuma.becomes(name, "down");
    }

    // A message that finds no descriptor waits for one.
    in_vain(&kuma, 1);
    let before = prlimit(pid, Resource::Nofile, none()).unwrap();
    away.switch_on();
    in_vain(&kuma, 2);
    assert!(away.requests().is_empty(), "{:?}", away.requests());
    let _ = prlimit(pid, Resource::Nofile, before).unwrap();
    for name in &names {
        away.hears(name, "down");
    }
}
