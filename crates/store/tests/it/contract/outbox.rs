//! Messages: order, merging, groups, retries, dead letters, crashes.

use kuma_core::event::EventKind;
use kuma_core::id::{IncidentId, MonitorId};
use kuma_core::ports::{Batch, DeliveryEnd, OutboxRow, SuppressedRow};
use kuma_core::time::Timestamp;

use super::bench;
use crate::support::{at, incident, name, row, sent};

fn down(key: &str, subject: &str) -> OutboxRow {
    row(key, subject, "chat", EventKind::Down, 0)
}

fn up(key: &str, subject: &str, merges: &str) -> OutboxRow {
    OutboxRow { merges: Some(merges.to_owned()), ..row(key, subject, "chat", EventKind::Up, 0) }
}

fn grouped(key: &str, subject: &str, ms: i64) -> OutboxRow {
    OutboxRow {
        group_key: Some("team-a".to_owned()),
        ..row(key, subject, "chat", EventKind::Down, ms)
    }
}

fn retry(ms: i64) -> DeliveryEnd {
    DeliveryEnd::Retry { at: at(ms), error: "503".to_owned() }
}

fn dead() -> DeliveryEnd {
    DeliveryEnd::Dead { error: "404".to_owned() }
}

fn keys(claims: &[kuma_core::ports::Claim]) -> Vec<&str> {
    claims.iter().map(|claim| claim.key.as_str()).collect()
}

#[tokio::test]
async fn a_message_comes_back_as_it_was_enqueued() {
    let Some(bench) = bench().await else { return };
    bench.clock.set(500);
    let row = down("d1", "web");
    bench.enqueue(std::slice::from_ref(&row)).await;
    let claims = bench.claim(1000).await;
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0].rows, [row]);
    assert_eq!(claims[0].attempts, 0);
    assert_eq!(claims[0].created_at, at(500));
    assert!(!claims[0].may_be_repeat);
}

#[tokio::test]
async fn a_key_is_sent_once_however_often_it_is_enqueued() {
    let Some(bench) = bench().await else { return };
    bench.enqueue(&[down("d1", "web"), down("d1", "web")]).await;
    bench.enqueue(&[down("d1", "web")]).await;
    assert_eq!(keys(&bench.claim(0).await), ["d1"]);
    bench.finish("d1", sent(), 10).await;
    bench.enqueue(&[down("d1", "web")]).await;
    assert!(bench.claim(20).await.is_empty());
}

#[tokio::test]
async fn an_up_never_overtakes_its_down() {
    let Some(bench) = bench().await else { return };
    bench.enqueue(&[down("d1", "web")]).await;
    assert_eq!(keys(&bench.claim(0).await), ["d1"]);
    bench.enqueue(&[up("u1", "web", "d1")]).await;
    assert!(bench.claim(1).await.is_empty(), "the down is being sent");
    bench.finish("d1", retry(5000), 2).await;
    assert!(bench.claim(3).await.is_empty(), "the down waits");
    let again = bench.claim(5000).await;
    assert_eq!((keys(&again), again[0].attempts), (vec!["d1"], 1));
    assert_eq!(again[0].merged_up, None, "it was attempted before");
    bench.finish("d1", sent(), 5001).await;
    assert_eq!(keys(&bench.claim(5002).await), ["u1"]);
}

#[tokio::test]
async fn streams_of_other_subjects_and_providers_do_not_wait() {
    let Some(bench) = bench().await else { return };
    let other = row("m1", "web", "mail", EventKind::Down, 0);
    bench.enqueue(&[down("d1", "web"), down("d2", "api"), other]).await;
    assert_eq!(keys(&bench.claim(0).await), ["d1", "d2", "m1"]);
}

