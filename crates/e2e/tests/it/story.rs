//! The whole story: installed as documented, two replicas, an outage, the acting one killed in the
//! middle of it, and the people who were told.

use std::path::Path;

use kuma_e2e::{Site, until};
use kuma_fixture::names::NameServer;
use serde_json::{Value, json};

use crate::kit::{Installation, TEAM, web};

#[test]
fn an_outage_outlives_the_replica_that_found_it() {
    let Some(home) = Installation::new("story") else { return };
    let target = Site::start();
    let mut acting = home.replica("kubekuma-0");
    acting.becomes_ready();
    let mut standby = home.replica("kubekuma-1");
    home.plane.kubectl().apply(&[web("front", &target.url("/"))]);
    home.shows("front", "up");
    let why = until("the standby to say what it is", || match standby.ready() {
        Err(why) if why.contains("standby") => Ok(why),
        other => Err(format!("{other:?}")),
    });
    assert!(why.contains("kubekuma-0"), "it says who acts: {why}");

    target.answer_with(500);
    home.hears("front", "down");
    until("kubectl to tell the story", || {
        let row = home.row("front");
        if row == ["http", "down", "HTTP_STATUS"] { Ok(()) } else { Err(format!("{row:?}")) }
    });
    let status = home.plane.object("monitor", TEAM, "front")["status"].take();
    for condition in status["conditions"].as_array().unwrap() {
        assert_eq!(condition["status"], "True", "{condition}");
    }
    let open = incident(&acting, true);

    acting.kill();
    standby.becomes_ready();
    assert_eq!(incident(&standby, true)["id"], open["id"], "the outage is still the same");
    target.answer_with(200);
    home.hears("front", "up");
    home.shows("front", "up");
    assert_eq!(incident(&standby, false)["id"], open["id"]);
    assert_eq!(home.events("front"), ["down", "up"]);
    home.repeats_are_marked();
    // Kubernetes Events tell it too.
    let events = home.plane.kubectl().json(&["get", "events.events.k8s.io", "-n", TEAM]);
    let reasons: Vec<&str> =
        events["items"].as_array().unwrap().iter().filter_map(|it| it["reason"].as_str()).collect();
    for reason in ["Down", "Recovered"] {
        assert!(reasons.contains(&reason), "{reasons:?}");
    }
    // A clean stop gives the Lease back, so that the next one need not wait for it.
    let mut next = home.replica("kubekuma-2");
    assert!(standby.stop().success());
    next.becomes_ready();
    // The spec is the people's.
    let written: Vec<_> = home.plane.requests_of("kubekuma", "kubekuma");
    let specs = written.iter().filter(|it| it.is_write() && it.resource == "monitors");
    assert_eq!(specs.count(), 0);
}

/// The newest incident of `front`, once it is open or over.
fn incident(replica: &kuma_e2e::Replica, open: bool) -> Value {
    until(&format!("an incident with open = {open}"), || {
        let Some(answer) = replica.try_get("/api/v1/incidents") else {
            return Err("it does not listen".to_owned());
        };
        let incidents = answer.json();
        match incidents.get(0) {
            Some(newest) if newest["endedAt"].is_null() == open => Ok(newest.clone()),
            _ => Err(incidents.to_string()),
        }
    })
}

#[test]
fn every_example_is_applied_and_reconciled() {
    let Some(home) = Installation::new("examples") else { return };
    // No name leaves this machine.
    let resolver = NameServer::start();
    home.plane.kubectl().apply(&[json!({
        "apiVersion": "monitoring.kubekuma.io/v1",
        "kind": "KubeKumaSettings",
        "metadata": {"name": "kubekuma"},
        "spec": {"networking": {
            "dns": {"resolvers": [resolver.address]},
            "egress": {"deny": ["0.0.0.0/0", "::/0"], "allow": ["127.0.0.0/8"]},
        }},
    })]);
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    let folders = ["checks", "providers"].map(Installation::example);
    let folders: Vec<&Path> = folders.iter().map(std::path::PathBuf::as_path).collect();
    home.plane.kubectl().apply_files(TEAM, &folders);
    until("every object to have its conditions", || {
        let all = home.plane.kubectl().json(&["get", "kubekuma", "-n", TEAM]);
        let without: Vec<&Value> = all["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| {
                let conditions = it["status"]["conditions"].as_array();
                let valid = conditions.into_iter().flatten().find(|it| it["type"] == "Valid");
                valid.is_none_or(|it| it["status"] != "True")
            })
            .map(|it| &it["metadata"]["name"])
            .collect();
        if without.is_empty() { Ok(()) } else { Err(format!("{without:?}")) }
    });
}
