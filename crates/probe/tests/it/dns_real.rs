//! `dns` against unbound: records of every type, over UDP, TCP and TLS, and an answer that is cut.

use std::fmt::Write;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use kuma_core::check::{Check, DnsCheck, DnsProtocol, MatchMode, Rcode, RecordType, TlsOptions};
use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::Reason;
use kuma_fixture::authority::Authority;
use kuma_fixture::lacking;
use kuma_fixture::wait::{free_port, until};
use tempfile::TempDir;

use crate::fixture::{World, fact};

/// One record of each type, and what is expected of it.
const RECORDS: [(RecordType, &str, &str, &str); 10] = [
    (RecordType::A, "web.kuma.test", "A 192.0.2.1", "192.0.2.1"),
    (RecordType::Aaaa, "web.kuma.test", "AAAA 2001:db8::1", "2001:DB8:0::1"),
    (RecordType::Caa, "kuma.test", "CAA 0 issue \"ca.example\"", "0 issue \"ca.example\""),
    (RecordType::Cname, "www.kuma.test", "CNAME web.kuma.test.", "web.kuma.test"),
    (RecordType::Mx, "kuma.test", "MX 10 mail.kuma.test.", "10 mail.kuma.test."),
    (RecordType::Ns, "kuma.test", "NS ns1.kuma.test.", "ns1.kuma.test"),
    (RecordType::Ptr, "1.2.0.192.in-addr.arpa", "PTR web.kuma.test.", "web.kuma.test"),
    (
        RecordType::Soa,
        "kuma.test",
        "SOA ns1.kuma.test. admin.kuma.test. 7 3600 600 86400 60",
        "ns1.kuma.test admin.kuma.test 7 3600 600 86400 60",
    ),
    (
        RecordType::Srv,
        "_sip._tcp.kuma.test",
        "SRV 1 2 5060 sip.kuma.test.",
        "1 2 5060 sip.kuma.test",
    ),
    (RecordType::Txt, "kuma.test", "TXT \"v=spf1 \" \"-all\"", "v=spf1 -all"),
];

struct Unbound {
    child: Child,
    port: u16,
    tls_port: u16,
    authority: Authority,
    home: TempDir,
}

impl Drop for Unbound {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Unbound {
    /// None where it is not installed.
    fn start() -> Option<Self> {
        let (home, authority) = (TempDir::new().unwrap(), Authority::new());
        let identity = authority.issue(&["dns.kuma.test", "127.0.0.1"]);
        let (port, tls_port) = (free_port(), free_port());
        let path = |name: &str| home.path().join(name).display().to_string();
        std::fs::write(path("server.pem"), &identity.certificate).unwrap();
        std::fs::write(path("server.key"), &identity.key).unwrap();
        let mut text = format!(
            "server:\n interface: 127.0.0.1@{port}\n interface: 127.0.0.1@{tls_port}\n \
             tls-port: {tls_port}\n tls-service-pem: {}\n tls-service-key: {}\n \
             directory: {}\n username: \"\"\n chroot: \"\"\n pidfile: \"\"\n use-syslog: no\n \
             logfile: \"\"\n do-daemonize: no\n max-udp-size: 512\n \
             local-zone: kuma.test. static\n local-zone: 2.0.192.in-addr.arpa. static\n",
            path("server.pem"),
            path("server.key"),
            home.path().display(),
        );
        for (_, owner, record, _) in RECORDS {
            writeln!(text, " local-data: '{owner}. 60 IN {record}'").unwrap();
        }
        for number in 0..80 {
            writeln!(text, " local-data: 'many.kuma.test. 60 IN A 198.51.100.{number}'").unwrap();
        }
        text.push_str("remote-control:\n control-enable: no\n");
        std::fs::write(path("unbound.conf"), text).unwrap();
        let log = std::fs::File::create(path("log")).unwrap();
        let started = Command::new("unbound")
            .args(["-c", &path("unbound.conf")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let Ok(child) = started else {
            lacking("unbound, a DNS server of another make: apt-get install unbound");
            return None;
        };
        let mut server = Self { child, port, tls_port, authority, home };
        until("unbound to listen", || {
            let ended = server.child.try_wait().unwrap();
            let log = std::fs::read_to_string(server.home.path().join("log"));
            assert_eq!(ended, None, "{}", log.unwrap_or_default());
            TcpStream::connect(("127.0.0.1", tls_port)).map_err(|error| error.to_string())
        });
        Some(server)
    }

    fn check(&self, kind: RecordType, domain: &str, protocol: DnsProtocol) -> DnsCheck {
        let port = if matches!(protocol, DnsProtocol::Tls(_)) { self.tls_port } else { self.port };
        DnsCheck {
            domain: domain.to_owned(),
            record_type: kind,
            server: Some(format!("127.0.0.1:{port}")),
            protocol,
            expected: Vec::new(),
            match_mode: MatchMode::Exact,
            rcode: Rcode::Noerror,
            must_resolve: true,
        }
    }
}

async fn run(world: &World, check: DnsCheck) -> Observation {
    world.run(Check::Dns(Box::new(check))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_every_type_come_by_every_way() {
    let Some(server) = tokio::task::spawn_blocking(Unbound::start).await.unwrap() else {
        return;
    };
    let world = World::new();
    let ca_bundle = Some(world.secret("ca", &server.authority.pem()));
    let tls = TlsOptions { ca_bundle, ..TlsOptions::default() };
    for protocol in [DnsProtocol::Udp, DnsProtocol::Tcp, DnsProtocol::Tls(Box::new(tls.clone()))] {
        for (kind, domain, _, expected) in RECORDS {
            let check = server.check(kind, domain, protocol.clone());
            let good = DnsCheck { expected: vec![expected.to_owned()], ..check.clone() };
            let seen = run(&world, good).await;
            assert_eq!(seen.outcome, Outcome::Success, "{protocol:?} {kind}: {seen:?}");
            let other = DnsCheck { expected: vec!["something else".to_owned()], ..check };
            let seen = run(&world, other).await;
            assert_eq!(seen.outcome, Outcome::Failure(Reason::DnsMismatch), "{kind}: {seen:?}");
        }
    }
    // No server of these names, and a name that does not show itself.
    let nobody = server.check(RecordType::A, "no.kuma.test", DnsProtocol::Udp);
    let seen = run(&world, nobody).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::DnsNxdomain), "{seen:?}");
    let nothing = server.check(RecordType::Mx, "web.kuma.test", DnsProtocol::Udp);
    let seen = run(&world, nothing).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::DnsNoData), "{seen:?}");
    let strange = TlsOptions { sni: Some("other.kuma.test".to_owned()), ..tls };
    let strange = DnsProtocol::Tls(Box::new(strange));
    let seen = run(&world, server.check(RecordType::A, "web.kuma.test", strange)).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::TlsNameMismatch), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_into_a_datagram_is_fetched_whole() {
    let Some(server) = tokio::task::spawn_blocking(Unbound::start).await.unwrap() else {
        return;
    };
    let check = DnsCheck {
        expected: (0..80).map(|number| format!("198.51.100.{number}")).collect(),
        ..server.check(RecordType::A, "many.kuma.test", DnsProtocol::Udp)
    };
    let seen = run(&World::new(), check.clone()).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    let one_less = DnsCheck { expected: check.expected[1..].to_vec(), ..check };
    let seen = run(&World::new(), one_less).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::DnsMismatch), "{seen:?}");
    assert_eq!(fact(&seen, "transport"), Some("tcp"), "{seen:?}");
}
