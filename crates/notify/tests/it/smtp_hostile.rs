//! Mail servers that mean harm or are broken, and somebody on the way to a good one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kuma_core::event::EventKind;
use kuma_core::provider::SmtpSecurity;
use kuma_notify::{DeliveryError, DeliveryReason};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::smtp::Mail;
use crate::smtp_server::plain;

/// A listener, and a provider that sends to it.
async fn toward(security: SmtpSecurity) -> (TcpListener, Mail) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut mail = Mail::start(plain()).await;
    mail.config.port = listener.local_addr().unwrap().port();
    mail.config.security = security;
    (listener, mail)
}

/// What becomes of a mail to a server that says `part` again and again, and how much it said.
async fn endless(security: SmtpSecurity, part: &'static [u8]) -> (DeliveryError, u64) {
    let (listener, mail) = toward(security).await;
    let said = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&said);
    let speaking = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        while stream.write_all(part).await.is_ok() {
            count.fetch_add(part.len() as u64, Ordering::Relaxed);
        }
    });
    let sent = mail.send("endless", EventKind::Down).await;
    speaking.abort();
    (sent.unwrap_err(), said.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_server_that_never_stops_talking_is_not_listened_to() {
    let bad = DeliveryReason::BadAnswer;
    // A line without end; an answer of lines without end; and neither where TLS is expected.
    for (security, part, reasons) in [
        (SmtpSecurity::None, &[b'2'; 4096][..], [bad, bad]),
        (SmtpSecurity::None, b"220-mail.example\r\n", [bad, bad]),
        (SmtpSecurity::Starttls, &[b'2'; 4096], [bad, bad]),
        (SmtpSecurity::Tls, &[b'2'; 4096], [DeliveryReason::Tls, bad]),
    ] {
        let (error, said) = endless(security, part).await;
        assert!(error.is_retryable() && reasons.contains(&error.reason()), "{security:?}: {error}");
        // What sockets buffer comes on top of what is read.
        assert!(said < 16 << 20, "{security:?}: {said} bytes");
    }
}

#[tokio::test]
async fn a_server_that_talks_too_slowly_is_not_waited_for() {
    let (listener, mail) = toward(SmtpSecurity::None).await;
    let speaking = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        while stream.write_all(b"2").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let error = mail.send("slow", EventKind::Down).await.unwrap_err();
    assert_eq!((error.is_retryable(), error.reason()), (true, DeliveryReason::Timeout), "{error}");
    speaking.abort();
}

/// How a server of a few lines answers.
#[derive(Clone, Copy)]
struct Script {
    /// The answer to recipients that have `whom` in them; others are fine.
    rcpt: &'static [u8],
    whom: &'static str,
    taken: &'static [u8],
    /// Nothing: it keeps the connection and says no more.
    quit: Option<&'static [u8]>,
    /// How long it thinks before it says whether it took a mail.
    pause: Duration,
}

impl Script {
    const GOOD: Self = Self {
        rcpt: b"250 ok\r\n",
        whom: "",
        taken: b"250 taken\r\n",
        quit: Some(b"221\r\n"),
        pause: Duration::ZERO,
    };

    fn serve(self, listener: TcpListener) -> JoinHandle<()> {
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move { drop(self.answer(stream).await) });
            }
        })
    }

    async fn answer(self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 mail\r\n").await?;
        let mut writing = false;
        let mut line = String::new();
        while stream.read_line(&mut line).await? > 0 {
            let answer = match line.trim_end() {
                "." if writing => {
                    tokio::time::sleep(self.pause).await;
                    self.taken
                }
                _ if writing => b"",
                "DATA" => b"354 go on\r\n",
                "QUIT" => match self.quit {
                    Some(answer) => answer,
                    None => std::future::pending().await,
                },
                other if other.starts_with("RCPT") && other.contains(self.whom) => self.rcpt,
                other if other.starts_with("EHLO") => b"250-mail\r\n250 8BITMIME\r\n",
                _ => b"250 ok\r\n",
            };
            writing = (writing && line.trim_end() != ".") || line == "DATA\r\n";
            stream.write_all(answer).await?;
            line.clear();
        }
        Ok(())
    }
}

async fn scripted(script: Script) -> Result<String, DeliveryError> {
    let (listener, mail) = toward(SmtpSecurity::None).await;
    let serving = script.serve(listener);
    let sent = mail.send("scripted", EventKind::Down).await;
    serving.abort();
    sent
}

