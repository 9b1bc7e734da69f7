//! Answers that are meant to harm: each ends within its time, with a reason, in bounded memory,
//! and checks of other targets go on beside it.

mod bodies;
mod heads;
mod two;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kuma_core::check::{
    Check, Content, JsonExpectation, JsonOperator, JsonQueryCheck, Keyword, KeywordCheck,
};
use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::Reason;
use kuma_expr::JsonPath;
use tokio::io::AsyncWriteExt;

use crate::fixture::World;
use crate::fixture::monitor::{get, http};
use crate::fixture::server::{Reply, Server, read_request};

/// How long an attempt may take here.
const TIMEOUT: Duration = Duration::from_secs(2);
/// More than that nothing here may add to the peak of this process, in KiB. All tests of this
/// binary run in it at once; the bombs would each take half a gigabyte or more.
const MAX_PEAK_KIB: u64 = 256 << 10;

/// The most memory this process has had so far, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// One attempt, with a well-behaved neighbour asked beside it again and again.
async fn attack(check: impl Into<Check>) -> Observation {
    attack_for(TIMEOUT, check).await
}

async fn attack_for(timeout: Duration, check: impl Into<Check>) -> Observation {
    let mut world = World::new();
    world.timeout = timeout;
    let neighbour = Server::http(|_| Reply::ok("fine")).await;
    let before = peak_kib();
    let others = async {
        for _ in 0..10 {
            let seen = world.run(http(get(neighbour.url("/")))).await;
            assert_eq!(seen.outcome, Outcome::Success, "the neighbour: {seen:?}");
        }
    };
    let began = tokio::time::Instant::now();
    let (seen, ()) = tokio::join!(Box::pin(world.run(check)), Box::pin(others));
    let (took, grown) = (began.elapsed(), peak_kib().saturating_sub(before));
    assert!(took < timeout + TIMEOUT * 3, "took {took:?}: {seen:?}");
    assert!(grown < MAX_PEAK_KIB, "{grown} KiB more: {}", seen.message);
    seen
}

/// A failure for one of these reasons; the message.
fn failed(seen: &Observation, reasons: &[Reason]) -> String {
    let reason = seen.outcome.reason();
    assert!(matches!(seen.outcome, Outcome::Failure(_)), "not a failure: {seen:?}");
    assert!(reason.is_some_and(|reason| reasons.contains(&reason)), "{seen:?}");
    seen.message.clone()
}

/// Sends `head`, then `part` again and again until the client has gone; counts what was sent.
async fn endless(head: &str, part: Vec<u8>, pause: Duration) -> (Server, Arc<AtomicU64>) {
    let sent = Arc::new(AtomicU64::new(0));
    let (count, head) = (Arc::clone(&sent), head.to_owned());
    let server = Server::connections(move |mut stream, _| {
        let (count, head, part) = (Arc::clone(&count), head.clone(), part.clone());
        async move {
            if read_request(&mut stream).await.is_none() {
                return;
            }
            if stream.write_all(head.as_bytes()).await.is_err() {
                return;
            }
            while stream.write_all(&part).await.is_ok() {
                count.fetch_add(part.len() as u64, Ordering::Relaxed);
                tokio::time::sleep(pause).await;
            }
        }
    })
    .await;
    (server, sent)
}

fn seeking(url: String, keyword: Keyword) -> Check {
    let rules = vec![Content { keyword, invert: false }];
    Check::Keyword(Box::new(KeywordCheck { http: get(url), rules }))
}

fn keyword(url: String) -> Check {
    seeking(url, Keyword::Text { text: "well".into(), case_sensitive: true })
}

fn query(url: String) -> Check {
    Check::JsonQuery(Box::new(JsonQueryCheck {
        http: get(url),
        query: JsonPath::compile("$..a").unwrap(),
        operator: JsonOperator::Exists,
        expected: JsonExpectation::Exists(true),
    }))
}
