//! Protocols of lines: SMTP (RFC 3207), IMAP (RFC 9051), POP3 (RFC 2595) and FTP (RFC 4217).

use tokio::io::{AsyncRead, AsyncWrite};

use super::clear::{Clear, Unit, shown};
use super::refused;
use crate::fault::Fault;

/// Longest line accepted; the protocols allow 512 to 8192 bytes.
const LONGEST_LINE: usize = 8192;
/// Our name in SMTP's greeting: an address literal, which every server must accept (RFC 5321,
/// section 4.1.3).
const EHLO: &[u8] = b"EHLO [127.0.0.1]\r\n";

/// The end of a line: after its line feed.
pub(super) fn line(bytes: &[u8]) -> Unit {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) if at < LONGEST_LINE => Unit::Complete(at + 1),
        None if bytes.len() < LONGEST_LINE => Unit::Partial,
        _ => Unit::Never,
    }
}

/// The end of a reply of SMTP or FTP: lines `250-…`, the last of them `250 …`. FTP's inner lines
/// may be of any form (RFC 959, section 4.2), so the code of the first line is awaited.
pub(super) fn reply(bytes: &[u8]) -> Unit {
    let mut start = 0;
    let mut code = None;
    loop {
        let length = match line(&bytes[start..]) {
            Unit::Complete(length) => length,
            unfinished => return unfinished,
        };
        let text = &bytes[start..start + length];
        let (digits, after) = text.split_at(text.len().min(3));
        let is_code = digits.len() == 3 && digits.iter().all(u8::is_ascii_digit);
        if code.is_none() && !is_code {
            return Unit::Never;
        }
        let first = *code.get_or_insert(digits);
        start += length;
        if digits == first && after.first() != Some(&b'-') {
            return Unit::Complete(start);
        }
    }
}

/// Greets, asks what the server can do, and asks for TLS.
pub(super) async fn smtp<S>(clear: &mut Clear<'_, S>) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    expect(&clear.unit(reply).await?, b"220", "did not greet")?;
    clear.say(EHLO).await?;
    let able = clear.unit(reply).await?;
    expect(&able, b"250", "did not accept EHLO")?;
    if !offers(&able, b"STARTTLS") {
        return Err(refused("the server does not offer STARTTLS").with("received", shown(&able)));
    }
    clear.say(b"STARTTLS\r\n").await?;
    expect(&clear.unit(reply).await?, b"220", "refused STARTTLS")
}

/// Waits for the greeting and asks for TLS. 120 announces that the greeting comes later.
pub(super) async fn ftp<S>(clear: &mut Clear<'_, S>) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut greeting = clear.unit(reply).await?;
    if greeting.starts_with(b"120") {
        greeting = clear.unit(reply).await?;
    }
    expect(&greeting, b"220", "did not greet")?;
    clear.say(b"AUTH TLS\r\n").await?;
    expect(&clear.unit(reply).await?, b"234", "refused AUTH TLS")
}

/// Waits for the greeting and asks for TLS.
pub(super) async fn pop3<S>(clear: &mut Clear<'_, S>) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    expect(&clear.unit(line).await?, b"+OK", "did not greet")?;
    clear.say(b"STLS\r\n").await?;
    expect(&clear.unit(line).await?, b"+OK", "refused STLS")
}

/// Waits for the greeting and asks for TLS; untagged lines in between are left alone.
pub(super) async fn imap<S>(clear: &mut Clear<'_, S>) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    expect(&clear.unit(line).await?, b"* OK", "did not greet")?;
    clear.say(b"a1 STARTTLS\r\n").await?;
    loop {
        let answer = clear.unit(line).await?;
        if !answer.starts_with(b"* ") {
            return expect(&answer, b"a1 OK", "refused STARTTLS");
        }
    }
}

fn expect(answer: &[u8], start: &[u8], what: &str) -> Result<(), Fault> {
    let got = answer.get(..start.len());
    if got.is_some_and(|got| got.eq_ignore_ascii_case(start)) {
        return Ok(());
    }
    Err(refused(format!("the server {what}: {}", shown(answer))))
}

/// Whether one of the lines after the first names the extension.
fn offers(reply: &[u8], extension: &[u8]) -> bool {
    reply.split(|byte| *byte == b'\n').skip(1).any(|line| {
        let words = line.get(4..).unwrap_or_default().trim_ascii();
        words.eq_ignore_ascii_case(extension)
    })
}
