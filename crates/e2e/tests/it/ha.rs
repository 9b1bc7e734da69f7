//! Several replicas on one PostgreSQL: who acts, what moves, and that nobody is told twice.

use std::time::Duration;

use kuma_e2e::{Replica, Site, until};
use kuma_fixture::Postgres;
use kuma_fixture::wait::now;
use serde_json::{Value, json};

use crate::kit::{Installation, TEAM, web};

/// `design/performance.md`: a killed owner's shards are claimed within 15 s and one more; the rest
/// is what a busy machine takes.
const TAKEN_OVER: Duration = Duration::from_secs(40);

fn held(replica: &Replica) -> f64 {
    replica.total("kubekuma_shards_held")
}

/// Waits until some replicas hold all 65 shards between them, each some of them.
#[track_caller]
fn share(replicas: &[&Replica]) {
    until("all shards to be shared out", || {
        let each: Vec<f64> = replicas.iter().map(|replica| held(replica)).collect();
        let all: f64 = each.iter().sum();
        if all >= 65.0 && each.iter().all(|held| *held > 0.0) {
            Ok(())
        } else {
            Err(format!("{each:?}"))
        }
    });
}

/// Two replicas that have shared everything out.
#[track_caller]
fn two(home: &Installation) -> [Replica; 2] {
    let mut replicas = ["kubekuma-0", "kubekuma-1"].map(|pod| home.replica(pod));
    replicas.iter_mut().for_each(Replica::becomes_ready);
    share(&replicas.each_ref());
    replicas
}

