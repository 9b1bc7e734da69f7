//! PostgreSQL: `SSLRequest` and a single byte (protocol documentation, "SSL Session Encryption").

use tokio::io::{AsyncRead, AsyncWrite};

use super::clear::{Clear, Unit};
use super::refused;
use crate::fault::Fault;

/// Length 8 and the code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Asks for TLS.
pub(super) async fn start<S>(clear: &mut Clear<'_, S>) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    clear.say(&SSL_REQUEST).await?;
    let answer = clear.unit(one_byte).await?;
    match answer.as_slice() {
        b"S" => Ok(()),
        b"N" => Err(refused("the server has TLS turned off (`ssl = off`)")),
        b"E" => Err(refused("the server answered with an error")),
        _ => Err(refused("what answered does not speak PostgreSQL's protocol")),
    }
}

fn one_byte(bytes: &[u8]) -> Unit {
    if bytes.is_empty() { Unit::Partial } else { Unit::Complete(1) }
}
