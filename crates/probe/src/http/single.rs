//! One request on a connection that stands already, for protocols on top of HTTP.

use ::http::Request;
use bytes::Bytes;
use http_body_util::Full;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Answer;
use super::exchange::{Exchange, Wish};
use crate::attempt::Attempt;
use crate::fault::Fault;
use crate::net::Completion;

/// A connection and the bounds of its one answer.
pub(crate) struct Single<S> {
    /// The connection.
    pub(crate) stream: S,
    /// Says that nothing more is wanted from it.
    pub(crate) completion: Completion,
    /// Most bytes of the answer's body; more is a fault of the answer.
    pub(crate) max_body_bytes: u64,
}

impl<S> Single<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    /// Asks over HTTP/1.1.
    pub(crate) async fn http1(
        self,
        attempt: &mut Attempt<'_>,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, Fault> {
        let (exchange, stream) = self.exchange(attempt);
        exchange.http1(stream, request).await
    }

    /// Asks over HTTP/2.
    pub(crate) async fn http2(
        self,
        attempt: &mut Attempt<'_>,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, Fault> {
        let (exchange, stream) = self.exchange(attempt);
        exchange.http2(stream, request).await
    }

    fn exchange<'a, 't>(self, attempt: &'a mut Attempt<'t>) -> (Exchange<'a, 't>, S) {
        let exchange = Exchange {
            trace: &mut attempt.trace,
            decide: &|_| Wish::Whole,
            max_body_bytes: self.max_body_bytes,
            completion: self.completion,
        };
        (exchange, self.stream)
    }
}
