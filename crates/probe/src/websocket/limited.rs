//! A stream from which only so much may be read.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The stream and what is left of its limit.
pub(super) struct Limited<S> {
    stream: S,
    left: usize,
}

/// More came than is read.
#[derive(Debug)]
pub(super) struct LimitReached;

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("more came than is read")
    }
}

impl std::error::Error for LimitReached {}

impl<S> Limited<S> {
    /// At most `most` bytes can be read, and after them the answer is [`LimitReached`].
    pub(super) fn new(stream: S, most: usize) -> Self {
        Self { stream, left: most }
    }
}

/// Whether an error says that the limit is reached.
pub(super) fn is_limit(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<LimitReached>()).is_some()
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other(LimitReached)));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.left = self.left.saturating_sub(buf.filled().len() - before);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
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
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn reading_ends_at_the_limit() {
        let mut stream = Limited::new(tokio::io::repeat(b'x'), 10);
        let mut read = vec![0; 10];
        stream.read_exact(&mut read).await.unwrap();
        assert!(is_limit(&stream.read(&mut read).await.unwrap_err()));
        let mut other = Limited::new(&b""[..], 10);
        assert!(!is_limit(&other.read_exact(&mut read).await.unwrap_err()));
    }
}
