//! MySQL and MariaDB: the server's greeting and a request for TLS (protocol documentation,
//! "Connection Phase"). We leave before a login. Servers count such connections per host and may
//! refuse the host after `max_connect_errors` of them in a row, so that setting has to suit.

use tokio::io::{AsyncRead, AsyncWrite};

use super::clear::{Clear, Unit, shown};
use super::refused;
use crate::fault::Fault;

/// Longest packet accepted; a greeting has about a hundred bytes.
const LONGEST: usize = 4096;
/// Length and sequence number.
const HEADER: usize = 4;
const CLIENT_PROTOCOL_41: u32 = 0x0000_0200;
const CLIENT_SSL: u32 = 0x0000_0800;
const CLIENT_SECURE_CONNECTION: u32 = 0x0000_8000;
/// The character set `utf8mb3_general_ci`, known to all versions.
const CHARSET: u8 = 33;

/// Reads the greeting and asks for TLS.
pub(super) async fn start<S>(clear: &mut Clear<'_, S>) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let packet = clear.unit(packet).await?;
    match greeting(packet.get(HEADER..).unwrap_or_default()) {
        Greeting::Tls => clear.say(&ssl_request()).await,
        Greeting::NoTls => Err(refused("the server has TLS turned off")),
        Greeting::Error(text) => Err(refused(format!("the server refuses us: {text}"))),
        Greeting::Foreign => Err(refused("what answered does not speak MySQL's protocol")),
    }
}

/// What the first packet says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Greeting {
    Tls,
    NoTls,
    Error(String),
    Foreign,
}

/// One packet: 24 bits of length, a sequence number, the payload.
pub(super) fn packet(bytes: &[u8]) -> Unit {
    let [a, b, c, _, ..] = *bytes else {
        return Unit::Partial;
    };
    let length = HEADER + u32::from_le_bytes([a, b, c, 0]) as usize;
    if length > LONGEST {
        Unit::Never
    } else if bytes.len() < length {
        Unit::Partial
    } else {
        Unit::Complete(length)
    }
}

/// Reads the first packet's payload.
pub(super) fn greeting(payload: &[u8]) -> Greeting {
    match payload {
        // Before login an error has no SQL state: a code of two bytes, then text.
        [0xff, _, _, text @ ..] => Greeting::Error(shown(text)),
        [10, rest @ ..] => match capabilities(rest) {
            Some(flags) if flags & CLIENT_SSL != 0 => Greeting::Tls,
            Some(_) => Greeting::NoTls,
            None => Greeting::Foreign,
        },
        _ => Greeting::Foreign,
    }
}

/// The lower capability flags: after the version (ended by 0), four bytes of connection number,
/// eight of salt and a filler.
fn capabilities(rest: &[u8]) -> Option<u32> {
    const BETWEEN: usize = 4 + 8 + 1;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let at = end + 1 + BETWEEN;
    let flags = rest.get(at..at + 2)?;
    Some(u32::from(u16::from_le_bytes(flags.try_into().ok()?)))
}

fn ssl_request() -> Vec<u8> {
    const PAYLOAD: u8 = 32;
    const MAX_PACKET: u32 = 1 << 24;
    let flags = CLIENT_PROTOCOL_41 | CLIENT_SSL | CLIENT_SECURE_CONNECTION;
    let mut bytes = vec![PAYLOAD, 0, 0, 1];
    bytes.extend_from_slice(&flags.to_le_bytes());
    bytes.extend_from_slice(&MAX_PACKET.to_le_bytes());
    bytes.push(CHARSET);
    bytes.resize(HEADER + usize::from(PAYLOAD), 0);
    bytes
}
