//! The wall clock jumps, forward and back.

use std::path::Path;

use kuma_fixture::lacking;
use serde_json::json;

use super::{basics, told_once};
use crate::fixture::Site;
use crate::kit::documents::{monitor, secret, web};
use crate::kit::{Home, until};

/// Where distributions put libfaketime.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

#[test]
fn a_clock_that_jumps_takes_nothing_down_and_loses_nothing() {
    let Some(library) = LIBRARIES.iter().find(|path| Path::new(path).exists()) else {
        return lacking("faketime, for a clock that jumps: apt-get install faketime");
    };
    let (target, stays, receiver, home) =
        (Site::start(), Site::start(), Site::start(), Home::new());
    basics(&home, &receiver, json!({}));
    let token = json!({ "tokenSecretRef": { "name": "job", "key": "token" } });
    let mut job = monitor("job", "push", token);
    job["spec"]["schedule"]["intervalSeconds"] = json!(60);
    home.write("job.yaml", &[secret("job", json!({ "token": "job-token" })), job]);
    home.write("web.yaml", &[web("web", &target.url("/")), web("stays", &stays.url("/"))]);
    let clock = home.path().join("clock");
    let set = |offset: &str| home.put("clock", offset);
    set("+0");
    let kuma = home.serve_with(
        &[],
        &[
            ("LD_PRELOAD", library),
            ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            // Only the wall clock jumps.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ],
    );
    kuma.becomes("web", "up");
    kuma.becomes("stays", "up");
    assert_eq!(kuma.get("/push/job-token").status, 200);
    kuma.becomes("job", "up");
    let jumped = |times: usize| {
        until("the jump to be noticed", || {
            let seen = kuma.printed().matches("the wall clock jumped").count();
            if seen >= times { Ok(()) } else { Err(format!("{seen}: {}", kuma.printed())) }
        });
        let before = stays.requests().len();
        until("checks to go on", || {
            let more = stays.requests().len() - before;
            // Neither silence nor a burst.
            assert!(more <= 6, "{more} at once");
            if more >= 3 { Ok(()) } else { Err(format!("{more}")) }
        });
    };
    set("+3600");
    jumped(1);
    // An outage that a jump falls into is one outage.
    target.answer_with(503);
    receiver.hears("web", "down");
    let open = kuma.incident("web", true);
    set("-3600");
    jumped(2);
    assert_eq!(kuma.incident("web", true)["id"], open["id"]);
    set("+7200");
    jumped(3);
    target.answer_with(200);
    receiver.hears("web", "up");
    let closed = kuma.incident("web", false);
    assert_eq!(closed["id"], open["id"]);
    told_once(&receiver, "web");
    assert!(receiver.told("stays", "down").is_empty());
    assert!(receiver.told("job", "down").is_empty(), "an hour of the wall clock is no silence");
    assert_eq!(kuma.incidents().len(), 1, "{:?}", kuma.incidents());
    assert_eq!(kuma.get("/ready").status, 200);
}
