//! LDAP: the extended operation StartTLS (RFC 4511, section 4.14).

use tokio::io::{AsyncRead, AsyncWrite};

use super::clear::{Clear, Unit, shown};
use super::refused;
use crate::fault::Fault;

/// Message 1, extended request, name 1.3.6.1.4.1.1466.20037.
const REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
/// Longest answer accepted.
const LONGEST: usize = 8 * 1024;
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const EXTENDED_RESPONSE: u8 = 0x78;
const ENUMERATED: u8 = 0x0a;
const OCTETS: u8 = 0x04;

/// Asks for TLS.
pub(super) async fn start<S>(clear: &mut Clear<'_, S>) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    clear.say(REQUEST).await?;
    let answer = clear.unit(message).await?;
    match result(&answer) {
        Some((0, _)) => Ok(()),
        Some((code, text)) if text.is_empty() => {
            Err(refused(format!("the server refused StartTLS (result {code})")))
        }
        Some((code, text)) => {
            Err(refused(format!("the server refused StartTLS (result {code}): {text}")))
        }
        None => Err(refused("the server's answer is no answer to StartTLS")),
    }
}

/// One message: a sequence with its length.
pub(super) fn message(bytes: &[u8]) -> Unit {
    match bytes.first() {
        None => return Unit::Partial,
        Some(&SEQUENCE) => {}
        Some(_) => return Unit::Never,
    }
    match length(&bytes[1..]) {
        Length::Known(used, length) if length <= LONGEST => {
            let whole = 1 + used + length;
            if bytes.len() < whole { Unit::Partial } else { Unit::Complete(whole) }
        }
        Length::Partial => Unit::Partial,
        Length::Known(..) | Length::Never => Unit::Never,
    }
}

enum Length {
    /// Bytes the length itself takes, and the length.
    Known(usize, usize),
    Partial,
    Never,
}

/// A definite length of BER, of at most four bytes.
fn length(bytes: &[u8]) -> Length {
    let Some((first, rest)) = bytes.split_first() else {
        return Length::Partial;
    };
    if first & 0x80 == 0 {
        return Length::Known(1, usize::from(*first));
    }
    let count = usize::from(first & 0x7f);
    if !(1..=4).contains(&count) {
        return Length::Never;
    }
    let Some(digits) = rest.get(..count) else {
        return Length::Partial;
    };
    let value = digits.iter().fold(0_u64, |value, digit| value << 8 | u64::from(*digit));
    usize::try_from(value).map_or(Length::Never, |value| Length::Known(1 + count, value))
}

/// An element with this tag at the start of `bytes`: its content, and what follows.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let Length::Known(used, length) = length(rest) else {
        return None;
    };
    let content = rest.get(used..)?;
    (*first == tag && content.len() >= length).then(|| content.split_at(length))
}

/// Result code and diagnostic message of the answer to our message.
pub(super) fn result(bytes: &[u8]) -> Option<(u8, String)> {
    let (body, _) = element(bytes, SEQUENCE)?;
    let (_, rest) = element(body, INTEGER)?;
    let (response, _) = element(rest, EXTENDED_RESPONSE)?;
    let (code, rest) = element(response, ENUMERATED)?;
    let (_matched, rest) = element(rest, OCTETS)?;
    let (text, _) = element(rest, OCTETS)?;
    let [code] = *code else {
        return None;
    };
    Some((code, shown(text)))
}