#[test]
fn a_standby_takes_over_from_one_that_was_killed_and_from_one_that_sleeps() {
    let Some(home) = Installation::on_postgres("ha-single", false) else { return };
    let target = Site::start();
    let mut first = home.replica("kubekuma-0");
    first.becomes_ready();
    home.plane.kubectl().apply(&[web("front", &target.url("/"))]);
    home.shows("front", "up");
    let mut second = home.replica("kubekuma-1");
    until("the second to stand by", || match second.ready() {
        Err(why) if why.contains("standby") && why.contains("kubekuma-0") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    target.answer_with(500);
    home.hears("front", "down");
    first.kill();
    let killed = now();
    second.becomes_ready();
    assert!(killed.elapsed() < TAKEN_OVER, "it took {:?}", killed.elapsed());
    target.answer_with(200);
    home.hears("front", "up");

    // One that sleeps past its heartbeat loses everything, and says nothing when it wakes up.
    let mut third = home.replica("kubekuma-2");
    until("the third to stand by", || match third.ready() {
        Err(why) if why.contains("standby") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    second.pause();
    third.becomes_ready();
    target.answer_with(500);
    // The one that was killed may have been cut off before it noted what it had sent, so the first
    // outage may be told twice: a repeat is not the next outage.
    home.has_heard("front", &["down", "up", "down"]);
    second.resume();
    until("the second to see that it does not act any more", || match second.ready() {
        Err(why) if why.contains("standby") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    target.answer_with(200);
    home.has_heard("front", &["down", "up", "down", "up"]);
    home.repeats_are_marked();
    assert!(third.stop().success());
}

#[test]
fn replicas_share_the_monitors_and_a_killed_one_is_missed_by_nobody() {
    let Some(home) = Installation::on_postgres("ha-spread", true) else { return };
    let target = Site::start();
    let mut first = home.replica("kubekuma-0");
    first.becomes_ready();
    let names: Vec<String> = (0..20).map(|number| format!("page-{number}")).collect();
    let monitors: Vec<Value> = names.iter().map(|name| web(name, &target.url("/"))).collect();
    home.plane.kubectl().apply(&monitors);
    for name in &names {
        home.shows(name, "up");
    }
    let mut second = home.replica("kubekuma-1");
    second.becomes_ready();
    share(&[&first, &second]);
    // Both check, and each monitor is in the numbers of one of them.
    until("each monitor to be counted once", || {
        let series = |replica: &Replica| {
            let page = replica.get("/metrics").body;
            page.lines().filter(|line| line.starts_with("kubekuma_monitor_up{")).count()
        };
        let (one, two) = (series(&first), series(&second));
        if one > 0 && two > 0 && one + two == names.len() {
            Ok(())
        } else {
            Err(format!("{one} and {two}"))
        }
    });
    target.answer_with(500);
    for name in &names {
        home.hears(name, "down");
    }
    first.kill();
    let killed = now();
    until("the other to hold everything", || {
        let held = held(&second);
        if held >= 65.0 { Ok(()) } else { Err(held.to_string()) }
    });
    assert!(killed.elapsed() < TAKEN_OVER, "it took {:?}", killed.elapsed());
    target.answer_with(200);
    for name in &names {
        home.hears(name, "up");
    }
    for name in &names {
        assert_eq!(home.events(name), ["down", "up"], "{name}");
        home.shows(name, "up");
    }
    home.repeats_are_marked();

    // A clean stop hands over without anybody having to wait for a heartbeat to expire.
    let third = home.replica("kubekuma-2");
    share(&[&second, &third]);
    let stopping = now();
    assert!(second.stop().success());
    until("the third to hold everything", || {
        let held = held(&third);
        if held >= 65.0 { Ok(()) } else { Err(held.to_string()) }
    });
    assert!(stopping.elapsed() < Duration::from_secs(9), "it took {:?}", stopping.elapsed());
}

#[test]
fn a_group_hears_of_members_that_other_replicas_check() {
    let Some(home) = Installation::on_postgres("ha-group", true) else { return };
    let target = Site::start();
    let _replicas = two(&home);
    let names: Vec<String> = (0..8).map(|number| format!("member-{number}")).collect();
    let mut objects: Vec<Value> = names.iter().map(|name| web(name, &target.url("/"))).collect();
    let members: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    let spec = json!({"type": "group", "target": {"group": {"members": members, "rule": "any"}}});
    objects.push(crate::kit::object("Monitor", TEAM, "all", &spec));
    home.plane.kubectl().apply(&objects);
    home.shows("all", "up");
    target.answer_with(500);
    home.hears("all", "down");
    target.answer_with(200);
    home.hears("all", "up");
    assert_eq!(home.events("all"), ["down", "up"]);
}

#[test]
fn a_parent_that_another_replica_checks_is_looked_at_at_once() {
    let Some(home) = Installation::on_postgres("ha-parents", true) else { return };
    let target = Site::start();
    let _replicas = two(&home);
    // Some of so many pairs are surely split between the two.
    let pairs: Vec<(String, String)> =
        (0..8).map(|number| (format!("router-{number}"), format!("page-{number}"))).collect();
    let objects = pairs.iter().flat_map(|(router, page)| {
        let mut parent = web(router, &target.url("/"));
        // It would find out by itself in an hour.
        parent["spec"]["schedule"]["intervalSeconds"] = json!(3600);
        let mut child = web(page, &target.url("/"));
        child["spec"]["dependsOn"] = json!([{"name": router}]);
        [parent, child]
    });
    home.plane.kubectl().apply(&objects.collect::<Vec<_>>());
    for (router, page) in &pairs {
        home.shows(router, "up");
        home.shows(page, "up");
    }
    target.answer_with(500);
    for (router, _) in &pairs {
        home.hears(router, "down");
    }
    for (_, page) in &pairs {
        home.shows(page, "down");
        assert!(home.events(page).is_empty(), "{page}: {:?}", home.events(page));
    }
}

#[test]
fn a_database_that_is_away_makes_nothing_down_and_keeps_nobody_from_being_told() {
    if Postgres::shared().is_none() {
        return;
    }
    let server = std::sync::Arc::new(Postgres::start());
    let Some(home) = Installation::on_server("ha-database", &server) else { return };
    let (quiet, failing) = (Site::start(), Site::start());
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    home.plane.kubectl().apply(&[web("quiet", &quiet.url("/")), web("front", &failing.url("/"))]);
    home.shows("quiet", "up");
    home.shows("front", "up");
    server.kill();
    failing.answer_with(500);
    // Told without the store, after it has been away for 15 s.
    home.hears("front", "down");
    server.start_again();
    replica.becomes_ready();
    failing.answer_with(200);
    home.hears("front", "up");
    assert_eq!(home.events("front"), ["down", "up"]);
    assert!(home.events("quiet").is_empty(), "{:?}", home.events("quiet"));
    home.repeats_are_marked();
}
