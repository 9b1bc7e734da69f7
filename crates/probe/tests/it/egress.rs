//! Egress rules hold for the address that is dialled, whatever names, redirects and proxies say.

use kuma_core::check::{
    Check, DnsCheck, DnsProtocol, MatchMode, PingCheck, Proxy, ProxyKind, Rcode, RecordType,
    TcpCheck, TlsCheck, TlsOptions,
};
use kuma_core::egress::NamespaceEgress;
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;

use crate::fixture::monitor::{get, http};
use crate::fixture::names::Names;
use crate::fixture::server::{Reply, Server};
use crate::fixture::{NAMESPACE, World};

const DENIED: Outcome = Outcome::Indeterminate(Reason::EgressDenied);

/// A world that resolves names with `names` and may not ask 127.0.0.2, where a server listens on
/// the same port as the permitted one on 127.0.0.1.
struct Scene {
    world: World,
    names: Names,
    permitted: Server,
    forbidden: Server,
    port: u16,
}

impl Scene {
    async fn new(zone: &[(&str, Vec<Vec<&str>>)]) -> Self {
        let zone: Vec<_> = zone
            .iter()
            .map(|(name, turns)| {
                let turns: Vec<Vec<_>> = turns
                    .iter()
                    .map(|turn| turn.iter().map(|ip| ip.parse().unwrap()).collect())
                    .collect();
                (*name, turns)
            })
            .collect();
        let names = Names::serve(&zone).await;
        let permitted = Server::http(|request| {
            if request.contains("GET /away ") {
                let host = request.lines().find_map(|line| line.strip_prefix("x-to: ")).unwrap();
                Reply::redirect(302, host)
            } else {
                Reply::ok("fine")
            }
        })
        .await;
        let port = permitted.address.port();
        let forbidden =
            Server::http_on(&format!("127.0.0.2:{port}"), |_| Reply::ok("secret")).await;
        let mut world = World::new();
        world.settings.networking.resolvers = vec![names.address.to_string()];
        world.settings.networking.egress.deny = vec!["127.0.0.2/32".parse().unwrap()];
        Self { world, names, permitted, forbidden, port }
    }

    fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/", self.port)
    }

    fn nothing_reached(&self) {
        assert!(self.forbidden.requests().is_empty(), "{:?}", self.forbidden.requests());
    }
}

#[tokio::test]
async fn a_name_that_changes_between_look_up_and_connection_is_looked_up_once() {
    let turns = vec![vec!["127.0.0.1"], vec!["127.0.0.2"]];
    let scene = Scene::new(&[("rebind.example", turns)]).await;
    let seen = scene.world.run(http(get(scene.url("rebind.example")))).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert_eq!(scene.names.asked("rebind.example"), 1, "the vetted address is the dialled one");
    assert_eq!(scene.permitted.requests().len(), 1);
    // From now on the name leads to the forbidden address.
    let seen = scene.world.run(http(get(scene.url("rebind.example")))).await;
    assert_eq!(seen.outcome, DENIED);
    assert_eq!(
        seen.message,
        "rebind.example is 127.0.0.2, which may not be asked: `networking.egress.deny` has \
         127.0.0.2/32"
    );
    scene.nothing_reached();
}

#[tokio::test]
async fn of_several_addresses_only_permitted_ones_are_dialled() {
    let turns = vec![vec!["127.0.0.2", "127.0.0.1"]];
    let scene = Scene::new(&[("both.example", turns)]).await;
    for _ in 0..5 {
        let seen = scene.world.run(http(get(scene.url("both.example")))).await;
        assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
        assert_eq!(seen.peer, Some("127.0.0.1".parse().unwrap()));
    }
    scene.nothing_reached();
}

#[tokio::test]
async fn every_hop_of_a_redirect_is_vetted() {
    let zone =
        [("good.example", vec![vec!["127.0.0.1"]]), ("bad.example", vec![vec!["127.0.0.2"]])];
    let scene = Scene::new(&zone).await;
    for host in
        ["bad.example", "127.0.0.2", "0x7f000002", "2130706434", "0177.2", "[::ffff:127.0.0.2]"]
    {
        let mut check = get(format!("{}away", scene.url("good.example")));
        let to = crate::fixture::monitor::text(scene.url(host));
        check.headers.push(("x-to".into(), to));
        let seen = scene.world.run(http(check)).await;
        assert_eq!(seen.outcome, DENIED, "{host}: {seen:?}");
    }
    scene.nothing_reached();
}

