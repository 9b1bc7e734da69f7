//! The check against a DNS server on loop-back.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::{CNAME, MX, PTR, TXT};
use kuma_core::check::{Check, MatchMode, Rcode};
use kuma_core::observation::Observation;
use kuma_core::settings::Settings;

use super::testing::{DnsServer, Step, address, answer, record, reply};
use super::*;
use crate::testing::{self as common, fact};

fn check(server: &DnsServer, domain: &str, record_type: RecordType) -> DnsCheck {
    DnsCheck {
        domain: domain.to_owned(),
        record_type,
        server: Some(server.address.to_string()),
        protocol: DnsProtocol::Udp,
        expected: Vec::new(),
        match_mode: MatchMode::All,
        rcode: Rcode::Noerror,
        must_resolve: true,
    }
}

fn expecting(server: &DnsServer, domain: &str, kind: RecordType, expected: &str) -> DnsCheck {
    DnsCheck { expected: vec![expected.to_owned()], ..check(server, domain, kind) }
}

async fn run(check: DnsCheck) -> Observation {
    run_with(check, &Settings::default(), 500).await
}

async fn run_with(check: DnsCheck, settings: &Settings, timeout_ms: u64) -> Observation {
    let timeout = Duration::from_millis(timeout_ms);
    common::run(Check::Dns(Box::new(check)), settings, timeout).await
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

async fn zone() -> DnsServer {
    DnsServer::zone(vec![
        address("web.example.", "192.0.2.1"),
        address("web.example.", "192.0.2.2"),
        record("example.", RData::MX(MX::new(10, name("mail.example.")))),
        record("example.", RData::TXT(TXT::new(vec!["v=spf1 ".into(), "-all".into()]))),
        record("1.2.0.192.in-addr.arpa.", RData::PTR(PTR(name("web.example.")))),
        record("8.b.d.0.1.0.0.2.ip6.arpa.", RData::PTR(PTR(name("net.example.")))),
    ])
    .await
}

#[tokio::test]
async fn records_of_each_type_are_found_and_compared() {
    let server = zone().await;
    for (domain, kind, expected) in [
        ("web.example", RecordType::A, "192.0.2.2"),
        ("WEB.Example.", RecordType::A, "192.0.2.1"),
        ("example", RecordType::Mx, "10 Mail.Example."),
        ("example", RecordType::Txt, "v=spf1 -all"),
        ("192.0.2.1", RecordType::Ptr, "web.example"),
        ("1.2.0.192.in-addr.arpa", RecordType::Ptr, "web.example"),
    ] {
        let seen = run(expecting(&server, domain, kind, expected)).await;
        assert_eq!(seen.outcome, Outcome::Success, "{domain} {kind}: {}", seen.message);
        assert_eq!(seen.peer, Some(server.address.ip()));
        assert!(seen.phases.first_byte.is_some());
    }
    let names: Vec<_> = server.asked().into_iter().map(|(name, ..)| name).collect();
    assert!(names.contains(&"WEB.Example.".to_owned()), "asked in the case as given");
}

#[tokio::test]
async fn what_differs_is_said_and_the_whole_answer_shown() {
    let server = zone().await;
    let seen = run(expecting(&server, "web.example", RecordType::A, "192.0.2.9")).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::DnsMismatch));
    insta::assert_snapshot!(seen.message, @"web.example A: the answer lacks 192.0.2.9");
    assert_eq!(
        fact(&seen, "answer"),
        Some("web.example. 20 A 192.0.2.1\nweb.example. 20 A 192.0.2.2")
    );
    assert_eq!(fact(&seen, "code"), Some("NOERROR"));
}

#[tokio::test]
async fn codes_are_told_apart_and_can_be_what_is_expected() {
    for (code, expected, outcome) in [
        (ResponseCode::NXDomain, Rcode::Noerror, Outcome::Failure(Reason::DnsNxdomain)),
        (ResponseCode::ServFail, Rcode::Noerror, Outcome::Failure(Reason::DnsServfail)),
        (ResponseCode::Refused, Rcode::Noerror, Outcome::Failure(Reason::DnsRefused)),
        (ResponseCode::NotImp, Rcode::Noerror, Outcome::Failure(Reason::DnsRcode)),
        (ResponseCode::NoError, Rcode::Noerror, Outcome::Failure(Reason::DnsNoData)),
        (ResponseCode::NXDomain, Rcode::Nxdomain, Outcome::Success),
        (ResponseCode::Refused, Rcode::Refused, Outcome::Success),
        (ResponseCode::FormErr, Rcode::Formerr, Outcome::Success),
        (ResponseCode::NoError, Rcode::Nxdomain, Outcome::Failure(Reason::DnsRcode)),
    ] {
        let server =
            DnsServer::start(move |request, _| vec![Step::Send(reply(request, code, &[]))]).await;
        let asked = DnsCheck { rcode: expected, ..check(&server, "a.example", RecordType::A) };
        let seen = run(asked).await;
        assert_eq!(seen.outcome, outcome, "{code} {expected:?}: {}", seen.message);
    }
}

