//! XMPP (RFC 6120, section 5). What is needed of the stream is looked for as text: no parser of
//! XML is exposed to a server for three words.

use tokio::io::{AsyncRead, AsyncWrite};

use super::clear::{Clear, Unit, shown};
use super::refused;
use crate::fault::Fault;

/// Opens a stream and asks for TLS.
pub(super) async fn start<S>(clear: &mut Clear<'_, S>, name: &str) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let opening = format!(
        "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>",
        escaped(name)
    );
    clear.say(opening.as_bytes()).await?;
    let features = clear.unit(features).await?;
    if contains(&features, b"<stream:error") {
        return Err(refused("the server refuses the stream").with("received", shown(&features)));
    }
    if !contains(&features, b"<starttls") {
        return Err(
            refused("the server does not offer STARTTLS").with("received", shown(&features))
        );
    }
    clear.say(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await?;
    let answer = clear.unit(answer).await?;
    if answer.trim_ascii_start().starts_with(b"<proceed") {
        return Ok(());
    }
    Err(refused("the server refused STARTTLS").with("received", shown(&answer)))
}

/// Up to the end of the stream's features, or of an error in their place.
pub(super) fn features(bytes: &[u8]) -> Unit {
    match bytes.trim_ascii_start().first() {
        None => return Unit::Partial,
        Some(b'<') => {}
        Some(_) => return Unit::Never,
    }
    let ends: [&[u8]; 4] =
        [b"</stream:features>", b"<stream:features/>", b"</stream:error>", b"</stream:stream>"];
    first_end(bytes, &ends)
}

/// One element that is empty or closed.
pub(super) fn answer(bytes: &[u8]) -> Unit {
    match bytes.trim_ascii_start().first() {
        None => return Unit::Partial,
        Some(b'<') => {}
        Some(_) => return Unit::Never,
    }
    first_end(bytes, &[b"/>", b"</proceed>", b"</failure>", b"</stream:error>"])
}

fn first_end(bytes: &[u8], ends: &[&[u8]]) -> Unit {
    ends.iter()
        .filter_map(|end| Some(position(bytes, end)? + end.len()))
        .min()
        .map_or(Unit::Partial, Unit::Complete)
}

fn position(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    position(bytes, text).is_some()
}

/// A name as an attribute's value.
fn escaped(name: &str) -> String {
    name.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;")
}
