//! The process is taken off the processor for a while (a stopped container, a paused virtual
//! machine): nothing is down because of us.

use std::time::Duration;

use serde_json::json;

use crate::fixture::Site;
use crate::kit::documents::{monitor, policy, secret, settings, web, webhook};
use crate::kit::{Home, now, until};

#[test]
fn a_process_that_was_stopped_takes_nothing_for_down() {
    let (target, receiver, home) = (Site::start(), Site::start(), Home::new());
    // Each run is under way for most of its second, so that the stop falls into one.
    target.slow(Duration::from_millis(700));
    home.write("all.yaml", &[settings(), webhook("hook", &receiver.url("/")), policy(&["hook"])]);
    let webs = (0..5).map(|n| web(&format!("web-{n}"), &target.url("/"))).collect::<Vec<_>>();
    home.write("web.yaml", &webs);
    let token = json!({ "tokenSecretRef": { "name": "job", "key": "token" } });
    let mut job = monitor("job", "push", token);
    job["spec"]["schedule"]["intervalSeconds"] = json!(4);
    home.write("job.yaml", &[secret("job", json!({ "token": "job-token" })), job]);
    let kuma = home.serve();
    for n in 0..5 {
        kuma.becomes(&format!("web-{n}"), "up");
    }
    assert_eq!(kuma.get("/push/job-token").status, 200);
    kuma.becomes("job", "up");

    // Some intervals, and then minutes: longer than anything that waits for something waits.
    for seconds in [7, 7, 130] {
        kuma.pause(Duration::from_secs(seconds));
        // The job could not push meanwhile; it does at once.
        assert_eq!(kuma.get("/push/job-token").status, 200);
        let seen = target.requests().len();
        until("more runs of each", || {
            let more = target.requests().len() - seen;
            if more >= 10 { Ok(()) } else { Err(format!("{more}")) }
        });
        kuma.get("/push/job-token");
    }
    assert!(kuma.incidents().is_empty(), "{:?}", kuma.incidents());
    assert!(receiver.requests().is_empty(), "{:?}", receiver.requests());
    assert!(kuma.printed().contains("this process stood still"));

    // It still sees what is really out.
    target.answer_with(500);
    receiver.hears("web-0", "down");
    let silent = now();
    receiver.hears("job", "down");
    assert!(silent.elapsed() < Duration::from_secs(20));
}
