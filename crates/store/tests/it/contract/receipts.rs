//! What providers gave back for messages, and which of them still stand.

use kuma_core::event::EventKind;
use kuma_core::id::{IncidentId, MonitorId};
use kuma_core::ports::{Batch, DeliveryEnd, Earlier, LONGEST_RECEIPT, OutboxRow};

use super::bench;
use crate::support::{Bench, at, event, incident, name, row};

fn about(key: &str, kind: EventKind, number: u32) -> OutboxRow {
    let incident = Some(IncidentId::new(MonitorId(1), number));
    OutboxRow { event: event(kind, incident), ..row(key, "web", "chat", kind, 0) }
}

fn sent_as(receipt: &str) -> DeliveryEnd {
    DeliveryEnd::Sent { receipt: Some(receipt.to_owned()) }
}

async fn deliver(bench: &Bench, row: OutboxRow, end: DeliveryEnd, ms: i64) -> Vec<Earlier> {
    let key = row.key.clone();
    bench.enqueue(&[row]).await;
    let claims = bench.claim(ms).await;
    bench.finish(&key, end, ms).await;
    claims[0].earlier.clone()
}

#[tokio::test]
async fn receipts_of_an_incident_come_with_its_later_messages_through_the_same_provider() {
    let Some(mut bench) = bench().await else { return };
    let first = deliver(&bench, about("d1", EventKind::Down, 1), sent_as("m1"), 1).await;
    assert!(first.is_empty());
    deliver(&bench, about("r1", EventKind::Resend, 1), sent_as("m2"), 2).await;
    deliver(&bench, about("d2", EventKind::Down, 2), sent_as("other"), 3).await;
    let mail = OutboxRow { provider: name("mail"), ..about("x1", EventKind::Up, 1) };
    assert!(deliver(&bench, mail, sent_as("mail"), 4).await.is_empty());
    bench.reopen().await;
    let incident = IncidentId::new(MonitorId(1), 1);
    let earlier = deliver(&bench, about("u1", EventKind::Up, 1), sent_as("m3"), 5).await;
    let receipts = ["m1", "m2"].map(|receipt| Earlier { incident, receipt: receipt.into() });
    assert_eq!(earlier, receipts);
}

#[tokio::test]
async fn a_retry_has_no_receipt_and_one_that_is_too_long_is_not_kept() {
    let Some(bench) = bench().await else { return };
    let long = "x".repeat(LONGEST_RECEIPT + 1);
    deliver(&bench, about("d1", EventKind::Down, 1), sent_as(&long), 1).await;
    let again = DeliveryEnd::Retry { at: at(2), error: "503".into() };
    assert!(deliver(&bench, about("u1", EventKind::Up, 1), again, 1).await.is_empty());
    assert!(bench.claim(2).await[0].earlier.is_empty());
}

#[tokio::test]
async fn what_stands_is_the_last_message_of_each_open_incident_and_of_those_just_over() {
    let Some(bench) = bench().await else { return };
    let web = bench.monitor("web").await;
    let open = incident(web, 1, 0);
    let over = kuma_core::ports::Incident { ended_at: Some(at(50)), ..incident(web, 2, 0) };
    bench.commit(Batch { incidents: vec![open, over], ..Batch::default() }).await;
    deliver(&bench, about("d1", EventKind::Down, 1), sent_as("m1"), 1).await;
    deliver(&bench, about("r1", EventKind::Resend, 1), sent_as("m2"), 2).await;
    deliver(&bench, about("d2", EventKind::Down, 2), sent_as("m3"), 3).await;
    deliver(&bench, about("u2", EventKind::Up, 2), sent_as("m4"), 60).await;
    let dead = DeliveryEnd::Dead { error: "404".into() };
    deliver(&bench, about("r2", EventKind::Resend, 1), dead, 61).await;
    let receipts = async |provider: &str, since| {
        let standing = bench.store.standing(&name(provider), at(since)).await.unwrap();
        standing.into_iter().map(|it| (it.row.key, it.receipt.unwrap())).collect::<Vec<_>>()
    };
    let pair = |key: &str, receipt: &str| (key.to_owned(), receipt.to_owned());
    assert_eq!(receipts("chat", 59).await, [pair("r1", "m2"), pair("u2", "m4")]);
    assert_eq!(receipts("chat", 60).await, [pair("r1", "m2")]);
    assert!(receipts("mail", 0).await.is_empty());
}
