//! One question to one DNS server and the answer that belongs to it (RFC 1035, RFC 7766). Used by
//! the `dns` check and by our own resolver. Whatever does not answer the question asked is left
//! alone, so that a forged or late datagram cannot decide anything.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// The payload that we say a datagram may have: what passes without fragments nearly everywhere.
const UDP_PAYLOAD: u16 = 1232;
/// The largest datagram looked at; servers that ignore [`UDP_PAYLOAD`] are still understood.
const UDP_BUFFER: usize = 4096;
/// A question without an answer is sent again after this, then after twice as long, and so on.
const FIRST_RESEND: Duration = Duration::from_secs(1);

/// What carries a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Datagrams, and a connection when the answer was cut.
    Udp,
    /// A connection.
    Tcp,
}

/// A name and the type asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) name: Name,
    pub(crate) record_type: RecordType,
}

/// The answer that belongs to the question.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) message: Message,
    /// What the answer came by in the end.
    pub(crate) via: &'static str,
    /// Datagrams that answered something else and were left alone.
    pub(crate) ignored: u32,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// Nothing that belongs to the question came in time.
    #[error("no answer from {server} within {}", crate::words::duration(*.budget))]
    Timeout { server: SocketAddr, budget: Duration, ignored: u32 },
    /// The socket failed.
    #[error("{server}: {error}")]
    Io { server: SocketAddr, error: io::Error },
    /// The server closed the connection without an answer.
    #[error("{server} closed the connection without an answer")]
    Closed { server: SocketAddr },
    /// What came cannot be read as DNS.
    #[error("{server} sent an answer that cannot be read: {why}")]
    Malformed { server: SocketAddr, why: String },
    /// The question cannot be written.
    #[error("the question cannot be written: {0}")]
    Question(String),
}

/// Asks `server` and waits at most `budget`.
pub(crate) async fn ask(
    server: SocketAddr,
    question: &Question,
    transport: Transport,
    budget: Duration,
) -> Result<Answer, ExchangeError> {
    let mut ignored = 0;
    let asked =
        tokio::time::timeout(budget, ask_untimed(server, question, transport, &mut ignored)).await;
    asked.unwrap_or(Err(ExchangeError::Timeout { server, budget, ignored }))
}

/// Asks on a stream that leads to `server` already. There is no second question without our
/// extension: servers that speak TLS (RFC 7858) are younger than it.
pub(crate) async fn ask_on<S>(
    stream: &mut S,
    server: SocketAddr,
    question: &Question,
) -> Result<Answer, ExchangeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut ignored = 0;
    let message = on_stream(stream, server, question, true, &mut ignored).await?;
    Ok(Answer { message, via: "tls", ignored })
}

async fn ask_untimed(
    server: SocketAddr,
    question: &Question,
    transport: Transport,
    ignored: &mut u32,
) -> Result<Answer, ExchangeError> {
    let answer = ask_once(server, question, transport, true, ignored).await?;
    // A server from before RFC 6891 finds our extension malformed; ask as in RFC 1035.
    if answer.message.metadata.response_code == ResponseCode::FormErr
        && answer.message.edns.is_none()
    {
        return ask_once(server, question, transport, false, ignored).await;
    }
    Ok(answer)
}

async fn ask_once(
    server: SocketAddr,
    question: &Question,
    transport: Transport,
    edns: bool,
    ignored: &mut u32,
) -> Result<Answer, ExchangeError> {
    if transport == Transport::Udp
        && let Some(message) = over_udp(server, question, edns, ignored).await?
    {
        return Ok(Answer { message, via: "udp", ignored: *ignored });
    }
    let message = over_tcp(server, question, edns, ignored).await?;
    Ok(Answer { message, via: "tcp", ignored: *ignored })
}

/// The question as a message with a random identifier.
fn encode(question: &Question, edns: bool) -> Result<(u16, Vec<u8>), ExchangeError> {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(question.name.clone(), question.record_type));
    if edns {
        let mut extension = Edns::new();
        extension.set_max_payload(UDP_PAYLOAD).set_version(0);
        message.set_edns(extension);
    }
    let bytes = message.to_vec().map_err(|error| ExchangeError::Question(error.to_string()))?;
    Ok((message.metadata.id, bytes))
}

/// What a message that came in is to us.
#[derive(Debug)]
enum Reading {
    /// The answer.
    Ours(Box<Message>),
    /// The answer, cut.
    Cut,
    /// An answer to something else, or no answer at all.
    Foreign,
    /// Our identifier, but not readable.
    Malformed(String),
}