#[tokio::test]
async fn an_up_merges_into_a_down_that_was_never_attempted() {
    let Some(bench) = bench().await else { return };
    let resend = row("r1", "web", "chat", EventKind::Resend, 0);
    bench.enqueue(&[down("d1", "web"), resend, up("u1", "web", "d1")]).await;
    let claims = bench.claim(0).await;
    assert_eq!(keys(&claims), ["d1"]);
    assert_eq!(claims[0].merged_up.as_ref().unwrap().kind, EventKind::Up);
    bench.finish("d1", retry(10), 1).await;
    let again = bench.claim(10).await;
    assert_eq!(again[0].merged_up.as_ref().unwrap().kind, EventKind::Up);
    bench.finish("d1", sent(), 11).await;
    assert!(bench.claim(1000).await.is_empty());
    let log = bench.store.deliveries(None, 10).await.unwrap();
    let statuses: Vec<_> = log.iter().map(|row| (&*row.key, &*row.status)).collect();
    assert_eq!(statuses, [("u1", "deduped"), ("r1", "deduped"), ("d1", "sent")]);
}

#[tokio::test]
async fn a_group_travels_together_once_its_first_row_is_due_and_then_stays_the_same() {
    let Some(bench) = bench().await else { return };
    bench.enqueue(&[grouped("d1", "web", 100), grouped("d2", "api", 900)]).await;
    assert!(bench.claim(99).await.is_empty());
    let claims = bench.claim(100).await;
    assert_eq!(claims.len(), 1);
    let group = claims[0].key.clone();
    assert_eq!(claims[0].rows.len(), 2);
    assert_ne!(group, "d1");
    bench.store.freeze(&group, b"bytes").await.unwrap();
    bench.finish(&group, retry(200), 150).await;
    bench.enqueue(&[grouped("d3", "db", 150)]).await;
    let claims = bench.claim(200).await;
    assert_eq!(claims.len(), 2);
    let (old, new) =
        if claims[0].key == group { (&claims[0], &claims[1]) } else { (&claims[1], &claims[0]) };
    assert_eq!(old.key, group);
    assert_eq!(old.rows.len(), 2);
    assert_eq!(old.frozen.as_deref(), Some(b"bytes".as_slice()));
    assert_eq!((&*new.key, new.rows.len()), ("d3", 1));
    bench.finish(&group, sent(), 201).await;
    let log = bench.store.deliveries(None, 10).await.unwrap();
    assert_eq!(log.iter().filter(|row| row.status == "sent").count(), 2);
}

#[tokio::test]
async fn a_group_does_not_pull_a_row_past_its_predecessor() {
    let Some(bench) = bench().await else { return };
    bench.enqueue(&[row("c1", "api", "chat", EventKind::CertExpiring, 9000)]).await;
    bench.enqueue(&[grouped("d1", "web", 0), grouped("d2", "api", 0)]).await;
    let claims = bench.claim(0).await;
    assert_eq!(keys(&claims), ["d1"]);
}

#[tokio::test]
async fn busy_and_paused_providers_are_left_alone() {
    let Some(bench) = bench().await else { return };
    bench.enqueue(&[down("d1", "web")]).await;
    let busy = [name("chat")];
    let none = bench.store.claim(at(0), &busy, 10).await.unwrap();
    assert!(none.is_empty());
    bench.store.pause_provider(&name("chat"), at(500)).await.unwrap();
    assert!(bench.claim(499).await.is_empty());
    assert_eq!(bench.store.next_due().await.unwrap(), Some(at(500)));
    let pauses = bench.store.provider_pauses().await.unwrap();
    assert_eq!(pauses, [(name("chat"), at(500))]);
    assert_eq!(keys(&bench.claim(500).await), ["d1"]);
}

#[tokio::test]
async fn what_a_dead_process_was_sending_comes_again_as_a_possible_repeat_with_the_same_bytes() {
    let Some(mut bench) = bench().await else { return };
    bench.enqueue(&[down("d1", "web"), down("d2", "api")]).await;
    assert_eq!(bench.claim(0).await.len(), 2);
    bench.store.freeze("d1", b"frozen").await.unwrap();
    bench.finish("d2", retry(50), 1).await;
    bench.reopen().await;
    assert!(bench.claim(10).await.is_empty());
    assert_eq!(bench.store.recover_sending(at(20)).await.unwrap(), 1);
    let claims = bench.claim(100).await;
    assert_eq!(keys(&claims), ["d1", "d2"]);
    assert_eq!(claims[0].frozen.as_deref(), Some(b"frozen".as_slice()));
    assert_eq!((claims[0].may_be_repeat, claims[0].attempts), (true, 1));
    assert!(!claims[1].may_be_repeat);
}

