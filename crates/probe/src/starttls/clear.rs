//! The part of a connection that is in the clear: what is read is bounded, and what was read too
//! far is noticed.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::refused;
use crate::fault::Fault;
use crate::net::exchange_fault;

/// Most bytes read before the handshake.
pub(super) const MOST: usize = 16 * 1024;
/// Read at once.
const CHUNK: usize = 2048;
/// Of what a server said, shown to a person.
const SHOWN: usize = 200;

/// What a pure parser says about the bytes so far.
pub(super) enum Unit {
    /// The unit is the first so many bytes, at most those that are there.
    Complete(usize),
    /// More is needed.
    Partial,
    /// This will never be a unit of the protocol.
    Never,
}

/// A connection before TLS.
pub(super) struct Clear<'s, S> {
    stream: &'s mut S,
    pending: Vec<u8>,
    received: usize,
}

impl<'s, S: AsyncRead + AsyncWrite + Unpin> Clear<'s, S> {
    pub(super) fn new(stream: &'s mut S) -> Self {
        Self { stream, pending: Vec::new(), received: 0 }
    }

    /// Sends bytes.
    pub(super) async fn say(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|error| exchange_fault(&error, "before TLS began"))
    }

    /// Reads one unit as `parse` finds it.
    pub(super) async fn unit(&mut self, parse: impl Fn(&[u8]) -> Unit) -> Result<Vec<u8>, Fault> {
        loop {
            match parse(&self.pending) {
                Unit::Complete(length) => {
                    let rest = self.pending.split_off(length.min(self.pending.len()));
                    return Ok(std::mem::replace(&mut self.pending, rest));
                }
                Unit::Partial => self.more().await?,
                Unit::Never => return Err(self.foreign()),
            }
        }
    }

    async fn more(&mut self) -> Result<(), Fault> {
        let mut chunk = [0; CHUNK];
        let room = MOST.saturating_sub(self.received).min(CHUNK);
        if room == 0 {
            return Err(refused(format!(
                "the server sent more than {MOST} bytes before TLS began"
            )));
        }
        let length = self
            .stream
            .read(&mut chunk[..room])
            .await
            .map_err(|error| exchange_fault(&error, "before TLS began"))?;
        if length == 0 {
            let closed = std::io::ErrorKind::UnexpectedEof.into();
            return Err(exchange_fault(&closed, "before TLS began"));
        }
        self.received += length;
        self.pending.extend_from_slice(&chunk[..length]);
        Ok(())
    }

    /// Whether nothing was left over, so that the handshake can begin.
    pub(super) fn finish(self) -> Result<(), Fault> {
        if self.pending.is_empty() {
            return Ok(());
        }
        Err(refused("the server went on in the clear after it had agreed to TLS")
            .with("received", shown(&self.pending)))
    }

    fn foreign(&self) -> Fault {
        refused("what answered does not speak the protocol that `starttls` names")
            .with("received", shown(&self.pending))
    }
}

/// Bytes for a person: text without control characters, cut.
pub(super) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)])
        .trim_end()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
