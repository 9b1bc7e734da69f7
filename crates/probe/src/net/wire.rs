//! A connection that leaves no `TIME_WAIT` behind: after a complete answer it is closed with
//! linger 0, unless the peer closed it first. Otherwise one target asked 500 times a second uses
//! up the host's ephemeral ports.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Said once nothing more is wanted from the connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Completion(Arc<AtomicBool>);

impl Completion {
    /// Everything that was asked for has come.
    pub(crate) fn declare(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn declared(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A TCP connection; see the module's description for what is special about its end.
pub(crate) struct Wire {
    stream: TcpStream,
    complete: Completion,
    peer_closed: bool,
}

impl Wire {
    /// Takes over a connection.
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, complete: Completion::default(), peer_closed: false }
    }

    /// The switch that says that nothing more is wanted.
    pub(crate) fn completion(&self) -> Completion {
        self.complete.clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.complete.declared() && !self.peer_closed {
            // If it cannot be set, the port is held for a minute; nothing worse.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if matches!(polled, Poll::Ready(Ok(()))) && buf.filled().len() == before {
            self.peer_closed = buf.remaining() > 0;
        }
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.complete.declared() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
