//! How much is written to the API server, counted by its audit log, and what is kept of who
//! changed what.

use std::collections::BTreeMap;

use kuma_e2e::audit::Request;
use kuma_e2e::{Replica, Site, until};
use kuma_fixture::wait::{now, now_ms};
use serde_json::{Value, json};
use sqlx::{Connection, Row};

use crate::kit::{HOME, Installation, TEAM, web};

const MONITORS: usize = 40;
/// How often each monitor is checked while it is watched that next to nothing is written. They run
/// each second.
const CHECKS: u32 = 10;

/// Writes of statuses so far.
fn writes(home: &Installation) -> Vec<Request> {
    let mut requests = home.plane.requests_of(HOME, "kubekuma");
    requests.retain(|request| request.is_write() && request.resource.ends_with("/status"));
    requests
}

/// Most writes within one second.
fn most_in_a_second(writes: &[Request]) -> usize {
    let mut seconds = BTreeMap::<&str, usize>::new();
    for write in writes {
        *seconds.entry(&write.at[..19]).or_default() += 1;
    }
    seconds.into_values().max().unwrap_or_default()
}

/// Waits until all monitors are shown in a state.
#[track_caller]
fn settle(home: &Installation, state: &str) {
    until(&format!("all monitors to be shown {state}"), || {
        let column = "custom-columns=:.status.lastResult.state";
        let shown = home.plane.kubectl().run(&["get", "monitors", "-n", TEAM, "-o", column]);
        let shown = shown.lines().filter(|it| it.trim() == state).count();
        if shown == MONITORS { Ok(()) } else { Err(format!("{shown} are")) }
    });
}

/// Only the trickle is written while all monitors are checked and nothing changes.
#[track_caller]
fn is_quiet(home: &Installation, replica: &Replica) {
    let checks = || replica.total("kubekuma_checks_total");
    let (written, checked, begun) = (writes(home).len(), checks(), now());
    let enough = checked + f64::from(CHECKS) * MONITORS as f64;
    until("all monitors to be checked again and again", || match checks() {
        now if now >= enough => Ok(()),
        now => Err(format!("{} of {}", now - checked, enough - checked)),
    });
    let written = writes(home).split_off(written);
    let most = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!(written.len() <= most, "{} writes: {written:?}", written.len());
}

#[test]
fn transitions_are_written_at_a_rate_and_next_to_nothing_else_is() {
    let Some(home) = Installation::new("writes") else { return };
    let target = Site::start();
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    let names: Vec<String> = (0..MONITORS).map(|number| format!("page-{number}")).collect();
    let monitors: Vec<Value> = names.iter().map(|name| web(name, &target.url("/"))).collect();
    home.plane.kubectl().apply(&monitors);
    settle(&home, "up");
    until("everything to be written", || match replica.total("kubekuma_status_writes_waiting") {
        0.0 => Ok(()),
        waiting => Err(waiting.to_string()),
    });
    is_quiet(&home, &replica);

    let before = writes(&home).len();
    target.answer_with(500);
    settle(&home, "down");
    let written = writes(&home).split_off(before);
    let of_monitors = written.iter().filter(|write| write.resource == "monitors/status").count();
    assert!(of_monitors >= MONITORS, "{of_monitors}");
    // Twenty transitions and one of the trickle; what was sent in one second may arrive in the next.
    assert!(most_in_a_second(&written) <= 26, "{written:?}");
    assert!(written.iter().all(|write| write.code == 200), "{written:?}");

    // A restart finds everything as it should be.
    let since = |name: &str| {
        home.plane.object("monitor", TEAM, name)["status"]["lastResult"]["since"].clone()
    };
    let known: Vec<Value> = names.iter().map(|name| since(name)).collect();
    let before = writes(&home).len();
    assert!(replica.stop().success());
    replica.start_again(&home.plane);
    replica.becomes_ready();
    is_quiet(&home, &replica);
    settle(&home, "down");
    // The uptime of each falls all the time, so the trickle never ends.
    let written = writes(&home).split_off(before);
    assert!(most_in_a_second(&written) <= 2, "{written:?}");
    let known_now: Vec<Value> = names.iter().map(|name| since(name)).collect();
    assert_eq!(known, known_now);
}

#[test]
fn who_changed_an_object_is_kept() {
    let Some(home) = Installation::new("audit") else { return };
    let target = Site::start();
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    let mut monitor = web("front", &target.url("/"));
    let told = |monitor: &Value, manager: &str| {
        let apply = ["apply", "--server-side", "--force-conflicts", "--field-manager", manager];
        let told = home
            .plane
            .kubectl()
            .tell(&[&apply[..], &["-f", "-"]].concat(), Some(&monitor.to_string()));
        assert!(told.success, "{}", told.err);
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let audited = || -> Vec<(String, String)> {
        runtime.block_on(async {
            let url = format!("sqlite:{}?mode=ro", home.file_of_database().display());
            let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
            let rows = sqlx::query(
                "SELECT coalesce(actor, ''), event_type FROM audit_events
                 WHERE resource_key = 'shop/front' ORDER BY id",
            );
            let rows = rows.fetch_all(&mut connection).await.unwrap();
            rows.iter().map(|row| (row.get(0), row.get(1))).collect()
        })
    };
    let keeps = |number: usize, who: &str, what: &str| {
        until(&format!("{who} to be known to have {what} it"), || {
            let found = audited();
            let is_told = found.get(number).is_some_and(|it| (&*it.0, &*it.1) == (who, what));
            if is_told && found.len() == number + 1 { Ok(()) } else { Err(format!("{found:?}")) }
        });
    };
    told(&monitor, "argocd");
    let applied = now_ms() / 1000;
    keeps(0, "argocd", "applied");
    // The API server notes by the second who wrote last.
    until(
        "the next second",
        || if now_ms() / 1000 > applied { Ok(()) } else { Err(String::new()) },
    );
    monitor["spec"]["schedule"]["intervalSeconds"] = json!(2);
    told(&monitor, "alice");
    keeps(1, "alice", "applied");
    home.plane.kubectl().run(&["delete", "monitor", "front", "-n", TEAM]);
    // Who deletes an object leaves no name in it.
    keeps(2, "", "deleted");
}
