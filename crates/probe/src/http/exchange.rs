//! One request and its answer on an open connection, without a task of its own: the connection is
//! polled together with the request, so that everything ends with the attempt.

use std::error::Error as _;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use ::http::response::Parts;
use ::http::{HeaderMap, Request, Response, StatusCode};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use kuma_core::reason::Reason;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Answer, SHOWN_BODY_BYTES, Upgrade, encoding};
use crate::fault::Fault;
use crate::net::{Completion, exchange_fault};
use crate::tls;
use crate::trace::{Stage, Trace};

/// Most bytes of status line and headers.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// How much of a compressed body's beginning is read to show what it holds, in bytes.
const ENCODED_BODY_BYTES: usize = 8 * 1024;
/// Most headers (hyper's own limit, which needs no allocation).
const MAX_HEADERS: usize = 100;

/// What a check needs of the last body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Only the time it takes.
    Measure,
    /// All of it.
    Whole,
}

/// What is wanted of one body, decided when its headers are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Nothing: it is a redirect's.
    Nothing,
    /// Its beginning, to show.
    Shown,
    /// Its transfer, up to the limit.
    Measured,
    /// All of it; more than the limit is a fault.
    Whole,
}

/// Decides what is wanted.
pub(super) type Decide<'a> = dyn Fn(&Parts) -> Wish + Sync + 'a;

/// What an exchange has at hand besides its connection.
pub(super) struct Exchange<'a, 't> {
    pub(super) trace: &'a mut Trace<'t>,
    pub(super) decide: &'a Decide<'a>,
    pub(super) max_body_bytes: u64,
    pub(super) completion: Completion,
}

impl Exchange<'_, '_> {
    /// Over HTTP/1.1.
    pub(super) async fn http1<S>(
        mut self,
        stream: S,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| explain(&error, Stage::FirstByte))?;
        self.trace.enter(Stage::FirstByte);
        let work = async {
            let answered = sender.send_request(request).await;
            self.answer(answered).await
        };
        drive(pin!(connection), pin!(work)).await
    }

    /// Over HTTP/1.1, with a request to go on in another protocol.
    pub(super) async fn upgrade<S>(
        mut self,
        stream: S,
        request: Request<Full<Bytes>>,
    ) -> Result<Upgrade, Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| explain(&error, Stage::FirstByte))?;
        self.trace.enter(Stage::FirstByte);
        let work = async {
            let mut answered = sender.send_request(request).await;
            if let Ok(response) = &mut answered
                && response.status() == StatusCode::SWITCHING_PROTOCOLS
            {
                let stream = hyper::upgrade::on(&mut *response)
                    .await
                    .map_err(|error| explain(&error, Stage::FirstByte))?;
                let (head, _) =
                    answered.map_err(|error| explain(&error, Stage::FirstByte))?.into_parts();
                return Ok(Upgrade::Agreed { head, stream: TokioIo::new(stream) });
            }
            self.answer(answered).await.map(Upgrade::Declined)
        };
        drive(pin!(connection.with_upgrades()), pin!(work)).await
    }

    /// Over HTTP/2.
    pub(super) async fn http2<S>(
        mut self,
        stream: S,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.trace.enter(Stage::FirstByte);
        let tasks = Tasks::default();
        let (mut sender, connection) = http2::Builder::new(tasks.clone())
            .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| explain(&error, Stage::FirstByte))?;
        let work = async {
            let answered = sender.send_request(request).await;
            self.answer(answered).await
        };
        let mut connection = pin!(connection);
        let mut running = FuturesUnordered::new();
        let both = std::future::poll_fn(move |cx| {
            let ended = connection.as_mut().poll(cx);
            tasks.poll_all(&mut running, cx);
            ended
        });
        drive(pin!(both), pin!(work)).await
    }

    async fn answer(
        &mut self,
        answered: hyper::Result<Response<Incoming>>,
    ) -> Result<Answer, Fault> {
        let response = answered.map_err(|error| explain(&error, Stage::FirstByte))?;
        self.trace.enter(Stage::Transfer);
        let (head, body) = response.into_parts();
        let wish = (self.decide)(&head);
        let mut answer = Answer {
            head,
            body: Vec::new(),
            trailers: HeaderMap::new(),
            broken: None,
            url: None,
            redirects: 0,
        };
        if wish != Wish::Nothing {
            answer.broken = self.read_and_decode(&mut answer, body, wish).await.err();
        }
        self.trace.enter(Stage::Idle);
        self.completion.declare();
        Ok(answer)
    }

    async fn read_and_decode(
        &mut self,
        answer: &mut Answer,
        body: Incoming,
        wish: Wish,
    ) -> Result<(), Fault> {
        let codings = encoding::codings(&answer.head);
        let is_encoded = !codings.as_ref().is_ok_and(Vec::is_empty);
        let shown = if is_encoded { ENCODED_BODY_BYTES } else { SHOWN_BODY_BYTES };
        let read = self.read(answer, body, wish, shown).await;
        if !is_encoded || wish == Wish::Measured {
            return read;
        }
        let packed = std::mem::take(&mut answer.body);
        match wish {
            Wish::Whole if read.is_ok() => {
                answer.body = encoding::decoded(packed, codings?, self.max_body_bytes).await?;
            }
            _ => {
                let codings = codings.unwrap_or_default();
                answer.body = encoding::beginning(packed, codings, SHOWN_BODY_BYTES).await;
            }
        }
        read
    }

    async fn read(
        &mut self,
        answer: &mut Answer,
        mut body: Incoming,
        wish: Wish,
        shown: usize,
    ) -> Result<(), Fault> {
        let framed = is_framed(&answer.head);
        self.trace.received = 0;
        while let Some(frame) = body.frame().await {
            let frame = match frame {
                Ok(frame) => frame,
                // A body that ends with the connection: many servers forget TLS's own goodbye.
                Err(error) if !framed && ended_early(&error) => return Ok(()),
                Err(error) => return Err(self.torn(&error)),
            };
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(frame) => {
                    answer.trailers = frame.into_trailers().unwrap_or_default();
                    continue;
                }
            };
            self.trace.received += data.len() as u64;
            let over = self.trace.received > self.max_body_bytes;
            match wish {
                Wish::Nothing => return Ok(()),
                Wish::Shown => {
                    keep(&mut answer.body, &data, shown);
                    if over || answer.body.len() >= shown {
                        return Ok(());
                    }
                }
                Wish::Measured if over => return Ok(()),
                Wish::Measured => {}
                Wish::Whole if over => {
                    answer.body.truncate(shown);
                    keep(&mut answer.body, &data, shown);
                    return Err(self.too_large());
                }
                Wish::Whole => answer.body.extend_from_slice(&data),
            }
        }
        Ok(())
    }

    fn too_large(&self) -> Fault {
        Fault::target(
            Reason::BodyTooLarge,
            format!("the body is larger than {} bytes", self.max_body_bytes),
        )
    }

    fn torn(&self, error: &hyper::Error) -> Fault {
        let mut fault = explain(error, Stage::Transfer);
        fault.message =
            format!("{}; {} bytes of the body had come", fault.message, self.trace.received);
        fault
    }
}

