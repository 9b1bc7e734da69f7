//! The resolver is dead.

use std::time::Duration;

use kuma_fixture::names::Mood;
use serde_json::json;

use super::basics;
use crate::fixture::Site;
use crate::fixture::names::NameServer;
use crate::kit::documents::web;
use crate::kit::{Home, Kuma, now, until};

#[test]
fn a_dead_resolver_takes_no_target_down() {
    let (target, receiver, names, home) =
        (Site::start(), Site::start(), NameServer::start(), Home::new());
    let dns = json!({ "dns": { "resolvers": [names.address], "timeoutSeconds": 1 } });
    basics(&home, &receiver, json!({ "networking": dns }));
    let port = target.url("").rsplit(':').next().unwrap().to_owned();
    let named: Vec<_> = (0..6).map(|n| format!("host-{n}")).collect();
    let mut webs = vec![web("address", &target.url("/"))];
    for name in &named {
        names.set(&format!("{name}.kuma.test"), [127, 0, 0, 1]);
        let mut named = web(name, &format!("http://{name}.kuma.test:{port}/"));
        named["spec"]["schedule"] = json!({ "intervalSeconds": 3, "retries": 0 });
        webs.push(named);
    }
    home.write("web.yaml", &webs);
    let kuma = home.serve();
    for name in &named {
        kuma.becomes(name, "up");
    }
    for mood in [Mood::Silent, Mood::Failing] {
        names.be(mood);
        excused(&kuma, &named);
        names.be(Mood::Well);
        for name in &named {
            until(&format!("{name} to answer again"), || {
                let status = kuma.monitor(name);
                let well = status["state"] == "up" && status["lastResult"]["reason"].is_null();
                if well { Ok(()) } else { Err(status.to_string()) }
            });
        }
    }
    // Nothing listens there any more.
    drop(names);
    excused(&kuma, &named);
    assert!(kuma.incidents().is_empty(), "{:?}", kuma.incidents());
    // What our own trouble is told to is another matter.
    let told = receiver.requests().into_iter().filter(|request| request.path == "/hook");
    let told: Vec<_> = told.collect();
    assert!(told.is_empty(), "{told:?}");
    // A target that answers by address is judged all the time.
    target.answer_with(500);
    receiver.hears("address", "down");
}

/// Waits until every one of these monitors by name says that the resolver is at fault.
#[track_caller]
fn excused(kuma: &Kuma, named: &[String]) {
    let begun = now();
    loop {
        let reasons: Vec<_> =
            named.iter().map(|name| kuma.monitor(name)["lastResult"]["reason"].clone()).collect();
        if reasons.iter().all(|reason| reason == "RESOLVER_DOWN") {
            break;
        }
        // The first failing name must not be taken for the target's, so no other reason may show.
        let other = |reason: &serde_json::Value| !reason.is_null() && reason != "RESOLVER_DOWN";
        assert!(!reasons.iter().any(other), "{reasons:?}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{reasons:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(kuma.monitor("address")["state"], "up");
}