#[tokio::test]
async fn no_notation_of_an_address_is_a_way_round() {
    let mut scene = Scene::new(&[]).await;
    for host in ["127.0.0.2", "0x7f.2", "0177.0.0.02", "2130706434", "[::ffff:7f00:2]"] {
        let seen = scene.world.run(http(get(scene.url(host)))).await;
        assert_eq!(seen.outcome, DENIED, "{host}: {seen:?}");
    }
    scene.world.settings.networking.egress.deny = vec!["127.0.0.0/8".parse().unwrap()];
    for host in ["0.0.0.0", "[::ffff:0:0]", "0", "127.1"] {
        let seen = scene.world.run(http(get(scene.url(host)))).await;
        assert_eq!(seen.outcome, DENIED, "{host}: {seen:?}");
    }
    // A check that is no URL takes no such notation: it is a name, and there is none.
    for host in ["2130706434", "0x7f000002", "127.2"] {
        let seen = scene.world.run(tcp(host, scene.port)).await;
        assert_ne!(seen.outcome, Outcome::Success, "{host}: {seen:?}");
    }
    assert!(scene.permitted.requests().is_empty());
    scene.nothing_reached();
}

fn tcp(host: &str, port: u16) -> Check {
    Check::Tcp(Box::new(TcpCheck {
        host: host.to_owned(),
        port,
        send: None,
        expect: None,
        banner_contains: None,
        tls: None,
        starttls: None,
    }))
}

#[tokio::test]
async fn every_type_that_dials_is_vetted() {
    let scene = Scene::new(&[("bad.example", vec![vec!["127.0.0.2"]])]).await;
    let dns = DnsCheck {
        domain: "example.com".to_owned(),
        record_type: RecordType::A,
        server: Some(format!("bad.example:{}", scene.port)),
        protocol: DnsProtocol::Tcp,
        expected: Vec::new(),
        match_mode: MatchMode::All,
        rcode: Rcode::Noerror,
        must_resolve: true,
    };
    let host = "bad.example".to_owned();
    let tls = TlsCheck {
        host: host.clone(),
        port: scene.port,
        starttls: Some(kuma_core::check::Starttls::Smtp),
        tls: TlsOptions::default(),
    };
    let ping = PingCheck {
        host,
        count: 1,
        packet_size: 56,
        max_loss_percent: 0,
        tcp_fallback: Some(true),
        tcp_fallback_port: Some(scene.port),
        ip_family: kuma_core::check::IpFamily::Auto,
    };
    for check in [
        tcp("bad.example", scene.port),
        Check::Dns(Box::new(dns)),
        Check::Tls(Box::new(tls)),
        Check::Ping(Box::new(ping)),
    ] {
        let seen = scene.world.run(check).await;
        assert_eq!(seen.outcome, DENIED, "{seen:?}");
    }
    scene.nothing_reached();
}

#[tokio::test]
async fn a_namespace_has_rules_of_its_own() {
    let mut scene = Scene::new(&[]).await;
    let egress = &mut scene.world.settings.networking.egress;
    egress.deny.clear();
    let own =
        NamespaceEgress::Lists { allow: Vec::new(), deny: vec!["127.0.0.1/32".parse().unwrap()] };
    egress.namespaces.insert("other".to_owned(), own.clone());
    let seen = scene.world.run(http(get(scene.url("127.0.0.1")))).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    scene.world.settings.networking.egress.namespaces.insert(NAMESPACE.to_owned(), own);
    let seen = scene.world.run(http(get(scene.url("127.0.0.1")))).await;
    assert_eq!(seen.outcome, DENIED);
    assert!(seen.message.contains("kubekuma.io/egress-deny"), "{}", seen.message);
}

#[tokio::test]
async fn a_proxy_is_not_asked_for_what_may_not_be_asked() {
    let scene = Scene::new(&[]).await;
    let world = &scene.world;
    for (kind, scheme) in [(ProxyKind::Http, "http"), (ProxyKind::Socks5, "socks5")] {
        let url = world.secret("proxy", &format!("{scheme}://{}", scene.permitted.address));
        for target in [
            "http://127.0.0.2/",
            "https://127.0.0.2/",
            "http://0x7f000002/",
            "http://metadata.google.internal/computeMetadata/v1/",
            "http://[::ffff:a9fe:a9fe]/",
        ] {
            let mut check = get(target);
            check.proxy = Some(Proxy { kind, url: url.clone() });
            let seen = world.run(http(check)).await;
            assert_eq!(seen.outcome, DENIED, "{target}: {seen:?}");
        }
    }
    assert!(scene.permitted.requests().is_empty(), "the proxy hears nothing of it");
}
