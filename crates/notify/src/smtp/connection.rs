//! Conversations with a mail server. How they go is lettre's; connections, their bounds and the step to
//! TLS are ours.

use std::io;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, Tls, TlsParameters};
use lettre::transport::smtp::commands::Starttls;
use lettre::transport::smtp::extension::{ClientId, Extension};
use lettre::transport::smtp::response::{Response, Severity};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::compat::FuturesAsyncReadCompatExt;

use crate::egress::Egress;

#[expect(deprecated, reason = "the only way to TLS over a stream of ours")]
use lettre::transport::smtp::client::AsyncNetworkStream;

use super::stream::{Dialogue, Wire};

/// What a server seems to say after STARTTLS, where it says nothing and lettre waits for a greeting.
const GREETING: &[u8] = b"220 go on\r\n";

/// A mail server, and how it is spoken to.
pub(super) struct Server<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) credentials: Option<Credentials>,
    /// What the connection is vetted by.
    pub(super) egress: &'a Egress,
    /// How long a connection may take to come about.
    pub(super) patience: Duration,
}

/// Why a conversation did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Nobody took the connection.
    #[error("the mail server cannot be reached: {0}")]
    Unreachable(io::Error),
    /// The time was over.
    #[error("the mail server did not answer in time")]
    Late,
    /// Nothing protects what would be said.
    #[error("the mail server does not offer STARTTLS")]
    NoStarttls,
    /// The last answer to a mail neither takes nor refuses it.
    #[error("the mail server does not say whether it took the mail: {0}")]
    Undecided(u16),
    /// What was said.
    #[error("{0}")]
    Said(#[from] smtp::Error),
}

impl Trouble {
    /// Whether the server refused for good.
    pub(super) fn is_permanent(&self) -> bool {
        matches!(self, Self::Said(error) if error.is_permanent())
    }
}

impl Server<'_> {
    /// Connects, changes to TLS, signs in.
    pub(super) async fn connect(&self) -> Result<AsyncSmtpConnection, Trouble> {
        let wire = Wire::new(self.reach().await?);
        let hello = ClientId::default();
        let stream: Box<dyn AsyncTokioStream> = match &self.tls {
            Tls::Wrapper(parameters) => secured(wire, parameters.clone(), b"").await?,
            Tls::Required(parameters) => {
                agree(wire.clone(), &hello).await?;
                secured(wire, parameters.clone(), GREETING).await?
            }
            _ => Box::new(Dialogue::new(wire, b"")),
        };
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello).await?;
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }

    /// Tries the addresses of the host that may be asked one after the other. Each has its share of the time, so that
    /// one that swallows packets leaves some to the next.
    async fn reach(&self) -> Result<TcpStream, Trouble> {
        let end = Instant::now() + self.patience;
        let looking = self.egress.addresses(self.host, self.port);
        let found = tokio::time::timeout_at(end, looking).await.map_err(|_| Trouble::Late)?;
        let addresses = found.map_err(Trouble::Unreachable)?;
        let mut trouble = Trouble::Unreachable(io::ErrorKind::AddrNotAvailable.into());
        for (index, address) in addresses.iter().enumerate() {
            let others = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            let share = end.saturating_duration_since(Instant::now()) / others;
            match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => trouble = Trouble::Unreachable(error),
                Err(_) => trouble = Trouble::Late,
            }
        }
        Err(trouble)
    }

    /// Sends a mail over a connection of its own.
    pub(super) async fn send(&self, to: &Envelope, mail: &[u8]) -> Result<Response, Trouble> {
        let mut connection = self.connect().await?;
        let response = connection.send(to, mail).await?;
        connection.abort().await;
        // lettre goes on with 3xx too.
        if response.code().severity == Severity::PositiveCompletion {
            Ok(response)
        } else {
            Err(Trouble::Undecided(response.code().into()))
        }
    }
}

/// Says in the clear that TLS comes next. The connection that read the answer is dropped with all
/// that it had read beyond: lettre's own step to TLS keeps that, and so takes for the words of the
/// server what somebody on the way has put there, up to "your mail is taken".
async fn agree(wire: Wire, hello: &ClientId) -> Result<(), Trouble> {
    let stream = Box::new(Dialogue::new(wire, b""));
    let mut connection = AsyncSmtpConnection::connect_with_transport(stream, hello).await?;
    if !connection.server_info().supports_feature(Extension::StartTls) {
        connection.abort().await;
        return Err(Trouble::NoStarttls);
    }
    connection.command(Starttls).await?;
    Ok(())
}

/// TLS over a connection.
#[expect(deprecated, reason = "the only way to TLS over a stream of ours")]
async fn secured(
    wire: Wire,
    parameters: TlsParameters,
    ahead: &'static [u8],
) -> Result<Box<dyn AsyncTokioStream>, smtp::Error> {
    let mut stream = AsyncNetworkStream::use_existing_tokio1(Box::new(wire));
    stream.upgrade_tls(parameters).await?;
    Ok(Box::new(Dialogue::new(stream.compat(), ahead)))
}
