//! Heartbeats, evidence, incidents, audit.

use kuma_core::id::{IncidentId, MonitorId};
use kuma_core::ports::{AuditEvent, AuditQuery, Batch, Heartbeat, Incident, IncidentQuery};
use kuma_core::reason::Reason;
use kuma_core::shard::ShardSet;
use kuma_core::state::MonitorState;

use super::bench;
use crate::support::{at, beat, incident, name};

fn beats(heartbeats: Vec<Heartbeat>) -> Batch {
    Batch { heartbeats, ..Batch::default() }
}

fn failed(monitor: MonitorId, ms: i64) -> Heartbeat {
    Heartbeat {
        sequence: u16::MAX,
        state: MonitorState::Down,
        reason: Some(Reason::Timeout),
        latency_us: Some(u32::MAX),
        attempts: u8::MAX,
        message: Some("no answer – „ü“ 🦀".into()),
        evidence: Some(r#"{"phase":"connect"}"#.into()),
        ..beat(monitor, ms, 0)
    }
}

#[tokio::test]
async fn heartbeats_come_back_whole_in_the_order_of_time() {
    let Some(bench) = bench().await else { return };
    let (a, b) = (bench.monitor("a").await, bench.monitor("b").await);
    let second = Heartbeat { sequence: 1, ..beat(a, 20, 7) };
    let all = vec![failed(a, 30), second.clone(), beat(a, 20, 5), beat(b, 25, 1)];
    assert_eq!(bench.commit(beats(all)).await.rows, 4);
    let found = bench.store.heartbeats(a, at(0), at(31), 10).await.unwrap();
    assert_eq!(found, [beat(a, 20, 5), second, failed(a, 30)]);
    let part = bench.store.heartbeats(a, at(20), at(30), 1).await.unwrap();
    assert_eq!(part, [beat(a, 20, 5)]);
    let evidence = bench.store.evidence(a, at(30)).await.unwrap();
    assert_eq!(evidence.as_deref(), Some(r#"{"phase":"connect"}"#));
    assert_eq!(bench.store.evidence(a, at(20)).await.unwrap(), None);
}

#[tokio::test]
async fn a_batch_committed_twice_is_stored_once() {
    let Some(bench) = bench().await else { return };
    let a = bench.monitor("a").await;
    for _ in 0..2 {
        bench.commit(beats(vec![failed(a, 1), beat(a, 2, 9)])).await;
    }
    let found = bench.store.heartbeats(a, at(0), at(9), 10).await.unwrap();
    assert_eq!(found.len(), 2);
}

#[tokio::test]
async fn a_dropped_commit_is_written_anyway() {
    let Some(bench) = bench().await else { return };
    let a = bench.monitor("a").await;
    drop(bench.store.commit(beats(vec![beat(a, 1, 1)]), kuma_core::ports::Fence::Exclusive));
    bench.store.ping().await.unwrap();
    let found = bench.store.heartbeats(a, at(0), at(9), 10).await.unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn thousands_of_rows_fit_in_one_batch() {
    let Some(bench) = bench().await else { return };
    let a = bench.monitor("a").await;
    let all: Vec<_> = (0..2777).map(|ms| beat(a, ms, 1)).collect();
    bench.commit(beats(all.clone())).await;
    let found = bench.store.heartbeats(a, at(0), at(9999), 9999).await.unwrap();
    assert_eq!(found, all);
}

#[tokio::test]
async fn the_last_result_of_each_monitor_survives_a_restart_with_its_message() {
    let Some(mut bench) = bench().await else { return };
    let (a, b) = (bench.monitor("a").await, bench.monitor("b").await);
    let again = Heartbeat { message: None, evidence: None, ..failed(a, 40) };
    bench.commit(beats(vec![failed(a, 30), beat(b, 35, 1)])).await;
    bench.commit(beats(vec![again.clone(), beat(b, 10, 2)])).await;
    let expected = Heartbeat { message: failed(a, 0).message, ..again };
    for _ in 0..2 {
        let last = bench.store.last_results(ShardSet::ALL).await.unwrap();
        let last: Vec<_> = last.into_iter().map(|last| last.heartbeat).collect();
        assert_eq!(last, [expected.clone(), beat(b, 35, 1)]);
        bench.reopen().await;
    }
}

#[tokio::test]
async fn a_message_may_hold_a_nul_which_is_shown_where_it_cannot_be_kept() {
    let Some(bench) = bench().await else { return };
    let web = bench.monitor("web").await;
    let sent = Heartbeat { message: Some("a\0b".into()), ..beat(web, 1, 1) };
    bench.commit(beats(vec![sent])).await;
    let found = bench.store.heartbeats(web, at(0), at(10), 10).await.unwrap();
    let message = found[0].message.as_deref();
    assert!([Some("a\0b"), Some("a␀b")].contains(&message), "{message:?}");
}

#[tokio::test]
async fn names_keep_their_surrogates_for_ever() {
    let Some(mut bench) = bench().await else { return };
    let names = [name("a"), name("ü/🦀"), name("a")];
    let first = bench.store.intern(&names).await.unwrap();
    assert_eq!(first[0], first[2]);
    assert_ne!(first[0], first[1]);
    bench.reopen().await;
    assert_eq!(bench.store.intern(&names).await.unwrap(), first);
    let more = bench.store.intern(&[name("b"), name("a")]).await.unwrap();
    assert_eq!(more[1], first[0]);
    assert!(!first.contains(&more[0]));
}

#[tokio::test]
async fn incidents_are_replaced_whole_and_found_newest_first() {
    let Some(bench) = bench().await else { return };
    let (a, b) = (bench.monitor("web").await, bench.monitor("b").await);
    let closed = Incident {
        ended_at: Some(at(50)),
        closed_reason: Some(Reason::Recovered),
        suppressed: true,
        suppress_reason: Some("silence shop/night".to_owned()),
        acknowledged: Some((at(20), "ann".to_owned())),
        toggles: vec![at(11), at(12)],
        ..incident(a, 1, 10)
    };
    let other = Incident { monitor_name: name("b"), ..incident(b, 1, 100) };
    let put = async |incidents: Vec<Incident>| {
        let batch = Batch { incidents, durable: true, ..Batch::default() };
        bench.commit(batch).await;
    };
    put(vec![incident(a, 1, 10), other.clone(), incident(a, 2, 200)]).await;
    put(vec![closed.clone()]).await;
    let ask = async |query: IncidentQuery| {
        let found = bench.store.incidents(IncidentQuery { limit: 10, ..query });
        found.await.unwrap()
    };
    let all = ask(IncidentQuery::default()).await;
    assert_eq!(all, [incident(a, 2, 200), other.clone(), closed.clone()]);
    let ids = |found: Vec<Incident>| found.iter().map(|i| i.id).collect::<Vec<_>>();
    let of = |monitor, sequence| IncidentId::new(monitor, sequence);
    let open =
        IncidentQuery { open: Some(true), monitor: Some(name("web")), ..IncidentQuery::default() };
    assert_eq!(ids(ask(open).await), [of(a, 2)]);
    let ended = IncidentQuery { open: Some(false), ..IncidentQuery::default() };
    assert_eq!(ids(ask(ended).await), [of(a, 1)]);
    let since = IncidentQuery { from: Some(at(50)), to: Some(at(200)), ..IncidentQuery::default() };
    assert_eq!(ids(ask(since).await), [of(b, 1)]);
    let page = IncidentQuery { before: Some(of(b, 1)), ..IncidentQuery::default() };
    assert_eq!(ids(ask(page).await), [of(a, 1)]);
}

#[tokio::test]
async fn audit_events_are_found_by_resource_actor_and_time() {
    let Some(bench) = bench().await else { return };
    let event = |ms: i64, key: &str, actor: Option<&str>| AuditEvent {
        at: at(ms),
        resource_type: "Monitor".to_owned(),
        resource_key: key.to_owned(),
        event_type: "applied".to_owned(),
        actor: actor.map(str::to_owned),
        summary: Some("spec.enabled".to_owned()),
        details: Some(serde_json::json!({"generation": 2, "text": "🦀"})),
    };
    let audit = vec![
        event(1, "shop/web", None),
        event(2, "shop/api", Some("ann")),
        event(2, "shop/web", Some("bob")),
    ];
    bench.commit(Batch { audit: audit.clone(), ..Batch::default() }).await;
    let ask = async |query: AuditQuery| {
        let found = bench.store.audit(AuditQuery { limit: 10, ..query });
        found.await.unwrap()
    };
    let newest_first: Vec<_> = audit.iter().rev().cloned().collect();
    assert_eq!(ask(AuditQuery::default()).await, newest_first);
    let web = AuditQuery {
        resource: Some("Monitor shop/web".to_owned()),
        from: Some(at(2)),
        ..AuditQuery::default()
    };
    assert_eq!(ask(web).await, [audit[2].clone()]);
    let ann = AuditQuery {
        resource: Some("Monitor".to_owned()),
        actor: Some("ann".to_owned()),
        to: Some(at(3)),
        ..AuditQuery::default()
    };
    assert_eq!(ask(ann).await, [audit[1].clone()]);
}