#[tokio::test]
async fn an_empty_answer_is_good_where_nothing_must_resolve() {
    let server =
        DnsServer::start(|request, _| vec![Step::Send(reply(request, ResponseCode::NoError, &[]))])
            .await;
    let asked = DnsCheck { must_resolve: false, ..check(&server, "a.example", RecordType::A) };
    assert_eq!(run(asked.clone()).await.outcome, Outcome::Success);
    let expecting = DnsCheck { expected: vec!["192.0.2.1".to_owned()], ..asked };
    assert_eq!(run(expecting).await.outcome, Outcome::Failure(Reason::DnsNoData));
}

#[tokio::test]
async fn an_alias_leads_to_the_records() {
    let server = DnsServer::start(|request, _| {
        let records = [
            record("www.example.", RData::CNAME(CNAME(name("web.cdn.example.")))),
            address("web.cdn.example.", "192.0.2.7"),
        ];
        vec![Step::Send(reply(request, ResponseCode::NoError, &records))]
    })
    .await;
    let asked = DnsCheck {
        match_mode: MatchMode::Exact,
        ..expecting(&server, "www.example", RecordType::A, "192.0.2.7")
    };
    let seen = run(asked).await;
    assert_eq!(seen.outcome, Outcome::Success, "{}", seen.message);
    let seen = run(expecting(&server, "www.example", RecordType::A, "192.0.2.8")).await;
    assert!(fact(&seen, "answer").unwrap().contains("CNAME web.cdn.example"));
}

#[tokio::test]
async fn a_cut_answer_is_fetched_over_tcp() {
    let server = DnsServer::start(|request, transport| {
        let found = address("big.example.", "192.0.2.1");
        let mut message = answer(request, ResponseCode::NoError, &[found]);
        if transport == Transport::Udp {
            message = message.truncate();
        }
        vec![Step::Send(message.to_vec().unwrap())]
    })
    .await;
    let seen = run(expecting(&server, "big.example", RecordType::A, "192.0.2.9")).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::DnsMismatch));
    assert_eq!(fact(&seen, "transport"), Some("tcp"));
    let asked =
        DnsCheck { protocol: DnsProtocol::Tcp, ..check(&server, "big.example", RecordType::A) };
    assert_eq!(run(asked).await.outcome, Outcome::Success);
    let transports: Vec<_> = server.asked().into_iter().map(|(.., by)| by).collect();
    assert_eq!(transports, [Transport::Udp, Transport::Tcp, Transport::Tcp]);
}

#[tokio::test]
async fn silence_and_late_answers_are_timeouts_and_forgeries_change_nothing() {
    let server = DnsServer::start(|request, _| {
        let found = address("a.example.", "203.0.113.66");
        let mut forged = answer(request, ResponseCode::NoError, &[found]);
        forged.metadata.id = forged.metadata.id.wrapping_add(1);
        vec![
            Step::Send(forged.to_vec().unwrap()),
            Step::Wait(Duration::from_secs(5)),
            Step::Send(reply(request, ResponseCode::NXDomain, &[])),
        ]
    })
    .await;
    let seen = run(check(&server, "a.example", RecordType::A)).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::DnsTimeout));
    assert!(seen.message.contains("1 messages that answer something else"), "{}", seen.message);
}

#[tokio::test]
async fn garbage_and_closed_ports_are_said_to_be_such() {
    let server = DnsServer::start(|request, _| {
        let mut bytes = reply(request, ResponseCode::NoError, &[address("a.", "192.0.2.1")]);
        bytes.truncate(bytes.len() - 3);
        vec![Step::Send(bytes)]
    })
    .await;
    let asked = check(&server, "a.", RecordType::A);
    let seen = run(asked.clone()).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::DnsMalformed), "{}", seen.message);
    let closing = DnsServer::start(|_, _| vec![]).await;
    let over_tcp =
        DnsCheck { protocol: DnsProtocol::Tcp, ..check(&closing, "a.example", RecordType::A) };
    let seen = run(over_tcp).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::ConnectionClosed));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let nobody = DnsCheck { server: Some(format!("127.0.0.1:{port}")), ..asked };
    assert_eq!(run(nobody).await.outcome, Outcome::Failure(Reason::ConnectionRefused));
}

#[tokio::test]
async fn without_a_server_the_settings_are_asked_and_the_next_stands_in() {
    let silent = DnsServer::start(|_, _| vec![]).await;
    let good = zone().await;
    let mut settings = Settings::default();
    settings.networking.resolvers = vec![silent.address.to_string(), good.address.to_string()];
    let asked = DnsCheck { server: None, ..check(&good, "web.example", RecordType::A) };
    let seen = run_with(asked, &settings, 800).await;
    assert_eq!(seen.outcome, Outcome::Success, "{}", seen.message);
    assert_eq!((silent.asked().len(), good.asked().len()), (1, 1));
}

