//! Exchanges with servers on loop-back that speak, stay silent, cut off or never stop.

use std::future::Future;
use std::time::Duration;

use kuma_core::check::Check;
use kuma_core::observation::{Observation, Outcome};
use kuma_core::secret::SecretText;
use kuma_core::settings::Settings;
use kuma_expr::Pattern;
use proptest::prelude::*;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::testing::{self, fact};

/// Accepts one connection after the other and hands each to `serve`.
async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> (u16, JoinHandle<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    (port, task)
}

fn check(port: u16) -> TcpCheck {
    TcpCheck {
        host: "127.0.0.1".to_owned(),
        port,
        send: None,
        expect: None,
        banner_contains: None,
        tls: None,
        starttls: None,
    }
}

/// For those that are about silence.
const SHORT: Duration = Duration::from_millis(900);

fn expecting(port: u16, text: &str) -> TcpCheck {
    TcpCheck { expect: Some(TcpExpect::Text(text.to_owned())), ..check(port) }
}

async fn run(check: TcpCheck) -> Observation {
    run_within(Duration::from_secs(10), check).await
}

async fn run_within(timeout: Duration, check: TcpCheck) -> Observation {
    testing::run(Check::Tcp(Box::new(check)), &Settings::default(), timeout).await
}

fn failure(reason: Reason) -> Outcome {
    Outcome::Failure(reason)
}

/// Reads until the peer closes, so that closing does not become a reset.
async fn drain(mut stream: TcpStream) {
    let mut sink = [0; 1024];
    while matches!(stream.read(&mut sink).await, Ok(length) if length > 0) {}
}