fn keep(kept: &mut Vec<u8>, data: &Bytes, most: usize) {
    let room = most.saturating_sub(kept.len());
    kept.extend_from_slice(&data[..data.len().min(room)]);
}

/// Whether the body's end is known from its headers, so that an early end is a fault.
fn is_framed(head: &Parts) -> bool {
    head.version == ::http::Version::HTTP_2
        || head.headers.contains_key(::http::header::CONTENT_LENGTH)
        || head.headers.contains_key(::http::header::TRANSFER_ENCODING)
}

fn ended_early(error: &hyper::Error) -> bool {
    error.is_incomplete_message()
        || io_error(error).is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}

/// Polls the connection and the work on it together until the work is done.
async fn drive<C, W>(mut connection: Pin<&mut C>, mut work: Pin<&mut W>) -> W::Output
where
    C: Future<Output = hyper::Result<()>>,
    W: Future,
{
    let mut open = true;
    std::future::poll_fn(move |cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        if open && connection.as_mut().poll(cx).is_ready() {
            // The work is told by its own channel how the connection ended.
            open = false;
        }
        work.as_mut().poll(cx)
    })
    .await
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where HTTP/2 puts the futures that it would like to have spawned.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<(Vec<Task>, Option<Waker>)>>);

impl Tasks {
    fn poll_all(&self, running: &mut FuturesUnordered<Task>, cx: &mut Context<'_>) {
        loop {
            {
                let mut inbox = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                running.extend(inbox.0.drain(..));
                inbox.1 = Some(cx.waker().clone());
            }
            if !matches!(running.poll_next_unpin(cx), Poll::Ready(Some(()))) {
                return;
            }
        }
    }
}

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        let mut inbox = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.0.push(Box::pin(future));
        if let Some(waker) = inbox.1.take() {
            waker.wake();
        }
    }
}

/// What hyper's error says about the target.
fn explain(error: &hyper::Error, stage: Stage) -> Fault {
    let doing =
        if stage == Stage::Transfer { "while the body was coming" } else { "before the answer" };
    if let Some(error) = io_error(error) {
        return tls::alert_in(error).unwrap_or_else(|| match error.kind() {
            // What the connection itself has no part in: the parser's own complaint.
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Fault::target(
                Reason::HttpProtocol,
                format!("the answer is not valid HTTP {doing}: {error}"),
            ),
            _ => exchange_fault(error, doing),
        });
    }
    if error.is_parse_too_large() {
        return Fault::target(
            Reason::HttpProtocol,
            format!("the answer's headers are too many (over {MAX_HEADERS}) or too large"),
        );
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return Fault::target(
            Reason::ConnectionClosed,
            format!("the connection was closed {doing}"),
        );
    }
    let mut causes = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push_str(": ");
        causes.push_str(&cause.to_string());
        next = cause.source();
    }
    Fault::target(Reason::HttpProtocol, format!("the answer is not valid HTTP: {causes}"))
}

fn io_error(error: &hyper::Error) -> Option<&io::Error> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<io::Error>() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}
