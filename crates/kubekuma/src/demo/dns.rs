//! The demo's DNS server: `*.demo.kubekuma.local` is 127.0.0.1, everything else does not exist.

use std::net::Ipv4Addr;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

const ZONE: &str = "demo.kubekuma.local.";

pub(super) async fn serve(socket: UdpSocket, stop: CancellationToken) {
    let mut buffer = [0; 512];
    loop {
        let received = tokio::select! {
            () = stop.cancelled() => return,
            received = socket.recv_from(&mut buffer) => received,
        };
        let Ok((length, peer)) = received else { continue };
        let Some(answer) = answer(&buffer[..length]) else { continue };
        if let Err(error) = socket.send_to(&answer, peer).await {
            tracing::debug!(%error, "a DNS answer could not be sent");
        }
    }
}

/// The answer to a question in wire format; nothing for what cannot be read.
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).ok()?;
    let query = question.queries.first()?.clone();
    let mut answer =
        Message::new(question.metadata.id, MessageType::Response, question.metadata.op_code);
    answer.metadata.authoritative = true;
    let name = query.name().to_lowercase().to_ascii();
    if name == ZONE || name.ends_with(&format!(".{ZONE}")) {
        if query.query_type() == RecordType::A {
            let data = RData::A(A(Ipv4Addr::LOCALHOST));
            answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
        }
    } else {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    answer.add_query(query);
    answer.to_vec().ok()
}
