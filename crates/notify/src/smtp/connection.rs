//! Conversations with a mail server, of which only so much is read: lettre looks at the length of an
//! answer once it has a whole line, and a line need not end.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::compat::FuturesAsyncReadCompatExt;

#[expect(deprecated, reason = "the only way to TLS from the first byte over a stream of ours")]
use lettre::transport::smtp::client::AsyncNetworkStream;

/// More of what a server says in one conversation is not read, in bytes: more than lettre reads of
/// one answer (100,000), and than certificates take.
const MOST_READ: usize = 256 * 1024;

/// A mail server, and how it is spoken to.
pub(super) struct Server<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) credentials: Option<Credentials>,
    /// How long a connection may take to come about.
    pub(super) patience: Duration,
}

/// Why a conversation did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Nobody took the connection.
    #[error("the mail server cannot be reached: {0}")]
    Unreachable(io::Error),
    /// Nobody took it in time.
    #[error("no connection to the mail server came about in time")]
    Late,
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
        let connecting = TcpStream::connect((self.host, self.port));
        let stream = match tokio::time::timeout(self.patience, connecting).await {
            Ok(connected) => connected.map_err(Trouble::Unreachable)?,
            Err(_) => return Err(Trouble::Late),
        };
        let peer = stream.peer_addr().ok();
        let mut stream: Box<dyn AsyncTokioStream> = Box::new(Limited::new(stream, peer));
        if let Tls::Wrapper(parameters) = &self.tls {
            stream = secured(stream, parameters.clone()).await?;
        }
        let hello = ClientId::default();
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello).await?;
        if let Tls::Required(parameters) = &self.tls {
            connection.starttls(parameters.clone(), &hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }

    /// Sends a mail over a connection of its own.
    pub(super) async fn send(&self, to: &Envelope, mail: &[u8]) -> Result<Response, Trouble> {
        let mut connection = self.connect().await?;
        let response = connection.send(to, mail).await?;
        connection.abort().await;
        Ok(response)
    }
}

/// TLS from the first byte.
#[expect(deprecated, reason = "the only way to TLS from the first byte over a stream of ours")]
async fn secured(
    stream: Box<dyn AsyncTokioStream>,
    parameters: TlsParameters,
) -> Result<Box<dyn AsyncTokioStream>, smtp::Error> {
    let mut stream = AsyncNetworkStream::use_existing_tokio1(stream);
    stream.upgrade_tls(parameters).await?;
    let peer = stream.peer_addr().ok();
    Ok(Box::new(Limited::new(stream.compat(), peer)))
}

/// More came than is read.
#[derive(Debug, thiserror::Error)]
#[error("the mail server says more than {MOST_READ} bytes")]
pub(super) struct TooMuch;

/// A stream from which only so much may be read.
#[derive(Debug)]
struct Limited<S> {
    stream: S,
    left: usize,
    peer: Option<SocketAddr>,
}

impl<S> Limited<S> {
    fn new(stream: S, peer: Option<SocketAddr>) -> Self {
        Self { stream, left: MOST_READ, peer }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other(TooMuch)));
        }
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, into);
        self.left = self.left.saturating_sub(into.filled().len() - before);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S> AsyncTokioStream for Limited<S>
where
    S: AsyncRead + AsyncWrite + Send + Sync + Unpin + fmt::Debug,
{
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.peer.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}
