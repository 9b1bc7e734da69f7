//! What targets need from outside: Secrets, a clock, a runtime, and a server on loopback that
//! sends bytes as told.

use std::time::Duration;

use kuma_core::secret::{SecretError, SecretRef, SecretSource, SecretString};
use kuma_core::time::{Clock, Mono, Now, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
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

/// Sends the answer in pieces, each after something was asked or did not come, and closes.
pub(crate) async fn send(mut stream: TcpStream, answer: &[u8], piece: usize) {
    let mut question = [0; 1024];
    for part in answer.chunks(piece.max(answer.len() / 16 + 1)) {
        let _ = tokio::time::timeout(Duration::from_millis(2), stream.read(&mut question)).await;
        if stream.write_all(part).await.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}
