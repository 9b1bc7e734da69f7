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
use crate::fixture::attack::{TIMEOUT, attack, attack_for, failed};
use crate::fixture::monitor::{get, http};
use crate::fixture::server::{Reply, Server, read_request};

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
