//! What lies beneath a conversation with a mail server, and its bounds: lettre looks at the length of
//! an answer once it has a whole line, and a line need not end.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// More of what a server says in one conversation is not read, in bytes: more than lettre reads of
/// one answer (100,000), and than certificates take.
const MOST_READ: usize = 256 * 1024;
/// More lines of one answer are not read: lettre reads all of an answer again for each of its lines.
const MOST_LINES: usize = 500;
/// How long the answer to a QUIT is waited for. What counts has been said before.
const FAREWELL: Duration = Duration::from_secs(1);
/// How a conversation ends.
const QUIT: &[u8] = b"QUIT\r\n";

/// More came than is read.
#[derive(Debug, thiserror::Error)]
#[error("the mail server says more than {MOST_READ} bytes, or {MOST_LINES} lines at once")]
pub(super) struct TooMuch;

/// A connection of which only so much is read. A clone is the same connection, so that it outlives
/// the conversation that agrees on TLS, and the bound with it.
#[derive(Debug, Clone)]
pub(super) struct Wire(Arc<Mutex<Ends>>);

#[derive(Debug)]
struct Ends {
    stream: TcpStream,
    left: usize,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(Arc::new(Mutex::new(Ends { stream, left: MOST_READ })))
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut ends = self.ends();
        if ends.left == 0 {
            return Poll::Ready(Err(io::Error::other(TooMuch)));
        }
        let before = into.filled().len();
        let polled = Pin::new(&mut ends.stream).poll_read(context, into);
        ends.left = ends.left.saturating_sub(into.filled().len() - before);
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.ends().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.ends().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.ends().stream).poll_shutdown(context)
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.ends().stream.peer_addr()
    }
}

/// What lettre speaks over: a [`Wire`], or TLS over one.
#[derive(Debug)]
pub(super) struct Dialogue<S> {
    stream: S,
    /// What is read before anything of the stream.
    ahead: &'static [u8],
    /// How many lines have been read since something was written.
    lines: usize,
    /// Set by a QUIT: after that nothing is waited for.
    farewell: Option<Pin<Box<Sleep>>>,
}

impl<S> Dialogue<S> {
    /// `ahead` is what the server seems to say first.
    pub(super) const fn new(stream: S, ahead: &'static [u8]) -> Self {
        Self { stream, ahead, lines: 0, farewell: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Dialogue<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let (now, later) = self.ahead.split_at(self.ahead.len().min(into.remaining()));
            into.put_slice(now);
            self.ahead = later;
            return Poll::Ready(Ok(()));
        }
        if self.lines > MOST_LINES {
            return Poll::Ready(Err(io::Error::other(TooMuch)));
        }
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, into);
        let said = into.filled().get(before..).unwrap_or_default();
        self.lines += said.split(|byte| *byte == b'\n').skip(1).count();
        match &mut self.farewell {
            // To lettre the server has hung up.
            Some(farewell) if polled.is_pending() => farewell.as_mut().poll(context).map(Ok),
            _ => polled,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Dialogue<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.lines = 0;
        // No mail ends so: the last line of one closes its parts.
        if bytes == QUIT && self.farewell.is_none() {
            self.farewell = Some(Box::pin(tokio::time::sleep(FAREWELL)));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S> AsyncTokioStream for Dialogue<S>
where
    S: AsyncRead + AsyncWrite + Send + Sync + Unpin + fmt::Debug,
{
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        // Nobody asks: lettre does for logs that we do not write.
        Err(io::ErrorKind::NotConnected.into())
    }
}
