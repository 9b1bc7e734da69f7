//! CONNECT (RFC 9110, section 9.3.6): a tunnel through an HTTP proxy.

use kuma_core::reason::Reason;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Credentials, wants_credentials};
use crate::fault::Fault;
use crate::http::plan::Plan;
use crate::net::exchange_fault;

/// Most bytes of the proxy's answer.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const DURING: &str = "by the proxy before it answered CONNECT";

/// Asks the proxy for a tunnel to the plan's host.
pub(super) async fn open<S>(
    stream: &mut S,
    plan: &Plan,
    credentials: &Credentials,
) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let host = plan.url.host_str().unwrap_or_default();
    let to = format!("{host}:{}", plan.port());
    let mut request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n").into_bytes();
    if let Some(value) = credentials.header() {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await.map_err(|error| exchange_fault(&error, DURING))?;
    let head = read_head(stream).await?;
    judge(&head)
}

async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, Fault> {
    let mut head = Vec::with_capacity(512);
    loop {
        let read =
            stream.read_buf(&mut head).await.map_err(|error| exchange_fault(&error, DURING))?;
        if let Some(end) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            head.truncate(end);
            return Ok(head);
        }
        if read == 0 {
            return Err(refused("the proxy closed the connection instead of opening a tunnel"));
        }
        if head.len() > MAX_HEAD_BYTES {
            return Err(refused("the proxy's answer is too large"));
        }
    }
}

fn judge(head: &[u8]) -> Result<(), Fault> {
    let text = String::from_utf8_lossy(head);
    let line = text.lines().next().unwrap_or_default();
    let status = line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|code| code.parse::<u16>().ok());
    match status {
        Some(200..=299) => Ok(()),
        // Some proxies (tinyproxy) say 401 where the password is wrong; before the tunnel is open
        // it is theirs all the same.
        Some(401 | 407) => {
            let challenges = text.lines().skip(1).filter_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("proxy-authenticate").then_some(value)
            });
            Err(wants_credentials(challenges))
        }
        Some(code @ 300..=399) => Err(refused(format!(
            "the proxy sends us elsewhere instead of opening a tunnel: status {code}"
        ))
        .with("proxy answer", line)),
        Some(code) => {
            Err(refused(format!("the proxy refuses to connect to the target: status {code}"))
                .with("proxy answer", line))
        }
        None => Err(refused("what answered is no HTTP proxy").with("proxy answer", line)),
    }
}

fn refused(message: impl Into<String>) -> Fault {
    Fault::target(Reason::ProxyRefused, message)
}