#[tokio::test]
async fn dead_letters_of_open_incidents_requeue_and_others_stay() {
    let Some(bench) = bench().await else { return };
    let monitor = bench.monitor("web").await;
    assert_eq!(monitor, MonitorId(1));
    let mut closed = down("d2", "api");
    closed.event.incident = Some(IncidentId::new(monitor, 2));
    bench
        .commit(Batch {
            incidents: vec![
                incident(monitor, 1, 0),
                kuma_core::ports::Incident { ended_at: Some(at(5)), ..incident(monitor, 2, 0) },
            ],
            outbox: vec![down("d1", "web"), closed],
            durable: true,
            ..Batch::default()
        })
        .await;
    for claim in bench.claim(0).await {
        bench.store.freeze(&claim.key, b"old").await.unwrap();
        bench.finish(&claim.key, dead(), 1).await;
    }
    assert!(bench.claim(1000).await.is_empty());
    let other = bench.store.requeue_dead(&name("mail"), at(5)).await;
    assert_eq!(other.unwrap(), 0);
    let requeued = bench.store.requeue_dead(&name("chat"), at(2000)).await;
    assert_eq!(requeued.unwrap(), 1);
    let claims = bench.claim(2000).await;
    assert_eq!(keys(&claims), ["d1"]);
    assert_eq!(claims[0].frozen, None, "rendered anew");
    assert_eq!(claims[0].created_at, at(2000), "another 24 hours");
}

#[tokio::test]
async fn a_suppressed_message_is_logged_and_may_still_be_told_later() {
    let Some(bench) = bench().await else { return };
    let suppressed = SuppressedRow { row: down("d1", "web"), why: "silence shop/night".to_owned() };
    bench.commit(Batch { suppressed: vec![suppressed], ..Batch::default() }).await;
    assert!(bench.claim(0).await.is_empty());
    let log = bench.store.deliveries(None, 10).await.unwrap();
    assert_eq!(log[0].status, "deduped");
    assert_eq!(log[0].last_error.as_deref(), Some("silence shop/night"));
    bench.enqueue(&[down("d1", "web")]).await;
    assert_eq!(keys(&bench.claim(0).await), ["d1"]);
}

#[tokio::test]
async fn the_log_shows_attempts_errors_and_times() {
    let Some(bench) = bench().await else { return };
    bench.enqueue(&[down("d1", "web")]).await;
    bench.claim(10).await;
    bench.finish("d1", dead(), 30).await;
    let incident = IncidentId::new(MonitorId(1), 1);
    let log = bench.store.deliveries(Some(incident), 10).await.unwrap();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].monitor, "shop/web");
    assert_eq!((log[0].attempts, &*log[0].status), (1, "failed"));
    assert_eq!(log[0].last_error.as_deref(), Some("404"));
    assert_eq!(log[0].updated_at, at(30));
    let none = bench.store.deliveries(Some(IncidentId(7)), 10).await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn finishing_what_is_not_being_sent_is_refused() {
    let Some(bench) = bench().await else { return };
    let took = std::time::Duration::ZERO;
    let finished = bench.store.finish("no", sent(), took, at(0)).await;
    assert!(matches!(finished, Err(kuma_core::ports::StoreError::Invalid(_))));
    assert!(bench.store.freeze("no", b"").await.is_err());
}

#[tokio::test]
async fn the_backlog_counts_what_waits_and_how_long_it_was_due() {
    let Some(bench) = bench().await else { return };
    let empty: (u64, Option<std::time::Duration>) = (0, None);
    assert_eq!(bench.store.outbox_backlog(at(0)).await.unwrap(), empty);
    assert_eq!(bench.store.next_due().await.unwrap(), None::<Timestamp>);
    bench.enqueue(&[row("d1", "web", "chat", EventKind::Down, 1000)]).await;
    assert_eq!(bench.store.next_due().await.unwrap(), Some(at(1000)));
    let (count, age) = bench.store.outbox_backlog(at(500)).await.unwrap();
    assert_eq!((count, age), (1, None));
    bench.claim(1000).await;
    bench.finish("d1", retry(60_000), 1001).await;
    let (count, age) = bench.store.outbox_backlog(at(4000)).await.unwrap();
    assert_eq!((count, age.unwrap().as_millis()), (1, 3000));
}
