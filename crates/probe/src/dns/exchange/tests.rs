//! What is an answer to our question, and what only looks like one.

use std::time::Duration;

use hickory_proto::rr::DNSClass;
use proptest::prelude::*;

use super::*;
use crate::dns::testing::{DnsServer, Step, address, answer, reply};

fn question() -> Question {
    Question { name: Name::from_ascii("web.example.").unwrap(), record_type: RecordType::A }
}

fn asked() -> (u16, Message) {
    let (id, bytes) = encode(&question(), true).unwrap();
    (id, Message::from_vec(&bytes).unwrap())
}

fn found() -> hickory_proto::rr::Record {
    address("web.example.", "192.0.2.1")
}

fn is_ours(message: &Message, id: u16) -> bool {
    matches!(read(&message.to_vec().unwrap(), id, &question()), Reading::Ours(_))
}

#[test]
fn a_question_has_a_random_identifier_and_wants_recursion() {
    let ids: std::collections::HashSet<u16> = (0..50).map(|_| asked().0).collect();
    assert!(ids.len() > 40);
    let (_, message) = asked();
    assert!(message.metadata.recursion_desired);
    assert_eq!(message.edns.unwrap().max_payload(), UDP_PAYLOAD);
}

#[test]
fn only_the_answer_to_the_question_asked_is_ours() {
    let (id, request) = asked();
    let good = answer(&request, ResponseCode::NoError, &[found()]);
    assert!(is_ours(&good, id));
    assert!(!is_ours(&good, id.wrapping_add(1)));
    assert!(!is_ours(&request, id), "a question is no answer");
    let mut other_name = good.clone();
    other_name.queries[0].name = Name::from_ascii("evil.example.").unwrap();
    assert!(!is_ours(&other_name, id));
    let mut other_type = good.clone();
    other_type.queries[0].query_type = RecordType::AAAA;
    assert!(!is_ours(&other_type, id));
    let mut other_class = good.clone();
    other_class.queries[0].query_class = DNSClass::CH;
    assert!(!is_ours(&other_class, id));
    let mut other_case = good.clone();
    other_case.queries[0].name = Name::from_ascii("WEB.example.").unwrap();
    assert!(is_ours(&other_case, id), "case does not matter");
    let mut without = good;
    without.queries.clear();
    assert!(!is_ours(&without, id), "records need their question");
    without.answers.clear();
    without.metadata.response_code = ResponseCode::Refused;
    assert!(is_ours(&without, id), "errors may leave it out");
}

#[test]
fn a_cut_message_is_known_by_its_flag_even_when_it_cannot_be_read() {
    let (id, request) = asked();
    let mut message = answer(&request, ResponseCode::NoError, &[found()]);
    message.metadata.truncation = true;
    let mut bytes = message.to_vec().unwrap();
    assert!(matches!(read(&bytes, id, &question()), Reading::Cut));
    bytes.truncate(bytes.len() - 2);
    assert!(matches!(read(&bytes, id, &question()), Reading::Cut));
}

#[tokio::test]
async fn forged_answers_before_the_right_one_are_left_alone() {
    let server = DnsServer::start(|request, _| {
        let bad = address("web.example.", "203.0.113.66");
        let forged: Vec<Step> = (1..=20)
            .map(|off| {
                let mut message =
                    answer(request, ResponseCode::NoError, std::slice::from_ref(&bad));
                message.metadata.id = request.metadata.id.wrapping_add(off);
                Step::Send(message.to_vec().unwrap())
            })
            .collect();
        let good = Step::Send(reply(request, ResponseCode::NoError, &[found()]));
        [forged, vec![Step::Send(vec![0xff; 3]), good]].concat()
    })
    .await;
    let got =
        ask(server.address, &question(), Transport::Udp, Duration::from_secs(5)).await.unwrap();
    assert_eq!(got.message.answers, [found()]);
    assert_eq!(got.ignored, 21);
}

