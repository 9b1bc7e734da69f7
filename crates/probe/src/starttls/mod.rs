//! From plain text to TLS, one file per family of protocols. What a server sends in the clear is
//! bounded and never trusted; anything it sends after it agreed to TLS and before the handshake is
//! an injection or a mix-up and ends the attempt (compare RFC 3207, section 6).

mod clear;
mod ldap;
mod lines;
mod mysql;
mod postgres;
#[cfg(test)]
mod tests;
mod xmpp;

use kuma_core::check::Starttls;
use kuma_core::reason::Reason;
use tokio::io::{AsyncRead, AsyncWrite};

use self::clear::Clear;
use crate::attempt::Attempt;
use crate::fault::Fault;
use crate::trace::Stage;

/// Brings `stream` to where the handshake can begin. `name` is whom we want to speak to.
pub(crate) async fn upgrade<S>(
    attempt: &mut Attempt<'_>,
    stream: &mut S,
    protocol: Starttls,
    name: &str,
) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    attempt.trace.enter(Stage::FirstByte);
    let agreed = Box::pin(negotiate(stream, protocol, name)).await;
    attempt.trace.enter(Stage::Idle);
    agreed.map_err(|fault| fault.with("starttls", protocol.as_str()))
}

async fn negotiate<S>(stream: &mut S, protocol: Starttls, name: &str) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut clear = Clear::new(stream);
    match protocol {
        Starttls::Smtp => lines::smtp(&mut clear).await?,
        Starttls::Imap => lines::imap(&mut clear).await?,
        Starttls::Pop3 => lines::pop3(&mut clear).await?,
        Starttls::Ftp => lines::ftp(&mut clear).await?,
        Starttls::Ldap => ldap::start(&mut clear).await?,
        Starttls::Postgres => postgres::start(&mut clear).await?,
        Starttls::Mysql => mysql::start(&mut clear).await?,
        Starttls::Xmpp => xmpp::start(&mut clear, name).await?,
    }
    clear.finish()
}

/// The server does not change to TLS, or does not speak the protocol.
fn refused(message: impl Into<String>) -> Fault {
    Fault::target(Reason::TlsStarttls, message)
}
