//! Pushes that arrive anywhere: a Service in front of several replicas sends a job to any of them.

use std::time::Duration;

use kuma_e2e::{Replica, until};
use kuma_fixture::wait::now;
use serde_json::{Value, json};

use crate::kit::{Installation, TEAM, object};

/// How often a job has to report, and how late it may be.
const INTERVAL: u32 = 4;
const GRACE: u32 = 2;

fn job(name: &str) -> Value {
    let token = json!({"name": "jobs", "key": name});
    let push = json!({
        "tokenSecretRef": token, "intervalSeconds": INTERVAL, "graceSeconds": GRACE,
    });
    object("Monitor", TEAM, name, &json!({"type": "push", "target": {"push": push}}))
}

fn token(name: &str) -> String {
    format!("token-of-{name}-0123456789")
}

/// Whether a replica holds the shard of a monitor: it alone has its numbers.
fn holds(replica: &Replica, name: &str) -> bool {
    let page = replica.get("/metrics").body;
    let label = format!("name=\"{name}\"");
    page.lines().any(|line| line.starts_with("kubekuma_monitor_state{") && line.contains(&label))
}

/// Two replicas, and for each job the one that does not hold it.
fn elsewhere<'a>(replicas: [&'a Replica; 2], names: &[String]) -> Vec<&'a Replica> {
    names
        .iter()
        .map(|name| {
            until(&format!("one replica to hold {name}"), || {
                match replicas.map(|replica| holds(replica, name)) {
                    [true, false] => Ok(replicas[1]),
                    [false, true] => Ok(replicas[0]),
                    both => Err(format!("{both:?}")),
                }
            })
        })
        .collect()
}

#[test]
fn a_push_counts_whichever_replica_it_comes_to() {
    let Some(home) = Installation::on_postgres("push", true) else { return };
    let (mut first, mut second) = (home.replica("kubekuma-0"), home.replica("kubekuma-1"));
    first.becomes_ready();
    second.becomes_ready();
    until("both to hold shards", || {
        let held = [&first, &second].map(|replica| replica.total("kubekuma_shards_held"));
        if held.iter().all(|held| *held > 20.0) { Ok(()) } else { Err(format!("{held:?}")) }
    });
    let names: Vec<String> = (0..6).map(|number| format!("job-{number}")).collect();
    let tokens: Value = names.iter().map(|name| (name.clone(), json!(token(name)))).collect();
    let mut objects: Vec<Value> = names.iter().map(|name| job(name)).collect();
    objects.insert(
        0,
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "jobs", "namespace": TEAM},
            "stringData": tokens,
        }),
    );
    home.plane.kubectl().apply(&objects);
    let to = elsewhere([&first, &second], &names);
    assert!(
        to.iter().any(|it| it.pod() == "kubekuma-0")
            && to.iter().any(|it| it.pod() == "kubekuma-1"),
        "six jobs should not all be one replica's"
    );
    let report = |name: &str, to: &Replica, status: &str| {
        let answer = to.get(&format!("/push/{}?status={status}&msg=done", token(name)));
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    for (name, to) in names.iter().zip(&to) {
        until(&format!("{} to know the token of {name}", to.pod()), || {
            let answer = to.get(&format!("/push/{}", token(name)));
            if answer.status == 200 { Ok(()) } else { Err(answer.body) }
        });
    }
    // For several deadlines long: reports keep all of them up, although the owner sees none itself.
    let begun = now();
    let long = Duration::from_secs(u64::from(INTERVAL + GRACE) * 3);
    until("several deadlines to pass", || {
        for (name, to) in names.iter().zip(&to) {
            report(name, to, "up");
        }
        let reported = begun.elapsed();
        if reported >= long { Ok(()) } else { Err(format!("{reported:?}")) }
    });
    for name in &names {
        home.shows(name, "up");
        assert!(home.events(name).is_empty(), "{name}: {:?}", home.events(name));
    }
    // A job that says itself that it failed is down at once; one that falls silent, after its time.
    let (failing, others) = names.split_first().unwrap();
    report(failing, to[0], "down");
    home.hears(failing, "down");
    let last = now();
    for (name, to) in others.iter().zip(&to[1..]) {
        report(name, to, "up");
    }
    for name in others {
        home.hears(name, "down");
    }
    assert!(last.elapsed() >= Duration::from_secs(u64::from(INTERVAL)), "{:?}", last.elapsed());
    // And comes back with the next report.
    for (name, to) in names.iter().zip(&to) {
        report(name, to, "up");
        home.hears(name, "up");
    }
    home.repeats_are_marked();
}
