//! `websocket` (RFC 6455): a handshake, an exchange of messages if one is asked for, and a proper
//! goodbye. Every size is bounded, and so is the number of fragments, by the bytes they take.

mod exchange;
mod handshake;
mod limited;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use kuma_core::check::WebsocketCheck;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

use self::limited::Limited;
use crate::attempt::{Attempt, Verdict};
use crate::trace::Stage;

/// How long a goodbye may take; the verdict is already known then.
const GOODBYE: Duration = Duration::from_millis(500);
/// What is read and written at once.
const CHUNK: usize = 8 * 1024;

/// A WebSocket on a connection of ours.
type Socket = WebSocketStream<Limited<TokioIo<Upgraded>>>;

/// Connects, has the exchange and takes leave.
pub(crate) async fn run(attempt: &mut Attempt<'_>, check: &WebsocketCheck) -> Verdict {
    let opened = handshake::open(attempt, check).await?;
    let limits = WebSocketConfig::default()
        .read_buffer_size(CHUNK)
        .write_buffer_size(CHUNK)
        .max_message_size(Some(WebsocketCheck::MAX_MESSAGE_BYTES))
        .max_frame_size(Some(WebsocketCheck::MAX_MESSAGE_BYTES));
    let stream = Limited::new(opened.stream, WebsocketCheck::MAX_RECEIVED_BYTES);
    let mut socket = Socket::from_raw_socket(stream, Role::Client, Some(limits)).await;
    let said = exchange::run(attempt, check, &mut socket).await;
    attempt.trace.enter(Stage::Idle);
    // The goodbye is a courtesy and no part of the answer's time.
    attempt.latency = Some(attempt.trace.elapsed());
    let _ = tokio::time::timeout(GOODBYE.min(attempt.left()), goodbye(&mut socket)).await;
    opened.completion.declare();
    let said = said?;
    Ok(match opened.subprotocol {
        Some(chosen) => format!("{said}, subprotocol {chosen}"),
        None => said,
    })
}

/// Says goodbye and waits until the server has closed, as RFC 6455 asks of clients (7.1.1).
async fn goodbye(socket: &mut Socket) {
    let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    if socket.send(Message::Close(Some(frame))).await.is_ok() {
        while let Some(Ok(_)) = socket.next().await {}
    }
}
