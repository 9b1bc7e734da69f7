//! What goes wrong around it: each test says what must hold, and looks from outside at what the
//! receiver got, what the objects say and what the API server was asked.

use std::time::Duration;

use kuma_e2e::{Replica, Site, until};
use kuma_fixture::wait::now;
use serde_json::{Value, json};

use crate::kit::{Installation, TEAM, object, web};

/// Longer than a Lease lives, and as long as a hand-over may take.
const LEASE: Duration = Duration::from_secs(16);

/// How many checks were run so far.
fn checks(replica: &Replica) -> f64 {
    replica.total("kubekuma_probe_attempts_total")
}

/// Waits until more checks have run.
#[track_caller]
fn goes_on(replica: &Replica) {
    let before = checks(replica);
    until("more checks", || {
        let after = checks(replica);
        if after > before + 2.0 { Ok(()) } else { Err(format!("{before}, then {after}")) }
    });
}

/// Lets some time pass in which nothing may happen.
fn pass(time: Duration, mut holds: impl FnMut()) {
    let begun = now();
    while begun.elapsed() < time {
        holds();
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn an_api_server_that_is_away_for_longer_than_a_lease_stops_no_check() {
    let Some(home) = Installation::new("api-away") else { return };
    let target = Site::start();
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    home.plane.kubectl().apply(&[web("front", &target.url("/"))]);
    home.shows("front", "up");
    home.plane.stop_api_server();
    // Nothing is reported because of it …
    pass(LEASE * 2, || assert!(home.events("front").is_empty(), "{:?}", home.events("front")));
    goes_on(&replica);
    // … and what happens meanwhile is found and told.
    target.answer_with(500);
    home.hears("front", "down");
    home.plane.start_api_server();
    // Statuses catch up.
    home.shows("front", "down");
    target.answer_with(200);
    home.hears("front", "up");
    assert_eq!(home.events("front"), ["down", "up"]);
    home.repeats_are_marked();
}

#[test]
fn watches_that_cannot_be_taken_up_again_lose_nothing() {
    let Some(home) = Installation::new("watch-dropped") else { return };
    let target = Site::start();
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    home.plane.kubectl().apply(&[web("kept", &target.url("/")), web("gone", &target.url("/"))]);
    home.shows("kept", "up");
    home.shows("gone", "up");
    // The API server goes and comes, and has forgotten how it came to be what it is: 410.
    home.plane.stop_api_server();
    home.plane.forget_history();
    home.plane.start_api_server();
    home.plane.kubectl().run(&["delete", "monitor", "gone", "-n", TEAM]);
    home.plane.kubectl().apply(&[web("new", &target.url("/"))]);
    home.shows("new", "up");
    until("the deleted one to be gone", || {
        let status = replica.monitor(TEAM, "gone");
        if status.is_null() { Ok(()) } else { Err(status.to_string()) }
    });
    assert!(home.events("kept").is_empty() && home.events("gone").is_empty());
}

#[test]
fn a_paused_etcd_pages_nobody() {
    let Some(home) = Installation::new("etcd-paused") else { return };
    let target = Site::start();
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    home.plane.kubectl().apply(&[web("front", &target.url("/"))]);
    home.shows("front", "up");
    home.plane.pause_etcd();
    pass(LEASE, || assert!(home.events("front").is_empty()));
    goes_on(&replica);
    home.plane.resume_etcd();
    target.answer_with(500);
    home.hears("front", "down");
    home.shows("front", "down");
}

#[test]
fn a_replica_that_slept_through_its_lease_writes_and_tells_nothing_any_more() {
    let Some(home) = Installation::new("paused") else { return };
    let target = Site::start();
    let mut first = home.replica("kubekuma-0");
    first.becomes_ready();
    home.plane.kubectl().apply(&[web("front", &target.url("/"))]);
    home.shows("front", "up");
    let mut second = home.replica("kubekuma-1");
    first.pause();
    // The file has room for one, and the one that sleeps still has it: its lock is the fence, and
    // the other waits although the Lease is its own. (A kubelet would kill the sleeper, which
    // answers no probe.)
    until("the second to wait for the database", || match second.ready() {
        Err(why) if why.contains("still has the database") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    target.answer_with(500);
    first.resume();
    second.becomes_ready();
    until("the first to stand by", || match first.ready() {
        Err(why) if why.contains("standby") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    home.hears("front", "down");
    target.answer_with(200);
    home.hears("front", "up");
    assert_eq!(home.events("front"), ["down", "up"]);
    home.repeats_are_marked();
}

#[test]
fn a_lease_that_somebody_took_is_not_fought_over() {
    let Some(home) = Installation::new("lease-stolen") else { return };
    let target = Site::start();
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    home.plane.kubectl().apply(&[web("front", &target.url("/"))]);
    home.shows("front", "up");
    let thief = json!({"spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 15}});
    let patch = ["patch", "lease", "kubekuma", "-n", "kubekuma", "--type=merge", "-p"];
    home.plane.kubectl().run(&[&patch[..], &[&thief.to_string()]].concat());
    until("the replica to stand by", || match replica.ready() {
        Err(why) => Ok(why),
        Ok(()) => Err("it is ready".to_owned()),
    });
    // The thief never renews, so it is the replica's again.
    until("the replica to act again", || replica.ready());
    goes_on(&replica);
    assert!(home.events("front").is_empty());
}

#[test]
fn a_thousand_objects_at_once_are_all_checked() {
    let Some(home) = Installation::new("thousand") else { return };
    let target = Site::start();
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    let monitors: Vec<Value> = (0..1_000)
        .map(|number| {
            let mut monitor = web(&format!("page-{number}"), &target.url("/"));
            monitor["spec"]["schedule"] = json!({"intervalSeconds": 60});
            monitor
        })
        .collect();
    home.plane.kubectl().apply(&monitors);
    until("all of them to have a state", || {
        let page = replica.get("/metrics").body;
        let up = page.lines().filter(|it| it.starts_with("kubekuma_monitor_up{")).count();
        if up >= 1_000 { Ok(()) } else { Err(format!("{up}")) }
    });
    replica.becomes_ready();
}

#[test]
fn invalid_objects_disturb_nobody_and_say_what_is_wrong() {
    let Some(home) = Installation::new("invalid") else { return };
    let target = Site::start();
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    home.plane.kubectl().apply(&[web("front", &target.url("/"))]);
    home.shows("front", "up");
    // Such as a schema does not see.
    let mut broken = web("front", &target.url("/"));
    broken["spec"]["type"] = json!("keyword");
    broken["spec"]["successCriteria"] = json!({"keyword": {"regex": ["("]}});
    let window = json!({"schedule": {
        "start": "2030-01-01T02:00:00",
        "durationMinutes": 60,
        "recurrence": {"rrule": "FREQ=SOMETIMES"},
    }});
    home.plane.kubectl().apply(&[broken, object("MaintenanceWindow", TEAM, "nightly", &window)]);
    for (resource, name) in [("monitor", "front"), ("maintenancewindow", "nightly")] {
        until(&format!("{resource} {name} to say what is wrong"), || {
            let found = home.plane.object(resource, TEAM, name);
            let conditions = found["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let valid = conditions.iter().find(|it| it["type"] == "Valid").cloned();
            match valid {
                Some(valid) if valid["status"] == "False" => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }
    // The last valid version stays in force.
    goes_on(&replica);
    target.answer_with(500);
    home.hears("front", "down");
}
