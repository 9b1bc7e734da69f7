//! The folder may be edited while everything runs.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::fixture::Site;
use crate::kit::documents::{monitor_with, policy, settings, web, webhook};
use crate::kit::{Home, Kuma, now, until};

/// Waits until `/ready` mentions something, and returns what it says.
fn ready_says(kuma: &Kuma, word: &str) -> String {
    until(&format!("/ready to mention {word}"), || {
        let ready = kuma.get("/ready");
        assert_eq!(ready.status, 200, "a broken document stops nothing: {ready:?}");
        if ready.body.contains(word) { Ok(ready.body) } else { Err(ready.body) }
    })
}

/// Waits for one more result of a monitor, which must be `up`.
fn runs_on(kuma: &Kuma, name: &str) {
    let before = kuma.monitor(name)["lastResult"]["checkedAt"].clone();
    until(&format!("another result of {name}"), || {
        let status = kuma.monitor(name);
        assert_eq!(status["state"], "up", "{status}");
        if status["lastResult"]["checkedAt"] == before { Err(status.to_string()) } else { Ok(()) }
    });
}

#[test]
fn an_edit_touches_only_what_changed() {
    let (target, other, home) = (Site::start(), Site::start(), Home::new());
    // Each begins at a moment of its own in the first half minute; the first of many comes soon.
    let rare = |number: u32| {
        let slowly = json!({ "schedule": { "intervalSeconds": 3600 } });
        let target = json!({ "url": target.url("/") });
        monitor_with(&format!("rare-{number}"), "http", target, slowly)
    };
    home.write("settings.yaml", &[settings()]);
    home.write("rare.yaml", &(0..20).map(rare).collect::<Vec<_>>());
    home.write("web.yaml", &[web("web", &target.url("/first"))]);
    let kuma = home.serve();
    kuma.becomes("web", "up");
    let (rare, before) = until("the first of the rare monitors", || {
        (0..20)
            .map(|number| format!("rare-{number}"))
            .map(|name| (name.clone(), kuma.monitor(&name)))
            .find(|(_, status)| status["state"] == "up" && status["nextRunAt"].is_string())
            .ok_or_else(|| "none ran".to_owned())
    });

    home.write("new.yaml", &[web("new", &other.url("/"))]);
    kuma.becomes("new", "up");
    home.write("web.yaml", &[web("web", &other.url("/second"))]);
    until("the edited target to be asked", || {
        let asked = other.requests().iter().any(|request| request.path == "/second");
        if asked { Ok(()) } else { Err("it is not".to_owned()) }
    });
    kuma.becomes("web", "up");
    let after = kuma.monitor(&rare);
    for field in ["state", "since", "lastResult"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    let next = |status: &Value| status["nextRunAt"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let moved = next(&after).duration_since(next(&before)).abs();
    // The plan is on another clock than the one that it is shown by, and between the readings of the
    // two the process may have waited for a processor.
    assert!(moved < SignedDuration::from_millis(500), "{before} {after}");
}

#[test]
fn a_broken_document_keeps_its_last_valid_version_running_even_over_a_restart() {
    let (target, home) = (Site::start(), Home::new());
    home.write("settings.yaml", &[settings()]);
    home.write("web.yaml", &[web("web", &target.url("/"))]);
    home.write("other.yaml", &[web("other", &target.url("/"))]);
    let kuma = home.serve();
    kuma.becomes("web", "up");

    // A value that cannot be meant.
    let mut wrong = web("web", &target.url("/"));
    wrong["spec"]["schedule"]["intervalSeconds"] = json!("often");
    home.write("web.yaml", &[wrong]);
    ready_says(&kuma, "kubekuma/web");
    runs_on(&kuma, "web");
    // A file that is no YAML at all.
    home.put("config/other.yaml", "spec: [never closed");
    ready_says(&kuma, "other.yaml");
    runs_on(&kuma, "other");
    kuma.kill();

    let kuma = home.serve();
    let ready = ready_says(&kuma, "kubekuma/web");
    assert!(ready.contains("other.yaml"), "{ready}");
    kuma.becomes("web", "up");
    kuma.becomes("other", "up");
    runs_on(&kuma, "web");
    runs_on(&kuma, "other");

    home.write("web.yaml", &[web("web", &target.url("/"))]);
    home.write("other.yaml", &[web("other", &target.url("/"))]);
    until("/ready to have nothing to say", || {
        let ready = kuma.get("/ready").body;
        if ready.contains("last valid") { Err(ready) } else { Ok(()) }
    });
}

#[test]
fn a_deleted_monitor_closes_its_incident_and_whoever_was_told_hears_of_it() {
    let (target, receiver, home) = (Site::start(), Site::start(), Home::new());
    target.answer_with(500);
    home.write("all.yaml", &[settings(), webhook("hook", &receiver.url("/")), policy(&["hook"])]);
    home.write("web.yaml", &[web("web", &target.url("/"))]);
    let kuma = home.serve();
    let open = kuma.incident("web", true);
    receiver.hears("web", "down");

    let text = std::fs::read(home.path().join("config/web.yaml")).unwrap();
    home.remove("web.yaml");
    // An editor that removes a file and writes it anew deletes nothing.
    home.put("config/web.yaml", text);
    let seen = target.requests().len();
    until("three more runs", || {
        let more = target.requests().len() - seen;
        if more >= 3 { Ok(()) } else { Err(format!("{more}")) }
    });
    assert!(kuma.incident("web", true)["endedAt"].is_null());

    home.remove("web.yaml");
    let removed = now();
    let closed = kuma.incident("web", false);
    assert!(removed.elapsed() > Duration::from_secs(4), "a deletion settles");
    assert_eq!((&closed["id"], &closed["closedReason"]), (&open["id"], &json!("DELETED")));
    let told = until("a closing webhook", || {
        let requests = receiver.requests();
        if requests.len() == 2 { Ok(requests[1].clone()) } else { Err(format!("{requests:?}")) }
    });
    assert!(told.text.contains("no longer monitored"), "{}", told.text);
    assert!(kuma.monitor("web").is_null());
}

#[test]
fn the_same_object_in_two_files_is_an_error_of_the_later_one() {
    let (target, home) = (Site::start(), Home::new());
    home.write("all.yaml", &[settings()]);
    home.write("first.yaml", &[web("web", &target.url("/first"))]);
    let kuma = home.serve();
    kuma.becomes("web", "up");
    home.write("second.yaml", &[web("web", &target.url("/second"))]);
    let ready = ready_says(&kuma, "second.yaml");
    assert!(ready.contains("first.yaml"), "it says where the other is: {ready}");
    runs_on(&kuma, "web");
    assert!(target.requests().iter().all(|request| request.path == "/first"));
}

#[test]
fn what_vanishes_while_the_process_is_stopped_is_no_deletion_at_once() {
    let (target, receiver, home) = (Site::start(), Site::start(), Home::new());
    target.answer_with(500);
    home.write("all.yaml", &[settings(), webhook("hook", &receiver.url("/")), policy(&["hook"])]);
    let urls = (0..4).map(|n| web(&format!("web-{n}"), &target.url("/"))).collect::<Vec<_>>();
    home.write("web.yaml", &urls);
    let kuma = home.serve();
    let open = kuma.incident("web-0", true);
    kuma.kill();

    // The volume with the folder is not mounted yet.
    std::fs::rename(home.path().join("config"), home.path().join("elsewhere")).unwrap();
    let kuma = home.serve();
    ready_says(&kuma, "has not been there since the start");
    let seen = target.requests().len();
    until("more runs of what the folder held", || {
        let more = target.requests().len() - seen;
        if more >= 8 { Ok(()) } else { Err(format!("{more}")) }
    });
    assert_eq!(kuma.incident("web-0", true)["id"], open["id"]);
    std::fs::rename(home.path().join("elsewhere"), home.path().join("config")).unwrap();
    until("/ready to have nothing to say", || {
        let ready = kuma.get("/ready").body;
        if ready.contains("stay in force") { Err(ready) } else { Ok(()) }
    });
    kuma.kill();

    // Everything but the settings is gone: much at once.
    std::fs::remove_file(home.path().join("config/web.yaml")).unwrap();
    home.write("all.yaml", &[settings()]);
    let kuma = home.serve();
    ready_says(&kuma, "much vanished at once");
    // Ordinary deletes would have settled after five seconds.
    let begun = now();
    until("seven seconds of runs", || {
        let passed = begun.elapsed();
        if passed > Duration::from_secs(7) { Ok(()) } else { Err(format!("{passed:?}")) }
    });
    assert_eq!(kuma.incident("web-0", true)["id"], open["id"]);
    home.write("web.yaml", &urls);
    home.write("all.yaml", &[settings(), webhook("hook", &receiver.url("/")), policy(&["hook"])]);
    target.answer_with(200);
    receiver.hears("web-0", "up");
    assert!(receiver.told("web-0", "closed").is_empty());
}
