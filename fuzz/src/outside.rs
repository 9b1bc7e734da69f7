//! What targets need from outside: Secrets, a clock, a runtime, and a server on loopback that
//! sends bytes as told.

use std::borrow::Cow;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kuma_core::secret::{SecretError, SecretRef, SecretSource, SecretString};
use kuma_core::time::{Clock, Mono, Now, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// The authority of the certificates in `fuzz/seeds/answers/certificate-*`. Nobody has its key.
const AUTHORITY: &str = include_str!("../authority.pem");

/// Secrets that a name makes up, and a clock.
pub(crate) struct Outside;

impl SecretSource for Outside {
    fn get(&self, namespace: &str, at: &SecretRef) -> Result<SecretString, SecretError> {
        let value = match at.name.as_str() {
            "socks5" | "http" => format!("{}://127.0.0.1:{}", at.name, at.key),
            "word" => at.key.clone(),
            "authority" => AUTHORITY.to_owned(),
            _ => {
                return Err(SecretError::Missing {
                    namespace: namespace.to_owned(),
                    name: at.name.clone(),
                    key: at.key.clone(),
                });
            }
        };
        Ok(value.into())
    }
}

impl Clock for Outside {
    #[expect(clippy::disallowed_methods, reason = "the shell's side of the port")]
    fn now(&self) -> Now {
        let wall = Timestamp::now();
        Now { mono: Mono(u64::try_from(wall.as_nanosecond()).unwrap_or_default()), wall }
    }
}

/// A connection that the other side has closed is an error and not the end of the program: what
/// Rust's own start sees to, and libFuzzer's does not.
pub(crate) fn runtime() -> Runtime {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        // The handler stays when its stream is dropped.
        drop(signal(SignalKind::pipe()).expect("a handler"));
    });
    runtime
}

/// Stands in an answer for the proof that the question was heard (RFC 6455, 4.2.2), without which
/// no WebSocket comes about and nothing of it would be read.
const ACCEPT: &[u8] = b"{ACCEPT}";

/// How long an attempt may take. A server that closes ends it much sooner.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(300);

/// A server on loopback, where it is and what makes it run: it sends the answer to whoever connects.
pub(crate) async fn server(answer: &[u8], piece: usize) -> (SocketAddr, impl Future<Output = ()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = async move {
        while let Ok((stream, _)) = listener.accept().await {
            send(stream, answer, piece).await;
        }
    };
    (address, serve)
}

/// Sends the answer in pieces, each after something was asked or did not come, and closes.
async fn send(mut stream: TcpStream, answer: &[u8], piece: usize) {
    let mut question = [0; 1024];
    let asked = heard(&mut stream, &mut question).await;
    let answer = accepting(answer, &question[..asked]);
    for (number, part) in answer.chunks(piece.max(answer.len() / 16 + 1)).enumerate() {
        if number > 0 {
            heard(&mut stream, &mut question).await;
        }
        if stream.write_all(part).await.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}

async fn heard(stream: &mut TcpStream, question: &mut [u8]) -> usize {
    let read = tokio::time::timeout(Duration::from_millis(2), stream.read(question));
    read.await.ok().and_then(Result::ok).unwrap_or(0)
}

/// The answer with the proof in its place.
fn accepting<'a>(answer: &'a [u8], question: &[u8]) -> Cow<'a, [u8]> {
    let question = String::from_utf8_lossy(question);
    let key = question.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
    });
    let place = answer.windows(ACCEPT.len()).position(|window| window == ACCEPT);
    let (Some(key), Some(place)) = (key, place) else {
        return Cow::Borrowed(answer);
    };
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let proof = BASE64_STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()));
    Cow::Owned([&answer[..place], proof.as_bytes(), &answer[place + ACCEPT.len()..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_of_the_standards_example_stands_in_its_place() {
        let question = b"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let answer = accepting(b"Accept: {ACCEPT}\r\n", question);
        assert_eq!(answer.as_ref(), b"Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
        assert_eq!(accepting(b"Accept: x", question).as_ref(), b"Accept: x");
    }
}
