//! DNS over TLS (RFC 7858) against a server of the tests' own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hickory_proto::op::{Message, MessageType};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record};
use kuma_core::check::{Check, DnsCheck, DnsProtocol, MatchMode, Rcode, RecordType, TlsOptions};
use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::Reason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::fixture::World;
use crate::fixture::authority::{Authority, NOW, server};

/// What the server sends for a question; it waits for ever instead of sending nothing.
type Answer = fn(&Message) -> Vec<u8>;

struct DnsServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl DnsServer {
    async fn start(authority: &Authority, names: &[&str], answer: Answer) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(server(&authority.issue(names, NOW))));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut stream = acceptor.accept(stream).await?;
                    let mut question = vec![0; usize::from(stream.read_u16().await?)];
                    stream.read_exact(&mut question).await?;
                    let message = Message::from_vec(&question).unwrap();
                    let bytes = answer(&message);
                    if bytes.is_empty() {
                        return std::future::pending().await;
                    }
                    stream.write_u16(u16::try_from(bytes.len()).unwrap()).await?;
                    stream.write_all(&bytes).await?;
                    stream.shutdown().await
                });
            }
        });
        Self { address, task }
    }
}

fn reply(question: &Message) -> Message {
    let mut reply = question.clone();
    reply.metadata.message_type = MessageType::Response;
    reply
}

fn address(question: &Message) -> Vec<u8> {
    let mut reply = reply(question);
    let name = question.queries[0].name().clone();
    reply.answers.push(Record::from_rdata(name, 60, RData::A(A::new(192, 0, 2, 1))));
    reply.to_vec().unwrap()
}

fn cut(question: &Message) -> Vec<u8> {
    let mut reply = reply(question);
    reply.metadata.truncation = true;
    reply.to_vec().unwrap()
}

fn garbage(question: &Message) -> Vec<u8> {
    let mut bytes = reply(question).to_vec().unwrap();
    bytes.truncate(14);
    bytes
}

struct Scene {
    world: World,
    authority: Authority,
}

impl Scene {
    fn new() -> Self {
        Self { world: World::new(), authority: Authority::new("test authority") }
    }

    fn check(&self, server: SocketAddr) -> DnsCheck {
        let tls = TlsOptions {
            ca_bundle: Some(self.world.secret("ca", &self.authority.pem())),
            ..TlsOptions::default()
        };
        DnsCheck {
            domain: "web.example".to_owned(),
            record_type: RecordType::A,
            server: Some(server.to_string()),
            protocol: DnsProtocol::Tls(Box::new(tls)),
            expected: vec!["192.0.2.1".to_owned()],
            match_mode: MatchMode::Exact,
            rcode: Rcode::Noerror,
            must_resolve: true,
        }
    }

    async fn see(&self, names: &[&str], answer: Answer) -> Observation {
        let server = DnsServer::start(&self.authority, names, answer).await;
        self.world.run(Check::Dns(Box::new(self.check(server.address)))).await
    }
}

#[tokio::test]
async fn the_answer_and_the_certificate_are_seen() {
    let seen = Scene::new().see(&["127.0.0.1"], address).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert!(seen.phases.tls.is_some());
    assert!(seen.certificate.unwrap().valid);
}

#[tokio::test]
async fn the_server_has_to_show_itself() {
    let scene = Scene::new();
    let seen = scene.see(&["dns.example"], address).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::TlsNameMismatch), "{seen:?}");

    let stranger = Authority::new("somebody else");
    let server = DnsServer::start(&stranger, &["127.0.0.1"], address).await;
    let seen = scene.world.run(Check::Dns(Box::new(scene.check(server.address)))).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::TlsUntrusted), "{seen:?}");
}

#[tokio::test]
async fn answers_that_cannot_be_read_and_none_at_all_say_so() {
    for (answer, reason) in [
        (cut as Answer, Reason::DnsMalformed),
        (garbage, Reason::DnsMalformed),
        (|_| Vec::new(), Reason::Timeout),
    ] {
        let mut scene = Scene::new();
        scene.world.timeout = std::time::Duration::from_secs(2);
        let seen = scene.see(&["127.0.0.1"], answer).await;
        assert_eq!(seen.outcome, Outcome::Failure(reason), "{seen:?}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_told_from_one_that_is_not_there() {
    let scene = Scene::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let plain = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 not a DNS server\r\n").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let seen = scene.world.run(Check::Dns(Box::new(scene.check(address)))).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::TlsHandshake), "{seen:?}");
    plain.await.unwrap();
    let seen = scene.world.run(Check::Dns(Box::new(scene.check(address)))).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::ConnectionRefused), "{seen:?}");
}
