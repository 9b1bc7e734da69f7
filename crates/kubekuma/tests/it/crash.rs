//! `kill -9` at any moment: nothing is lost, and nothing is repeated beyond what is allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use serde_json::json;

use crate::fixture::Site;
use crate::kit::documents::{monitor, policy, secret, settings, web, webhook};
use crate::kit::{Home, Kuma, until};

/// Outages lived through.
const ROUNDS: u64 = 3;

/// Lets the program run for a random moment, then kills it.
fn kill_soon(kuma: Kuma, random: u64) {
    std::thread::sleep(Duration::from_millis(random % 700));
    kuma.kill();
}

/// Every key that was received, with the number of its first arrivals and of its repeats.
fn received(receiver: &Site) -> BTreeMap<String, (usize, usize)> {
    let mut keys = BTreeMap::<String, (usize, usize)>::new();
    for request in receiver.requests() {
        let counts = keys.entry(request.header("webhook-id").unwrap().to_owned()).or_default();
        if request.header("kubekuma-may-be-repeat").is_some() {
            counts.1 += 1;
        } else {
            counts.0 += 1;
        }
    }
    keys
}

#[test]
fn killed_again_and_again_nothing_is_lost_and_only_marked_messages_repeat() {
    let (target, receiver, home) = (Site::start(), Site::start(), Home::new());
    // Slow enough that a kill often finds a message on its way.
    receiver.slow(Duration::from_millis(150));
    home.write("all.yaml", &[settings(), webhook("hook", &receiver.url("/")), policy(&["hook"])]);
    home.write("web.yaml", &[web("web", &target.url("/"))]);
    let seed = RandomState::new();
    let mut kuma = home.serve();
    let mut kills = 0;
    for round in 0..ROUNDS {
        kuma.becomes("web", "up");
        target.answer_with(500);
        kill_soon(kuma, seed.hash_one((round, "down")));
        kuma = home.serve();
        let open = kuma.incident("web", true);
        kill_soon(kuma, seed.hash_one((round, "open")));
        kuma = home.serve();
        assert_eq!(kuma.incident("web", true)["id"], open["id"], "the outage is still the same");
        target.answer_with(200);
        kill_soon(kuma, seed.hash_one((round, "up")));
        kuma = home.serve();
        let closed = kuma.incident("web", false);
        assert_eq!(closed["id"], open["id"]);
        kills += 3;
    }
    let incidents = until("everything to be delivered", || {
        let incidents = home.incidents();
        let all =
            || incidents.iter().flat_map(|i| i["deliveries"].as_array().into_iter().flatten());
        let waiting = all().any(|d| d["status"] == "pending" || d["status"] == "sending");
        if waiting || all().count() == 0 { Err(format!("{incidents:?}")) } else { Ok(incidents) }
    });
    assert_eq!(incidents.len(), usize::try_from(ROUNDS).unwrap(), "one incident an outage");

    let keys = received(&receiver);
    let mut wanted = BTreeSet::new();
    for incident in &incidents {
        let deliveries = incident["deliveries"].as_array().unwrap();
        let sent: Vec<_> = deliveries.iter().filter(|d| d["status"] == "sent").collect();
        let of = |event: &str| sent.iter().filter(|delivery| delivery["event"] == event).count();
        // An up may have been merged into its down before that was tried.
        assert_eq!(of("down"), 1, "{incident}");
        assert!(of("up") <= 1, "{incident}");
        wanted.extend(sent.iter().map(|delivery| delivery["key"].as_str().unwrap().to_owned()));
    }
    assert_eq!(
        keys.keys().cloned().collect::<BTreeSet<_>>(),
        wanted,
        "the set of keys is complete"
    );
    let repeats: usize = keys.values().map(|(_, repeats)| repeats).sum();
    assert!(repeats <= kills, "{keys:?}");
    for (key, (first, _)) in &keys {
        assert!(*first <= 1, "{key} came twice without saying that it may be a repeat");
    }
    for incident in &incidents {
        let id = &incident["id"];
        let over = receiver.requests().iter().any(|request| {
            let told = request.json();
            told["incident"]["id"] == *id && told["incident"]["endedAt"].is_string()
        });
        assert!(over, "nobody was told that incident {id} is over");
    }
}

#[test]
fn a_push_that_was_answered_is_not_lost() {
    let home = Home::new();
    home.write(
        "all.yaml",
        &[
            settings(),
            secret("job", json!({ "token": "job-token" })),
            monitor("job", "push", json!({ "tokenSecretRef": { "name": "job", "key": "token" } })),
        ],
    );
    let kuma = home.serve();
    let open = kuma.incident("job", true);
    let answer = kuma.get("/push/job-token");
    kuma.kill();
    assert_eq!(answer.status, 200);

    let kuma = home.serve();
    until("the arrival to close the incident", || {
        let incidents = kuma.incidents();
        let same = incidents.iter().find(|incident| incident["id"] == open["id"]).unwrap();
        if same["closedReason"] == "RECOVERED" { Ok(()) } else { Err(format!("{incidents:?}")) }
    });
}
