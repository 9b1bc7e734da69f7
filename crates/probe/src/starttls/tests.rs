//! The talk before TLS against a server in memory: what is refused, and that no bytes a server
//! may send lead to a panic, an endless talk or a handshake nobody agreed to.

use std::time::Duration;

use kuma_core::observation::Outcome;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::clear::{MOST, Unit};
use super::*;

/// Sends `bytes` at once, reads what comes, and closes.
async fn speak(mut server: DuplexStream, bytes: Vec<u8>) {
    let (mut reader, mut writer) = tokio::io::split(&mut server);
    let write = async {
        let _ = writer.write_all(&bytes).await;
        let _ = writer.shutdown().await;
    };
    let mut heard = Vec::new();
    let _ = tokio::join!(write, reader.read_to_end(&mut heard));
}

async fn talk(protocol: Starttls, bytes: Vec<u8>) -> Result<(), Fault> {
    let (mut ours, theirs) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(speak(theirs, bytes));
    let agreed = tokio::time::timeout(
        Duration::from_secs(10),
        negotiate(&mut ours, protocol, "host.example"),
    );
    let agreed = agreed.await.expect("the talk ends");
    drop(ours);
    server.await.unwrap();
    agreed
}

async fn refusal(protocol: Starttls, bytes: &[u8]) -> Fault {
    let fault = talk(protocol, bytes.to_vec()).await.expect_err("no TLS");
    assert_eq!(fault.outcome, Outcome::Failure(Reason::TlsStarttls), "{fault:?}");
    fault
}

#[tokio::test]
async fn a_refusal_is_told_in_the_servers_words() {
    let mut told = Vec::new();
    for (protocol, bytes) in [
        (Starttls::Smtp, &b"554 go away\r\n"[..]),
        (Starttls::Smtp, b"220 a\r\n250-a\r\n250 SIZE\r\n"),
        (Starttls::Smtp, b"220 a\r\n250-a\r\n250 STARTTLS\r\n454 not now\r\n"),
        (Starttls::Imap, b"* BYE busy\r\n"),
        (Starttls::Imap, b"* OK a\r\n* CAPABILITY\r\na1 BAD what\r\n"),
        (Starttls::Pop3, b"+OK a\r\n-ERR no\r\n"),
        (Starttls::Ftp, b"220-a\r\n anything\r\n220 b\r\n502 no\r\n"),
        (Starttls::Ldap, b"\x30\x0f\x02\x01\x01\x78\x0a\x0a\x01\x02\x04\x00\x04\x03bad"),
        (Starttls::Postgres, b"N"),
        (Starttls::Mysql, b"\x08\0\0\0\xff\x69\x04block"),
        (Starttls::Xmpp, b"<stream:stream><stream:features><a/></stream:features>"),
        (
            Starttls::Xmpp,
            b"<stream:stream><stream:features><starttls/></stream:features><failure/>",
        ),
        (Starttls::Xmpp, b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    ] {
        let fault = refusal(protocol, bytes).await;
        told.push(format!("{protocol}: {}", fault.message));
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn bytes_injected_before_the_handshake_are_never_passed_over() {
    for (protocol, bytes) in [
        (Starttls::Smtp, &b"220 a\r\n250-a\r\n250 starttls\r\n220 go\r\n250 injected\r\n"[..]),
        (Starttls::Imap, b"* OK a\r\na1 OK go\r\n* injected\r\n"),
        (Starttls::Pop3, b"+OK\r\n+OK\r\n+OK injected\r\n"),
        (Starttls::Ftp, b"220 a\r\n234 go\r\n230 injected\r\n"),
        (Starttls::Postgres, b"SE"),
    ] {
        let fault = refusal(protocol, bytes).await;
        assert!(fault.message.contains("went on in the clear"), "{fault:?}");
    }
}

#[tokio::test]
async fn an_endless_greeting_is_cut_off() {
    let endless = b"220-more\r\n".repeat(MOST);
    for protocol in [Starttls::Smtp, Starttls::Ftp] {
        let fault = refusal(protocol, &endless).await;
        assert!(fault.message.contains("more than"), "{fault:?}");
    }
    let line = vec![b'*'; MOST * 2];
    refusal(Starttls::Imap, &line).await;
    let mut stream = b"<stream:stream>".to_vec();
    stream.extend(b"<a/>".repeat(MOST));
    refusal(Starttls::Xmpp, &stream).await;
}

#[tokio::test]
async fn a_server_that_closes_is_not_one_that_refuses() {
    for protocol in Starttls::ALL {
        let fault = talk(protocol, Vec::new()).await.expect_err("no TLS");
        assert_eq!(fault.outcome, Outcome::Failure(Reason::ConnectionClosed), "{protocol}");
    }
}

/// Beginnings that bring arbitrary bytes further than to the first check.
fn beginnings() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        Just(b"220 a\r\n250-a\r\n250-".to_vec()),
        Just(b"* OK a\r\na1 ".to_vec()),
        Just(b"+OK\r\n".to_vec()),
        Just(b"\x30\x84\0\0\0".to_vec()),
        Just(b"\x4a\0\0\0\x0a5\0".to_vec()),
        Just(b"<stream:stream><stream:features><starttls/>".to_vec()),
    ]
}

fn bounded(parse: fn(&[u8]) -> Unit, bytes: &[u8]) {
    if let Unit::Complete(length) = parse(bytes) {
        assert!(length > 0 && length <= bytes.len());
        // The same unit is found whatever follows it.
        let Unit::Complete(again) = parse(&bytes[..length]) else {
            panic!("a complete unit is complete alone");
        };
        assert_eq!(again, length);
    }
}

proptest! {
    #[test]
    fn parsers_take_any_bytes(
        start in beginnings(),
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = [start, rest].concat();
        for parse in [
            lines::line, lines::reply, ldap::message, mysql::packet, xmpp::features, xmpp::answer,
        ] {
            bounded(parse, &bytes);
        }
        let _ = ldap::result(&bytes);
        let _ = mysql::greeting(&bytes);
    }

    #[test]
    fn lines_of_any_text_are_found(text in "[ -~]{0,200}", rest in ".{0,20}") {
        let bytes = format!("{text}\r\n{rest}");
        prop_assert!(matches!(
            lines::line(bytes.as_bytes()),
            Unit::Complete(length) if length == text.len() + 2
        ));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_talk_ends(
        start in beginnings(),
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let bytes = [start, rest].concat();
        for protocol in Starttls::ALL {
            let _ = runtime.block_on(talk(protocol, bytes.clone()));
        }
    }
}