#[tokio::test]
async fn a_lost_question_is_sent_again() {
    let lost = std::sync::atomic::AtomicBool::new(true);
    let server = DnsServer::start(move |request, _| {
        if lost.swap(false, std::sync::atomic::Ordering::Relaxed) {
            return vec![];
        }
        vec![Step::Send(reply(request, ResponseCode::NoError, &[found()]))]
    })
    .await;
    let got = ask(server.address, &question(), Transport::Udp, Duration::from_secs(10)).await;
    assert!(got.is_ok());
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_server_that_knows_no_extensions_is_asked_without() {
    let server = DnsServer::start(|request, _| {
        let code = match request.edns {
            Some(_) => ResponseCode::FormErr,
            None => ResponseCode::NoError,
        };
        vec![Step::Send(reply(request, code, &[]))]
    })
    .await;
    let got =
        ask(server.address, &question(), Transport::Udp, Duration::from_secs(5)).await.unwrap();
    assert_eq!(got.message.metadata.response_code, ResponseCode::NoError);
}

#[tokio::test]
async fn a_trickle_of_foreign_answers_does_not_outlast_the_budget() {
    let server = DnsServer::start(|_, transport| {
        let foreign = Step::Send(vec![0; 12]);
        match transport {
            Transport::Udp => vec![foreign; 200],
            Transport::Tcp => {
                [vec![foreign; 200], vec![Step::Wait(Duration::from_secs(60))]].concat()
            }
        }
    })
    .await;
    for transport in [Transport::Udp, Transport::Tcp] {
        let budget = Duration::from_millis(600);
        let got = ask(server.address, &question(), transport, budget).await;
        let Err(ExchangeError::Timeout { ignored, .. }) = got else {
            panic!("{got:?}");
        };
        assert!(ignored > 0, "{transport:?}");
    }
}

/// Answers to our question in which something does not add up.
#[tokio::test]
async fn crafted_answers_are_refused_whole() {
    /// Where the answer section begins: header, `web.example.`, type and class.
    const ANSWERS: usize = 12 + 13 + 4;
    /// Our name by reference, A, IN, a minute.
    const OWNER: &[u8] = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c";
    let with = |count: u16, answers: &'static [&'static [u8]]| {
        move |request: &Message, _: Transport| {
            let mut bytes = reply(request, ResponseCode::NoError, &[]);
            bytes.truncate(ANSWERS);
            bytes[6..8].copy_from_slice(&count.to_be_bytes());
            bytes[10..12].fill(0);
            bytes.extend(answers.concat());
            vec![Step::Send(bytes)]
        }
    };
    for (what, handler) in [
        ("as it should be", with(1, &[OWNER, b"\x00\x04\xc0\x00\x02\x01"])),
        ("more records than there are", with(0xffff, &[OWNER, b"\x00\x04\xc0\x00\x02\x01"])),
        ("an address of three bytes", with(1, &[OWNER, b"\x00\x03\xc0\x00\x02"])),
        ("data that ends too early", with(1, &[OWNER, b"\xff\xff\xc0\x00\x02\x01"])),
        ("a name that points at itself", with(1, &[b"\xc0\x1d\x00\x01\x00\x01", &[0; 6]])),
        ("a name that points ahead", with(1, &[b"\xc0\xff\x00\x01\x00\x01", &[0; 6]])),
        (
            "an alias to itself by reference",
            with(1, &[b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x02\xc0\x29"]),
        ),
        ("a label of an unknown kind", with(1, &[b"\x80web\x00\x00\x01\x00\x01", &[0; 6]])),
        ("a label longer than the rest", with(1, &[b"\x3fweb"])),
        ("a name that never ends", with(1, &[&[1; 400]])),
    ] {
        let server = DnsServer::start(handler).await;
        for transport in [Transport::Udp, Transport::Tcp] {
            let budget = Duration::from_secs(5);
            let got = ask(server.address, &question(), transport, budget).await;
            match what {
                "as it should be" => assert_eq!(got.unwrap().message.answers.len(), 1),
                _ => assert!(
                    matches!(got, Err(ExchangeError::Malformed { .. })),
                    "{what} by {transport:?}: {got:?}"
                ),
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_survived(
        id in any::<u16>(),
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut bytes = id.to_be_bytes().to_vec();
        bytes.push(0x80);
        bytes.extend(body);
        read(&bytes, id, &question());
    }

    /// A right answer with some bytes changed is read, refused or left alone, never a panic; and
    /// what is taken for ours repeats our question or is an error.
    #[test]
    fn damaged_answers_are_survived(
        changes in prop::collection::vec((0usize..80, any::<u8>()), 1..6),
        cut in 0usize..90,
    ) {
        let (id, request) = asked();
        let mut bytes = reply(&request, ResponseCode::NoError, &[found()]);
        for (at, to) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = to;
            }
        }
        bytes.truncate(cut);
        if let Reading::Ours(message) = read(&bytes, id, &question()) {
            prop_assert_eq!(message.metadata.id, id);
            prop_assert!(answers(&message, &question()));
        }
    }
}
