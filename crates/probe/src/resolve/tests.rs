//! The resolver against a DNS server on loopback.

use std::sync::atomic::{AtomicU64, Ordering};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use kuma_core::time::{Mono, Now, Timestamp};

use super::*;
use crate::dns::testing::{DnsServer, Step, address, reply};

/// A clock that stands until it is moved.
#[derive(Default)]
pub(super) struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Now {
        Now { mono: Mono(self.0.load(Ordering::Relaxed)), wall: Timestamp::UNIX_EPOCH }
    }
}

impl Hand {
    pub(super) fn wait(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1_000_000_000, Ordering::Relaxed);
    }
}

pub(super) struct Fixture {
    pub(super) clock: Arc<Hand>,
    pub(super) resolver: Resolver,
    pub(super) settings: Settings,
    /// The time that an attempt has left.
    pub(super) left: Duration,
    _folder: tempfile::TempDir,
}

impl Fixture {
    pub(super) fn new(servers: &[&DnsServer], hosts: &str, resolv_conf: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hosts_path = folder.path().join("hosts");
        let conf_path = folder.path().join("resolv.conf");
        std::fs::write(&hosts_path, hosts).unwrap();
        std::fs::write(&conf_path, resolv_conf).unwrap();
        let clock = Arc::new(Hand::default());
        let mut settings = Settings::default();
        // A quarter of it is for the control question: long for a machine that is busy.
        settings.networking.dns_timeout = Duration::from_millis(1_600);
        settings.networking.resolvers =
            servers.iter().map(|server| server.address.to_string()).collect();
        Self {
            resolver: Resolver::with_files(
                Arc::clone(&clock) as Arc<dyn Clock>,
                &hosts_path,
                &conf_path,
            ),
            clock,
            settings,
            left: Duration::from_mins(1),
            _folder: folder,
        }
    }

