//! What is said over the connection: wait for a banner, send, wait for the expected answer. All
//! within [`TcpCheck::MAX_ANSWER_BYTES`] and the attempt's time.

use kuma_core::check::{TcpCheck, TcpExpect};
use kuma_core::reason::Reason;
use kuma_core::secret::ExposeSecret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::attempt::{Attempt, Verdict};
use crate::fault::Fault;
use crate::net::exchange_fault;
use crate::tls;
use crate::trace::Stage;
use crate::words;

/// Read at once.
const CHUNK: usize = 4096;
/// Of what was received, shown to a person.
const SHOWN: usize = 1024;

/// Has the exchange that `check` asks for.
pub(crate) async fn run<S>(attempt: &mut Attempt<'_>, check: &TcpCheck, stream: &mut S) -> Verdict
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut said = "connected".to_owned();
    if let Some(banner) = &check.banner_contains {
        let wanted = Wanted::Text(banner);
        await_text(attempt, stream, &wanted, "a banner with").await?;
        said.push_str(", banner as expected");
    }
    if let Some(text) = &check.send {
        let text = text.resolve(attempt.namespace(), attempt.shared.secrets.as_ref())?;
        attempt.trace.enter(Stage::FirstByte);
        send(stream, text.expose_secret().as_bytes()).await?;
        attempt.trace.enter(Stage::Idle);
    }
    if let Some(expect) = &check.expect {
        let wanted = match expect {
            TcpExpect::Text(text) => Wanted::Text(text),
            TcpExpect::Regex(pattern) => Wanted::Pattern(pattern),
        };
        await_text(attempt, stream, &wanted, "an answer with").await?;
        said.push_str(", answer as expected");
    }
    Ok(said)
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Result<(), Fault> {
    let sent = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    sent.await.map_err(|error| {
        tls::alert_in(&error).unwrap_or_else(|| exchange_fault(&error, "while sending"))
    })
}

/// What must come.
enum Wanted<'a> {
    Text(&'a str),
    Pattern(&'a kuma_expr::Pattern),
}

impl Wanted<'_> {
    /// Whether it is in `bytes`, of which those from `news` on were not looked at before.
    fn is_in(&self, bytes: &[u8], news: usize) -> bool {
        match self {
            Self::Text(text) => {
                let from = news.saturating_sub(text.len());
                contains(&bytes[from..], text.as_bytes())
            }
            Self::Pattern(pattern) => pattern.is_match_bytes(bytes),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Text(text) => format!("`{text}`"),
            Self::Pattern(pattern) => format!("a match of `{}`", pattern.as_str()),
        }
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text)
}

/// How reading ended without what is wanted.
enum End {
    Closed,
    Full,
    Late,
}

/// Reads until what is wanted has come, and forgets what was read.
async fn await_text<S: AsyncRead + Unpin>(
    attempt: &mut Attempt<'_>,
    stream: &mut S,
    wanted: &Wanted<'_>,
    what: &str,
) -> Result<(), Fault> {
    attempt.trace.enter(Stage::FirstByte);
    let mut received = Vec::new();
    let left = attempt.left();
    let reading = read_until(attempt, stream, wanted, &mut received);
    let end = match tokio::time::timeout(left, reading).await {
        Ok(Ok(None)) => None,
        Ok(Ok(Some(end))) => Some(end),
        Ok(Err(fault)) => return Err(fault.with("received", shown(&received))),
        Err(_) => Some(End::Late),
    };
    attempt.trace.enter(Stage::Idle);
    let Some(end) = end else {
        return Ok(());
    };
    let expected = wanted.shown();
    let timeout = words::duration(attempt.timeout);
    let fault = match (end, received.is_empty()) {
        (End::Closed, true) => Fault::target(
            Reason::ConnectionClosed,
            "the target closed the connection without a word",
        ),
        (End::Late, true) => {
            Fault::target(Reason::Timeout, format!("the target said nothing within {timeout}"))
        }
        (End::Closed, false) => mismatch(what, &expected, "before the target closed"),
        (End::Full, _) => {
            mismatch(what, &expected, &format!("in the first {} bytes", TcpCheck::MAX_ANSWER_BYTES))
        }
        (End::Late, false) => mismatch(what, &expected, &format!("within {timeout}")),
    };
    let fault = fault.with("expected", expected);
    Err(if received.is_empty() { fault } else { fault.with("received", shown(&received)) })
}

fn mismatch(what: &str, expected: &str, until: &str) -> Fault {
    Fault::target(Reason::TcpMismatch, format!("{what} {expected} did not come {until}"))
}

async fn read_until<S: AsyncRead + Unpin>(
    attempt: &mut Attempt<'_>,
    stream: &mut S,
    wanted: &Wanted<'_>,
    received: &mut Vec<u8>,
) -> Result<Option<End>, Fault> {
    let mut chunk = [0; CHUNK];
    loop {
        let room = TcpCheck::MAX_ANSWER_BYTES - received.len();
        if room == 0 {
            return Ok(Some(End::Full));
        }
        let most = room.min(CHUNK);
        let length = stream.read(&mut chunk[..most]).await.map_err(|error| {
            tls::alert_in(&error).unwrap_or_else(|| exchange_fault(&error, "while reading"))
        })?;
        if length == 0 {
            return Ok(Some(End::Closed));
        }
        if received.is_empty() {
            attempt.trace.enter(Stage::Transfer);
        }
        let news = received.len();
        received.extend_from_slice(&chunk[..length]);
        attempt.trace.received += length as u64;
        if wanted.is_in(received, news) {
            return Ok(None);
        }
    }
}

/// Bytes for a person: text as it is, control characters escaped.
fn shown(bytes: &[u8]) -> String {
    let cut = bytes.len() > SHOWN;
    let mut text: String = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)])
        .chars()
        .flat_map(|c| {
            let escape = c.is_control();
            let escaped = escape.then(|| c.escape_default());
            let plain = (!escape).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect();
    if cut {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
