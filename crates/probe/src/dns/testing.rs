//! A DNS server for tests, on loopback, that answers as each test says: late, cut, forged, wrong.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

use super::exchange::Transport;

/// What the server does with a question, in order.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Sends these bytes (framed, over TCP).
    Send(Vec<u8>),
    /// Waits.
    Wait(Duration),
}

type Handler = dyn Fn(&Message, Transport) -> Vec<Step> + Send + Sync;

/// The server; stops when dropped.
pub(crate) struct DnsServer {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<(String, RecordType, Transport)>>>,
    task: JoinHandle<()>,
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl DnsServer {
    pub(crate) async fn start(
        handler: impl Fn(&Message, Transport) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let (udp, tcp) = bind_both().await;
        let address = tcp.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let handler: Arc<Handler> = Arc::new(move |message: &Message, transport| {
            let query = &message.queries[0];
            log.lock().unwrap().push((query.name().to_ascii(), query.query_type(), transport));
            handler(message, transport)
        });
        let task = tokio::spawn(async move {
            tokio::join!(serve_udp(udp, Arc::clone(&handler)), serve_tcp(tcp, handler));
        });
        Self { address, asked, task }
    }

    /// A server that answers each name with these records and with NXDOMAIN what is not there.
    pub(crate) async fn zone(records: Vec<Record>) -> Self {
        Self::start(move |message, _| vec![Step::Send(from_zone(message, &records))]).await
    }

    /// Every question so far.
    pub(crate) fn asked(&self) -> Vec<(String, RecordType, Transport)> {
        self.asked.lock().unwrap().clone()
    }
}

async fn bind_both() -> (UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

async fn serve_udp(socket: UdpSocket, handler: Arc<Handler>) {
    let socket = Arc::new(socket);
    let mut buffer = [0; 4096];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
        let message = Message::from_vec(&buffer[..length]).unwrap();
        let steps = handler(&message, Transport::Udp);
        let socket = Arc::clone(&socket);
        tokio::spawn(async move {
            for step in steps {
                match step {
                    Step::Send(bytes) => {
                        let _ = socket.send_to(&bytes, peer).await;
                    }
                    Step::Wait(time) => tokio::time::sleep(time).await,
                }
            }
        });
    }
}

async fn serve_tcp(listener: TcpListener, handler: Arc<Handler>) {
    while let Ok((stream, _)) = listener.accept().await {
        let handler = Arc::clone(&handler);
        tokio::spawn(async move {
            let _ = answer_tcp(stream, handler).await;
        });
    }
}

async fn answer_tcp(mut stream: TcpStream, handler: Arc<Handler>) -> std::io::Result<()> {
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await?;
    let message = Message::from_vec(&bytes).unwrap();
    for step in handler(&message, Transport::Tcp) {
        match step {
            Step::Send(bytes) => {
                stream.write_u16(u16::try_from(bytes.len()).unwrap()).await?;
                stream.write_all(&bytes).await?;
            }
            Step::Wait(time) => tokio::time::sleep(time).await,
        }
    }
    Ok(())
}

/// The answer to `request` with these records.
pub(crate) fn answer(request: &Message, code: ResponseCode, records: &[Record]) -> Message {
    let mut message = Message::response(request.metadata.id, OpCode::Query);
    message.metadata.response_code = code;
    message.add_queries(request.queries.iter().cloned());
    message.add_answers(records.iter().cloned());
    message
}

/// The same as bytes.
pub(crate) fn reply(request: &Message, code: ResponseCode, records: &[Record]) -> Vec<u8> {
    answer(request, code, records).to_vec().unwrap()
}

fn from_zone(request: &Message, records: &[Record]) -> Vec<u8> {
    let query = &request.queries[0];
    let named: Vec<_> =
        records.iter().filter(|record| record.name == *query.name()).cloned().collect();
    if named.is_empty() {
        return reply(request, ResponseCode::NXDomain, &[]);
    }
    let typed: Vec<_> =
        named.into_iter().filter(|record| record.record_type() == query.query_type()).collect();
    reply(request, ResponseCode::NoError, &typed)
}

/// A record that lasts 20 s.
pub(crate) fn record(name: &str, data: RData) -> Record {
    Record::from_rdata(Name::from_ascii(name).unwrap(), 20, data)
}

/// An A or AAAA record.
pub(crate) fn address(name: &str, address: &str) -> Record {
    let data = match address.parse().unwrap() {
        std::net::IpAddr::V4(v4) => RData::A(v4.into()),
        std::net::IpAddr::V6(v6) => RData::AAAA(v6.into()),
    };
    record(name, data)
}