    pub(super) async fn lookup(
        &self,
        host: &str,
        family: IpFamily,
    ) -> Result<Vec<String>, ResolveError> {
        let found = self.resolver.lookup(host, family, &self.settings, self.left).await?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    pub(super) async fn outcome(&self, host: &str) -> Outcome {
        match self.lookup(host, IpFamily::Ipv4).await {
            Ok(_) => Outcome::Success,
            Err(error) => error.outcome(),
        }
    }
}

#[tokio::test]
async fn literals_and_localhost_need_no_server() {
    let fixture = Fixture::new(&[], "10.9.9.9 localhost\n", "nameserver 127.0.0.1\n");
    for (host, family, expected) in [
        ("192.0.2.7", IpFamily::Auto, vec!["192.0.2.7"]),
        ("2001:db8::7", IpFamily::Ipv6, vec!["2001:db8::7"]),
        ("[::1]", IpFamily::Auto, vec!["::1"]),
        ("localhost", IpFamily::Auto, vec!["127.0.0.1", "::1"]),
        ("LocalHost.", IpFamily::Ipv6, vec!["::1"]),
        ("api.localhost", IpFamily::Ipv4, vec!["127.0.0.1"]),
    ] {
        assert_eq!(fixture.lookup(host, family).await.unwrap(), expected, "{host}");
    }
    let wrong = fixture.lookup("192.0.2.7", IpFamily::Ipv6).await.unwrap_err();
    assert_eq!(wrong.outcome(), Outcome::Failure(Reason::DnsNoData));
}

#[tokio::test]
async fn the_hosts_file_is_asked_before_dns() {
    let server = DnsServer::zone(vec![address("db.example.", "10.0.0.2")]).await;
    let fixture = Fixture::new(&[&server], "10.0.0.1 db.example\n", "");
    let found = fixture.lookup("DB.example", IpFamily::Auto).await.unwrap();
    assert_eq!(found, ["10.0.0.1"]);
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn both_families_are_asked_at_once_and_the_answer_is_kept_for_its_time() {
    let server = DnsServer::zone(vec![
        address("web.example.", "192.0.2.1"),
        address("web.example.", "127.0.0.9"),
        address("web.example.", "::1"),
    ])
    .await;
    let fixture = Fixture::new(&[&server], "", "");
    let found = fixture.lookup("web.example", IpFamily::Auto).await.unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(server.asked().len(), 2);
    fixture.clock.wait(19);
    fixture.lookup("WEB.example", IpFamily::Auto).await.unwrap();
    assert_eq!(server.asked().len(), 2, "kept");
    fixture.clock.wait(1);
    fixture.lookup("web.example", IpFamily::Auto).await.unwrap();
    assert_eq!(server.asked().len(), 4, "the records last 20 s");
}

#[tokio::test]
async fn the_same_look_up_at_once_is_one_question() {
    let server = DnsServer::start(|request, _| {
        let found = address("slow.example.", "192.0.2.1");
        vec![
            Step::Wait(Duration::from_millis(50)),
            Step::Send(reply(request, ResponseCode::NoError, &[found])),
        ]
    })
    .await;
    let fixture = Fixture::new(&[&server], "", "");
    let lookups = (0..20).map(|_| fixture.lookup("slow.example", IpFamily::Ipv4));
    for result in futures_util::future::join_all(lookups).await {
        assert_eq!(result.unwrap(), ["192.0.2.1"]);
    }
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn search_list_and_ndots_are_the_systems() {
    let server = DnsServer::zone(vec![
        address("api.ns.svc.cluster.local.", "10.1.0.1"),
        address("www.example.com.", "192.0.2.1"),
    ])
    .await;
    let fixture = Fixture::new(
        &[&server],
        "",
        "search ns.svc.cluster.local svc.cluster.local\noptions ndots:5\n",
    );
    assert_eq!(fixture.lookup("api", IpFamily::Ipv4).await.unwrap(), ["10.1.0.1"]);
    assert_eq!(server.asked().len(), 1);
    fixture.lookup("www.example.com", IpFamily::Ipv4).await.unwrap();
    let names: Vec<_> = server.asked().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(
        names[1..],
        [
            "www.example.com.ns.svc.cluster.local.",
            "www.example.com.svc.cluster.local.",
            "www.example.com."
        ]
    );
    fixture.lookup("www.example.com.", IpFamily::Ipv4).await.unwrap();
    assert_eq!(server.asked().len(), 5, "an absolute name is asked as it is");
}

#[tokio::test]
async fn a_missing_name_or_family_is_the_names_fault_however_often() {
    let server = DnsServer::zone(vec![address("four.example.", "192.0.2.1")]).await;
    let fixture = Fixture::new(&[&server], "", "");
    for name in ["a.example", "b.example", "c.example", "d.example"] {
        assert_eq!(fixture.outcome(name).await, Outcome::Failure(Reason::DnsNxdomain));
    }
    let six = fixture.lookup("four.example", IpFamily::Ipv6).await.unwrap_err();
    assert_eq!(six.outcome(), Outcome::Failure(Reason::DnsNoData));
    insta::assert_snapshot!(six, @"four.example exists but has no IPv6 address");
}

#[tokio::test]
async fn a_failing_resolver_is_ours_only_when_three_names_fail_and_none_resolves() {
    let server = DnsServer::start(|request, _| {
        let name = request.queries[0].name().to_ascii();
        let (code, records) = if name == "." {
            (ResponseCode::NoError, vec![])
        } else if name.starts_with("good") {
            (ResponseCode::NoError, vec![address(&name, "192.0.2.1")])
        } else {
            (ResponseCode::ServFail, vec![])
        };
        vec![Step::Send(reply(request, code, &records))]
    })
    .await;
    let fixture = Fixture::new(&[&server], "", "");
    let servfail = Outcome::Failure(Reason::DnsServfail);
    let ours = Outcome::Indeterminate(Reason::ResolverDown);
    assert_eq!(fixture.outcome("good.example").await, Outcome::Success);
    for name in ["a.example", "b.example", "c.example"] {
        assert_eq!(fixture.outcome(name).await, servfail, "good.example resolves");
    }
    fixture.clock.wait(31);
    assert_eq!(fixture.outcome("a.example").await, ours);
    assert_eq!(fixture.outcome("good2.example").await, Outcome::Success);
    assert_eq!(fixture.outcome("a.example").await, servfail);
}

#[tokio::test]
async fn silence_ends_after_the_timeout() {
    let server = DnsServer::start(|_, _| vec![]).await;
    let fixture = Fixture::new(&[&server], "", "search a.example b.example\n");
    let started = tokio::time::Instant::now();
    let ours = Outcome::Indeterminate(Reason::ResolverDown);
    assert_eq!(fixture.outcome("one").await, ours);
    let took = started.elapsed();
    let most = fixture.settings.networking.dns_timeout;
    assert!(took >= most && took < most * 4, "{took:?}");
}

#[tokio::test]
async fn the_next_server_stands_in_and_is_then_asked_first() {
    let broken = DnsServer::start(|request, _| {
        vec![Step::Send(reply(request, ResponseCode::ServFail, &[]))]
    })
    .await;
    let good = DnsServer::zone(vec![address("web.example.", "192.0.2.1")]).await;
    let fixture = Fixture::new(&[&broken, &good], "", "");
    assert_eq!(fixture.outcome("web.example").await, Outcome::Success);
    fixture.clock.wait(60);
    assert_eq!(fixture.outcome("web.example").await, Outcome::Success);
    assert_eq!((broken.asked().len(), good.asked().len()), (1, 2));
}

#[tokio::test]
async fn one_family_that_is_never_answered_does_not_hold_the_other_up() {
    let server = DnsServer::start(|request, _| match request.queries[0].query_type() {
        RecordType::A => {
            let found = address("web.example.", "192.0.2.1");
            vec![Step::Send(reply(request, ResponseCode::NoError, &[found]))]
        }
        _ => vec![],
    })
    .await;
    let mut fixture = Fixture::new(&[&server], "", "");
    fixture.settings.networking.dns_timeout = Duration::from_secs(20);
    let started = tokio::time::Instant::now();
    let found = fixture.lookup("web.example", IpFamily::Auto).await.unwrap();
    assert_eq!(found, ["192.0.2.1"]);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn refusal_and_closed_ports_are_told_apart() {
    let server =
        DnsServer::start(|request, _| vec![Step::Send(reply(request, ResponseCode::Refused, &[]))])
            .await;
    let mut fixture = Fixture::new(&[&server], "", "");
    assert_eq!(fixture.outcome("a.example").await, Outcome::Failure(Reason::DnsRefused));
    let closed = server.address;
    drop(server);
    fixture.settings.networking.dns_timeout = Duration::from_secs(3);
    // The port is closed once the server's task has ended.
    while tokio::net::UdpSocket::bind(closed).await.is_err() {
        tokio::task::yield_now().await;
    }
    let gone = fixture.lookup("b.example", IpFamily::Ipv4).await.unwrap_err();
    assert_eq!(gone.outcome(), Outcome::Indeterminate(Reason::ResolverDown), "{gone}");
}

#[tokio::test]
async fn what_is_no_name_is_not_asked() {
    let server = DnsServer::zone(vec![]).await;
    let fixture = Fixture::new(&[&server], "", "");
    for host in ["", "a..b", "fe80::1%eth0", "a b"] {
        assert_eq!(fixture.outcome(host).await, Outcome::Failure(Reason::TargetInvalid), "{host}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn settings_that_name_no_address_are_our_fault() {
    let mut fixture = Fixture::new(&[], "", "");
    fixture.settings.networking.resolvers = vec!["dns.example".to_owned()];
    assert_eq!(fixture.outcome("a.example").await, Outcome::Indeterminate(Reason::ResolverDown));
    fixture.settings.networking.resolvers =
        ["192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353"]
            .map(str::to_owned)
            .into();
    let servers = fixture.resolver.servers(&fixture.settings).unwrap();
    assert_eq!(
        servers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["192.0.2.1:53", "192.0.2.1:5353", "[2001:db8::1]:53", "[2001:db8::1]:5353"]
    );
}
