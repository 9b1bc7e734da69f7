//! A server that stops, dies and comes back, and one that asks for TLS.

use std::sync::Arc;
use std::time::Duration;

use kuma_core::ports::{Batch, Fence, Store, StoreError};
use kuma_fixture::Postgres;

use crate::support::{FakeClock, beat, name, open_postgres};

#[tokio::test]
async fn a_server_that_comes_back_is_found_without_opening_again() {
    if Postgres::shared().is_none() {
        return;
    }
    let server = Arc::new(Postgres::start());
    let database = server.database();
    let clock = Arc::new(FakeClock::default());
    let store = open_postgres(&database.url(), "a/1", &clock).await.unwrap();
    let web = store.intern(&[name("web")]).await.unwrap()[0];
    let write = |ms| {
        let batch = Batch { heartbeats: vec![beat(web, ms, 1)], durable: true, ..Batch::default() };
        store.commit(batch, Fence::Exclusive)
    };
    write(1).await.unwrap();
    for (round, kill) in [false, true].into_iter().enumerate() {
        if kill {
            server.kill();
        } else {
            server.stop();
        }
        let refused = tokio::time::timeout(Duration::from_secs(30), write(10));
        let refused = refused.await.expect("an answer in bounded time");
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        assert!(store.ping().await.is_err());
        server.start_again();
        let mut back = false;
        for _ in 0..300 {
            if store.ping().await.is_ok() {
                back = true;
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(back, "it does not come back in round {round}");
        write(20 + i64::try_from(round).unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_is_believed_only_where_the_url_says_whom_to_believe() {
    if Postgres::shared().is_none() {
        return;
    }
    let server = Arc::new(Postgres::with_tls());
    let database = server.database();
    let clock = Arc::new(FakeClock::default());
    let plain = database.url();
    let with = |query: &str| {
        let glue = if plain.contains('?') { '&' } else { '?' };
        format!("{plain}{glue}{query}").replace("127.0.0.1", "localhost")
    };
    let ca = server.ca_file();
    let verified = with(&format!("sslmode=verify-full&sslrootcert={}", ca.display()));
    open_postgres(&verified, "a/1", &clock).await.unwrap();
    open_postgres(&with("sslmode=require"), "a/2", &clock).await.unwrap();
    let error = open_postgres(&with("sslmode=verify-full"), "a/3", &clock).await.err().unwrap();
    let error = error.to_string();
    assert!(!error.contains(kuma_fixture::CANARY), "{error}");
}