/// Else a mail that was taken would be sent again, and one that was refused would be for ever.
#[tokio::test]
async fn what_was_said_counts_when_nobody_answers_the_quit() {
    let start = Instant::now();
    let answer = scripted(Script { quit: None, ..Script::GOOD }).await.unwrap();
    assert!(answer.contains("taken"), "{answer}");
    assert!(start.elapsed() >= Duration::from_millis(900), "a server may answer a QUIT");
    let refusing = Script { taken: b"451 4.3.0 later\r\n", quit: None, ..Script::GOOD };
    let error = scripted(refusing).await.unwrap_err();
    assert_eq!((error.is_retryable(), error.reason()), (true, DeliveryReason::ServerError));
}

/// The others were told; to begin anew would tell them again, for as long as the message lives.
#[tokio::test]
async fn who_has_no_turn_in_time_counts_as_refused() {
    let (listener, mut mail) = toward(SmtpSecurity::None).await;
    let wrong = Script {
        rcpt: b"550 5.1.1 nobody\r\n",
        whom: "ops@",
        pause: Duration::from_secs(1),
        ..Script::GOOD
    };
    let serving = wrong.serve(listener);
    // An attempt has three seconds.
    mail.config.cc = vec!["boss@shop.example".into(); 6];
    let answer = mail.send("many", EventKind::Down).await.unwrap();
    assert!(answer.starts_with("accepted for boss@shop.example"), "{answer}");
    assert!(answer.contains("refused for ops@shop.example"), "{answer}");
    assert!(answer.contains("did not answer in time"), "{answer}");
    serving.abort();
}

#[tokio::test]
async fn an_answer_that_takes_nothing_is_no_success() {
    let error = scripted(Script { taken: b"354 go on\r\n", ..Script::GOOD }).await.unwrap_err();
    assert_eq!((error.is_retryable(), error.reason()), (true, DeliveryReason::BadAnswer));
}

#[tokio::test]
async fn nothing_that_a_server_says_steers_a_terminal() {
    let rcpt = b"550 5.1.1 \x1b[31mno\x07 such\x00user\r\n";
    let error = scripted(Script { rcpt, ..Script::GOOD }).await.unwrap_err();
    assert_eq!((error.is_retryable(), error.reason()), (false, DeliveryReason::Rejected));
    assert!(!error.to_string().contains(char::is_control), "{error:?}");
    let taken = b"250 taken \x1b[31mas\x077\r\n";
    let answer = scripted(Script { taken, ..Script::GOOD }).await.unwrap();
    assert!(answer.contains("taken") && !answer.contains(char::is_control), "{answer:?}");
    let error = scripted(Script { rcpt: b"250 \xff\xfe\r\n", ..Script::GOOD }).await.unwrap_err();
    assert_eq!((error.is_retryable(), error.reason()), (true, DeliveryReason::BadAnswer));
}

/// Passes on what both sides say, and adds `extra` to the server's answer to STARTTLS.
fn in_the_middle(listener: TcpListener, port: u16, extra: &'static [u8]) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let (mut from_server, mut to_server) = server.into_split();
                tokio::spawn(async move {
                    drop(tokio::io::copy(&mut from_client, &mut to_server).await);
                });
                let (mut piece, mut ready) = (vec![0; 16 * 1024], 0);
                while let Ok(read @ 1..) = from_server.read(&mut piece).await {
                    let mut said = piece[..read].to_vec();
                    // The first is the greeting.
                    ready += u32::from(said.starts_with(b"220 "));
                    if ready == 2 && said.starts_with(b"220 ") {
                        said.extend_from_slice(extra);
                    }
                    if to_client.write_all(&said).await.is_err() {
                        break;
                    }
                }
            });
        }
    })
}

/// A whole conversation that ends well, put where it is in the clear. Whoever took it for the
/// server's would count a page as delivered that nobody has got.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_put_in_before_tls_is_not_what_the_server_says() {
    let extra = b"250-mail\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n235 ok\r\n250 ok\r\n250 ok\r\n\
        250 ok\r\n354 go on\r\n250 taken by somebody\r\n";
    let (mut mail, _folder) = Mail::secured(SmtpSecurity::Starttls).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let between = listener.local_addr().unwrap().port();
    let passing = in_the_middle(listener, std::mem::replace(&mut mail.config.port, between), extra);
    // Once for all recipients, then for each.
    for _ in 0..3 {
        mail.server.order(&json!({"data": "554 5.7.1 not from you"}));
    }
    let error = mail.send("injected", EventKind::Down).await.unwrap_err();
    assert!(matches!(error.reason(), DeliveryReason::Rejected | DeliveryReason::Tls), "{error}");
    passing.abort();
}
