//! Which names are tried, and which records of an answer belong to the name.

use hickory_proto::op::OpCode;
use hickory_proto::rr::Record;
use hickory_proto::rr::rdata::CNAME;
use proptest::prelude::*;

use super::*;
use crate::dns::testing::{address, record};

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn message(records: Vec<Record>) -> Message {
    let mut message = Message::response(1, OpCode::Query);
    message.add_answers(records);
    message
}

fn alias(from: &str, to: &str) -> Record {
    let mut record = record(from, RData::CNAME(CNAME(name(to))));
    record.ttl = 5;
    record
}

fn followed(records: Vec<Record>) -> (Vec<String>, u32) {
    let found = follow(&message(records), &name("www.example."));
    let addresses = found.addresses.iter().map(ToString::to_string).collect();
    (addresses, found.ttl)
}

#[test]
fn aliases_are_followed_in_any_order_and_the_shortest_time_counts() {
    let (addresses, ttl) = followed(vec![
        address("edge.cdn.example.", "192.0.2.1"),
        alias("cdn.example.", "edge.cdn.example."),
        alias("WWW.example.", "cdn.example."),
    ]);
    assert_eq!(addresses, ["192.0.2.1"]);
    assert_eq!(ttl, 5);
}

#[test]
fn records_of_other_names_are_not_taken() {
    let (addresses, _) = followed(vec![
        address("www.example.", "192.0.2.1"),
        address("evil.example.", "203.0.113.66"),
    ]);
    assert_eq!(addresses, ["192.0.2.1"]);
}

#[test]
fn aliases_in_a_circle_end() {
    let (addresses, _) = followed(vec![
        alias("www.example.", "a.example."),
        alias("a.example.", "www.example."),
        alias("b.example.", "b.example."),
    ]);
    assert!(addresses.is_empty());
}

#[test]
fn candidates_are_those_of_resolv_conf() {
    let conf = |ndots| ResolvConf {
        servers: vec![],
        search: vec![name("one.example."), name("two.example.")],
        ndots,
    };
    let names = |text: &str, ndots| -> Vec<String> {
        candidates(&name(text), &conf(ndots)).iter().map(Name::to_ascii).collect()
    };
    assert_eq!(names("db", 1), ["db.one.example.", "db.two.example.", "db."]);
    assert_eq!(names("a.b", 1), ["a.b.", "a.b.one.example.", "a.b.two.example."]);
    assert_eq!(names("a.b", 2), ["a.b.one.example.", "a.b.two.example.", "a.b."]);
    assert_eq!(names("db.", 1), ["db."]);
    let long = ["x".repeat(60), "y".repeat(60), "z".repeat(60), "w".repeat(60)].join(".");
    assert_eq!(names(&long, 9), [format!("{long}.")], "what would be too long is not tried");
}

#[test]
fn found_addresses_win_and_of_two_errors_the_less_certain_about_the_name() {
    let found = || Ok(Found { addresses: vec![[192, 0, 2, 1].into()], ttl: 9 });
    let silent = || Fault::Silent("no answer".to_owned());
    assert_eq!(merge(found(), Err(silent())), found());
    assert_eq!(merge(Err(Fault::NxDomain), found()), found());
    assert_eq!(merge(Err(Fault::NxDomain), Err(Fault::NoData)), Err(Fault::NoData));
    assert_eq!(merge(Err(silent()), Err(Fault::NoData)), Err(silent()));
    assert_eq!(merge(found(), found()).unwrap().addresses.len(), 2);
}

#[test]
fn a_host_that_cannot_even_ask_is_not_a_silent_server() {
    let server: SocketAddr = "192.0.2.53:53".parse().unwrap();
    for (code, ours) in [(24, true), (105, true), (111, false), (101, false)] {
        let error = ExchangeError::Io { server, error: std::io::Error::from_raw_os_error(code) };
        assert_eq!(matches!(no_answer(&error), Fault::Ours(..)), ours, "errno {code}");
    }
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let owner = || prop::sample::select(vec!["www.example.", "a.example.", "b.example."]);
    let one = prop_oneof![
        (owner(), owner()).prop_map(|(from, to)| alias(from, to)),
        (owner(), any::<u32>()).prop_map(|(of, bits)| {
            address(of, &std::net::Ipv4Addr::from_bits(bits).to_string())
        }),
    ];
    prop::collection::vec(one, 0..60)
}

proptest! {
    /// Whatever an answer holds: it ends, is bounded, has no repeats, and takes only records of
    /// one owner.
    #[test]
    fn any_answer_is_followed_within_bounds(records in records()) {
        let found = follow(&message(records.clone()), &name("www.example."));
        prop_assert!(found.addresses.len() <= MAX_ADDRESSES);
        let unique: std::collections::HashSet<_> = found.addresses.iter().collect();
        prop_assert_eq!(unique.len(), found.addresses.len());
        let holds = |owner: &Name, wanted: &IpAddr| {
            records.iter().any(|record| {
                record.name == *owner
                    && matches!(&record.data, RData::A(a) if IpAddr::V4(a.0) == *wanted)
            })
        };
        let owners = [name("www.example."), name("a.example."), name("b.example.")];
        let one_owner = owners
            .iter()
            .any(|owner| found.addresses.iter().all(|address| holds(owner, address)));
        prop_assert!(one_owner);
    }

    /// The whole way from bytes to addresses.
    #[test]
    fn bytes_that_pass_for_a_message_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(message) = Message::from_vec(&bytes) {
            follow(&message, &name("www.example."));
        }
    }
}