#[tokio::test]
async fn our_own_resolvers_trouble_is_ours_once_three_names_fail() {
    let broken = DnsServer::start(|request, _| {
        let control = request.queries[0].name().is_root();
        let code = if control { ResponseCode::NoError } else { ResponseCode::ServFail };
        vec![Step::Send(reply(request, code, &[]))]
    })
    .await;
    let mut settings = Settings::default();
    settings.networking.resolvers = vec![broken.address.to_string()];
    let prober = common::prober();
    let mut outcomes = Vec::new();
    for domain in ["a.example", "b.example", "c.example"] {
        let asked = DnsCheck { server: None, ..check(&broken, domain, RecordType::A) };
        let monitor = common::monitor(Check::Dns(Box::new(asked)));
        let seen = prober.run(&monitor, &settings, Duration::from_secs(1)).await;
        outcomes.push(seen.outcome);
    }
    let servfail = Outcome::Failure(Reason::DnsServfail);
    assert_eq!(outcomes, [servfail, servfail, Outcome::Indeterminate(Reason::ResolverDown)]);
}

/// What our own resolver's servers do with names, with the control question, and whose fault it is.
#[tokio::test]
async fn the_control_question_says_at_once_whose_fault_it_is() {
    type Code = Option<ResponseCode>;
    let ours = Outcome::Indeterminate(Reason::ResolverDown);
    let rows: [(Code, Code, Outcome); 4] = [
        (None, None, ours),
        (None, Some(ResponseCode::Refused), Outcome::Failure(Reason::DnsTimeout)),
        (Some(ResponseCode::ServFail), Some(ResponseCode::ServFail), ours),
        (
            Some(ResponseCode::ServFail),
            Some(ResponseCode::NoError),
            Outcome::Failure(Reason::DnsServfail),
        ),
    ];
    for (name, control, expected) in rows {
        let server = DnsServer::start(move |request, _| {
            let code = if request.queries[0].name().is_root() { control } else { name };
            code.map(|code| Step::Send(reply(request, code, &[]))).into_iter().collect()
        })
        .await;
        let mut settings = Settings::default();
        settings.networking.resolvers = vec![server.address.to_string()];
        let asked = DnsCheck { server: None, ..check(&server, "a.example", RecordType::A) };
        let seen = run_with(asked, &settings, 800).await;
        assert_eq!(seen.outcome, expected, "{name:?} {control:?}: {}", seen.message);
    }
}

#[tokio::test]
async fn a_named_servers_trouble_is_never_ours() {
    let broken = DnsServer::start(|request, _| {
        vec![Step::Send(reply(request, ResponseCode::ServFail, &[]))]
    })
    .await;
    let prober = common::prober();
    for domain in ["a.example", "b.example", "c.example", "d.example"] {
        let monitor = common::monitor(Check::Dns(Box::new(check(&broken, domain, RecordType::A))));
        let seen = prober.run(&monitor, &Settings::default(), Duration::from_secs(1)).await;
        assert_eq!(seen.outcome, Outcome::Failure(Reason::DnsServfail));
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_not() {
    let server = zone().await;
    for (domain, named) in [("a..b", None), ("web.example", Some("tls://x"))] {
        let mut asked = check(&server, domain, RecordType::A);
        if let Some(named) = named {
            asked.server = Some(named.to_owned());
        }
        assert_eq!(run(asked).await.outcome, Outcome::Failure(Reason::TargetInvalid));
    }
    let metadata = DnsCheck {
        server: Some("169.254.169.254".to_owned()),
        ..check(&server, "web.example", RecordType::A)
    };
    assert_eq!(run(metadata).await.outcome, Outcome::Indeterminate(Reason::EgressDenied));
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn answers_can_be_asked_for() {
    let server = zone().await;
    for condition in [
        "answers.exists(a, a == '192.0.2.2') && size(answers) == 2",
        "rcode == 'NOERROR' && ttl > 0",
        "answers.all(a, a.startsWith('192.0.2.'))",
    ] {
        let check = Check::Dns(Box::new(check(&server, "web.example", RecordType::A)));
        let seen = common::run_judged(check, condition).await;
        assert_eq!(seen.outcome, Outcome::Success, "{condition}: {seen:?}");
    }
    let check = Check::Dns(Box::new(check(&server, "web.example", RecordType::A)));
    let seen = common::run_judged(check, "size(answers) > 2").await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::Condition));
    assert!(fact(&seen, "answer").unwrap().contains("192.0.2.1"), "{seen:?}");

    let expecting =
        DnsCheck { rcode: Rcode::Nxdomain, ..self::check(&server, "no.example", RecordType::A) };
    let expecting = Check::Dns(Box::new(expecting));
    let nothing = "rcode == 'NXDOMAIN' && answers == [] && ttl == 0";
    let seen = common::run_judged(expecting, nothing).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
}