#[tokio::test]
async fn a_connection_alone_is_enough_and_ends_without_a_reset() {
    let (ended, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let (port, _task) = server(move |mut stream| {
        let ended = ended.clone();
        async move {
            let mut byte = [0];
            let _ = ended.send(stream.read(&mut byte).await);
        }
    })
    .await;
    let seen = run(check(port)).await;
    assert_eq!(seen.outcome, Outcome::Success);
    assert_eq!(seen.message, "connected");
    assert!(seen.phases.connect.is_some() && seen.latency.is_some());
    assert_eq!(ends.recv().await.unwrap().unwrap(), 0, "a proper end, no reset");
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    assert_eq!(run(check(port)).await.outcome, failure(Reason::ConnectionRefused));
}

#[tokio::test]
async fn banner_then_question_then_answer() {
    let (port, _task) = server(|mut stream| async move {
        // In pieces, so that what is looked for is split.
        for piece in ["220 mail.exa", "mple ES", "MTP\r\n"] {
            stream.write_all(piece.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut question = [0; 6];
        stream.read_exact(&mut question).await.unwrap();
        assert_eq!(&question, b"EHLO\r\n");
        stream.write_all(b"250 ready\r\n").await.unwrap();
        drain(stream).await;
    })
    .await;
    let asked = TcpCheck {
        banner_contains: Some("example ESMTP".to_owned()),
        send: Some(SecretText::parse("EHLO\r\n").unwrap()),
        expect: Some(TcpExpect::Regex(Pattern::compile("^250 ").unwrap())),
        ..check(port)
    };
    let seen = run(asked).await;
    assert_eq!(seen.outcome, Outcome::Success, "{}", seen.message);
    assert_eq!(seen.message, "connected, banner as expected, answer as expected");
    assert!(seen.phases.first_byte.is_some() && seen.phases.transfer.is_some());
}

#[tokio::test]
async fn another_answer_is_shown() {
    let (port, _task) = server(|mut stream| async move {
        stream.write_all(b"-ERR \x1b[2J no\r\n").await.unwrap();
    })
    .await;
    let seen = run(expecting(port, "+PONG")).await;
    assert_eq!(seen.outcome, failure(Reason::TcpMismatch));
    insta::assert_snapshot!(
        seen.message,
        @"an answer with `+PONG` did not come before the target closed"
    );
    assert_eq!(fact(&seen, "received"), Some("-ERR \\u{1b}[2J no\\r\\n"));
}

#[tokio::test]
async fn half_an_answer_is_a_mismatch_when_the_time_is_over() {
    let (port, _task) = server(|mut stream| async move {
        stream.write_all(b"+PO").await.unwrap();
        drain(stream).await;
    })
    .await;
    let seen = run_within(SHORT, expecting(port, "+PONG")).await;
    assert_eq!(seen.outcome, failure(Reason::TcpMismatch));
    insta::assert_snapshot!(seen.message, @"an answer with `+PONG` did not come within 900 ms");
}

#[tokio::test]
async fn silence_is_a_timeout_and_an_early_end_is_told_apart() {
    let (silent, _task) = server(drain).await;
    let seen = run_within(SHORT, expecting(silent, "x")).await;
    assert_eq!(seen.outcome, failure(Reason::Timeout));
    insta::assert_snapshot!(seen.message, @"the target said nothing within 900 ms");
    let (closing, _task) = server(|stream| async move { drop(stream) }).await;
    let seen = run(expecting(closing, "x")).await;
    assert_eq!(seen.outcome, failure(Reason::ConnectionClosed));
    let (cutting, _task) = server(|stream| async move {
        stream.set_zero_linger().unwrap();
    })
    .await;
    let seen = run(expecting(cutting, "x")).await;
    assert_eq!(seen.outcome, failure(Reason::ConnectionReset));
}

#[tokio::test]
async fn a_target_that_never_stops_is_not_read_for_ever() {
    let (port, _task) =
        server(|mut stream| async move { while stream.write_all(&[b'x'; 8192]).await.is_ok() {} })
            .await;
    let seen = run(expecting(port, "y")).await;
    assert_eq!(seen.outcome, failure(Reason::TcpMismatch));
    insta::assert_snapshot!(
        seen.message,
        @"an answer with `y` did not come in the first 65536 bytes"
    );
    assert!(fact(&seen, "received").unwrap().len() <= SHOWN + '…'.len_utf8());
}

#[tokio::test]
async fn secrets_are_sent_and_never_shown() {
    let (port, _task) = server(|mut stream| async move {
        let mut said = [0; 11];
        stream.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"open-sesame");
        stream.write_all(b"you said: open-sesame").await.unwrap();
    })
    .await;
    let asked = TcpCheck {
        send: Some(SecretText::parse("${SECRET:tcp:word}").unwrap()),
        ..expecting(port, "welcome")
    };
    let seen = run(asked).await;
    assert_eq!(seen.outcome, failure(Reason::TcpMismatch));
    assert_eq!(fact(&seen, "received"), Some("you said: •••"));
    let missing =
        TcpCheck { send: Some(SecretText::parse("${SECRET:tcp:other}").unwrap()), ..check(port) };
    assert_eq!(run(missing).await.outcome, Outcome::Indeterminate(Reason::SecretMissing));
}

#[tokio::test]
async fn a_port_that_does_not_speak_tls_is_no_success() {
    let (port, _task) = server(|mut stream| async move {
        let _ = stream.write_all(b"220 plain\r\n").await;
        drain(stream).await;
    })
    .await;
    let asked = TcpCheck { tls: Some(kuma_core::check::TlsOptions::default()), ..check(port) };
    let seen = run(asked).await;
    assert_eq!(seen.outcome, failure(Reason::TlsHandshake), "{}", seen.message);
}

#[tokio::test]
async fn the_exchange_runs_inside_tls_and_the_certificate_is_kept() {
    let made = rcgen::generate_simple_self_signed(vec!["cache.example".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let (port, _task) = server(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let mut question = [0; 4];
            stream.read_exact(&mut question).await.unwrap();
            stream.write_all(b"+PONG\r\n").await.unwrap();
            let _ = stream.read(&mut question).await;
        }
    })
    .await;
    let asked = TcpCheck {
        send: Some(SecretText::parse("PING").unwrap()),
        tls: Some(kuma_core::check::TlsOptions {
            verify: false,
            sni: Some("cache.example".to_owned()),
            ..kuma_core::check::TlsOptions::default()
        }),
        ..expecting(port, "+PONG")
    };
    let timeout = Duration::from_secs(10);
    let check = |asked: &TcpCheck| Check::Tcp(Box::new(asked.clone()));
    let seen = testing::run(check(&asked), &Settings::default(), timeout).await;
    assert_eq!(seen.outcome, Outcome::Success, "{}", seen.message);
    assert_eq!(seen.certificate.unwrap().names, ["cache.example"]);
    assert!(seen.phases.tls.is_some());
    let mut verified = asked;
    verified.tls.as_mut().unwrap().verify = true;
    let seen = testing::run(check(&verified), &Settings::default(), timeout).await;
    assert_eq!(seen.outcome, failure(Reason::TlsUntrusted), "{}", seen.message);
}

proptest! {
    /// However the answer is cut into pieces, a text in it is found, and only then.
    #[test]
    fn a_text_is_found_across_pieces(
        bytes in prop::collection::vec(b'a'..=b'c', 0..60),
        text in "[abc]{0,5}",
        cuts in prop::collection::vec(0usize..60, 0..6),
    ) {
        let wanted = Wanted::Text(&text);
        let mut ends: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        let mut news = 0;
        let mut found = false;
        for end in ends {
            found |= wanted.is_in(&bytes[..end], news);
            news = end;
        }
        let whole = String::from_utf8(bytes).unwrap();
        prop_assert_eq!(found, whole.contains(&text));
    }

    #[test]
    fn any_bytes_can_be_shown(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        prop_assert!(!shown(&bytes).chars().any(char::is_control));
    }
}
