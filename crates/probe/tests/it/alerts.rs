//! Every alert that a server may end a handshake with (RFC 8446, section 6), and what is made of it.

use kuma_core::check::{Check, TlsCheck, TlsOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fixture::attack::{attack, failed};
use crate::fixture::server::Server;

/// Hears the first words of a client and answers with a fatal alert, or with what is no alert.
async fn alerting(record: Vec<u8>) -> Server {
    Server::connections(move |mut stream, _| {
        let record = record.clone();
        async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(&record).await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    })
    .await
}

async fn told(record: Vec<u8>) -> String {
    let server = alerting(record).await;
    let check = Check::Tls(Box::new(TlsCheck {
        host: "127.0.0.1".to_owned(),
        port: server.address.port(),
        starttls: None,
        tls: TlsOptions::default(),
    }));
    let seen = attack(check).await;
    let reason = seen.outcome.reason().unwrap();
    let message = failed(&seen, &[reason]);
    let message = message.split("; connected in").next().unwrap();
    format!("{reason}: {message}")
}

#[tokio::test]
async fn every_alert_is_put_into_words() {
    let mut words = Vec::new();
    for code in [
        0, 10, 20, 22, 30, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 60, 70, 71, 80, 86, 90,
        100, 109, 110, 112, 113, 115, 116, 120, 255,
    ] {
        words.push(format!("{code} {}", told(vec![0x15, 3, 3, 0, 2, 2, code]).await));
    }
    insta::assert_snapshot!(words.join("\n"));
}

#[tokio::test]
async fn alerts_that_are_none_end_the_handshake_too() {
    let mut words = Vec::new();
    for record in [
        // Only a warning, then nothing.
        vec![0x15, 3, 3, 0, 2, 1, 112],
        // Of one byte, of none, and longer than a record may be.
        vec![0x15, 3, 3, 0, 1, 2],
        vec![0x15, 3, 3, 0, 0],
        vec![0x15, 3, 3, 0xff, 0xff],
        // Warnings without end are no way to hold us up.
        [0x15, 3, 3, 0, 2, 1, 90].repeat(50_000),
    ] {
        words.push(told(record).await);
    }
    insta::assert_snapshot!(words.join("\n"));
}