/// Decides what `bytes` are, given what was asked. Never panics, whatever they are.
fn read(bytes: &[u8], id: u16, question: &Question) -> Reading {
    let [high, low, flags, ..] = *bytes else {
        return Reading::Foreign;
    };
    let is_response = flags & 0x80 != 0;
    if u16::from_be_bytes([high, low]) != id || !is_response {
        return Reading::Foreign;
    }
    let message = match Message::from_vec(bytes) {
        Ok(message) => message,
        // Some servers cut a message in the middle of a record.
        Err(_) if flags & 0x02 != 0 => return Reading::Cut,
        Err(error) => return Reading::Malformed(error.to_string()),
    };
    if message.metadata.message_type != MessageType::Response
        || message.metadata.op_code != OpCode::Query
        || !answers(&message, question)
    {
        return Reading::Foreign;
    }
    if message.metadata.truncation {
        return Reading::Cut;
    }
    Reading::Ours(Box::new(message))
}

/// Whether the message repeats our question; errors may leave it out.
fn answers(message: &Message, question: &Question) -> bool {
    match message.queries.as_slice() {
        [] => !matches!(
            message.metadata.response_code,
            ResponseCode::NoError | ResponseCode::NXDomain
        ),
        [one] => {
            one.query_type() == question.record_type
                && one.query_class() == hickory_proto::rr::DNSClass::IN
                && one.name().eq_ignore_root(&question.name)
        }
        _ => false,
    }
}

/// `None` when the answer was cut.
async fn over_udp(
    server: SocketAddr,
    question: &Question,
    edns: bool,
    ignored: &mut u32,
) -> Result<Option<Message>, ExchangeError> {
    let failed = |error| ExchangeError::Io { server, error };
    let (id, bytes) = encode(question, edns)?;
    let local: SocketAddr = if server.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    // A socket per question: a random port to guess, and only the server's datagrams reach it.
    let socket = UdpSocket::bind(local).await.map_err(failed)?;
    socket.connect(server).await.map_err(failed)?;
    let mut buffer = vec![0; UDP_BUFFER];
    let mut resend = FIRST_RESEND;
    loop {
        socket.send(&bytes).await.map_err(failed)?;
        let next_send = tokio::time::Instant::now() + resend;
        while let Ok(received) = tokio::time::timeout_at(next_send, socket.recv(&mut buffer)).await
        {
            let length = received.map_err(failed)?;
            match read(&buffer[..length], id, question) {
                Reading::Ours(message) => return Ok(Some(*message)),
                Reading::Cut => return Ok(None),
                Reading::Foreign => *ignored = ignored.saturating_add(1),
                Reading::Malformed(why) => return Err(ExchangeError::Malformed { server, why }),
            }
        }
        resend *= 2;
    }
}

async fn over_tcp(
    server: SocketAddr,
    question: &Question,
    edns: bool,
    ignored: &mut u32,
) -> Result<Message, ExchangeError> {
    let connected = TcpStream::connect(server).await;
    let mut stream = connected.map_err(|error| ExchangeError::Io { server, error })?;
    on_stream(&mut stream, server, question, edns, ignored).await
}

/// Messages on a stream have their length before them (RFC 1035 4.2.2).
async fn on_stream<S>(
    stream: &mut S,
    server: SocketAddr,
    question: &Question,
    edns: bool,
    ignored: &mut u32,
) -> Result<Message, ExchangeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ExchangeError::Closed { server },
        _ => ExchangeError::Io { server, error },
    };
    let (id, bytes) = encode(question, edns)?;
    let length = u16::try_from(bytes.len())
        .map_err(|_| ExchangeError::Question("longer than 65,535 bytes".to_owned()))?;
    let mut framed = Vec::with_capacity(bytes.len() + 2);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(&bytes);
    stream.write_all(&framed).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    loop {
        let length = stream.read_u16().await.map_err(failed)?;
        let mut buffer = vec![0; usize::from(length)];
        stream.read_exact(&mut buffer).await.map_err(failed)?;
        match read(&buffer, id, question) {
            Reading::Ours(message) => return Ok(*message),
            Reading::Cut => {
                return Err(ExchangeError::Malformed {
                    server,
                    why: "cut although it came on a connection".to_owned(),
                });
            }
            Reading::Foreign => *ignored = ignored.saturating_add(1),
            Reading::Malformed(why) => return Err(ExchangeError::Malformed { server, why }),
        }
    }
}

#[cfg(test)]
mod tests;
