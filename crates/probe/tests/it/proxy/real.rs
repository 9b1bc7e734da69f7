//! Proxies that others made: tinyproxy (CONNECT and absolute form, Basic) and microsocks (SOCKS5
//! with user name and password).

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kuma_core::check::ProxyKind;
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::{failure, through};
use crate::fixture::World;
use crate::fixture::authority::{Authority, NOW, server};
use crate::fixture::monitor::{get, http};
use crate::fixture::names::Names;
use crate::fixture::server::{Reply, Server, closed_port};

/// A running proxy for `me:secret-word`; ends with its handle.
struct Real {
    port: u16,
    child: Child,
    _home: TempDir,
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Real {
    async fn tinyproxy() -> Self {
        let home = TempDir::new().unwrap();
        let port = closed_port().await.port();
        let settings = home.path().join("tinyproxy.conf");
        let text = format!("Port {port}\nListen 127.0.0.1\nBasicAuth me secret-word\n");
        std::fs::write(&settings, text).unwrap();
        let mut command = Command::new("tinyproxy");
        command.arg("-d").arg("-c").arg(settings);
        Self::start(command, home, port, "tinyproxy-bin").await
    }

    async fn microsocks() -> Self {
        let port = closed_port().await.port();
        let mut command = Command::new("microsocks");
        command.args(["-i", "127.0.0.1", "-u", "me", "-P", "secret-word", "-p"]);
        command.arg(port.to_string());
        Self::start(command, TempDir::new().unwrap(), port, "microsocks").await
    }

    async fn start(mut command: Command, home: TempDir, port: u16, package: &str) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("apt-get install {package}, as .ci/run does: {error}"))
            .unwrap();
        let mut real = Self { port, child, _home: home };
        let listens = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                assert_eq!(real.child.try_wait().unwrap(), None, "{package} ended");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), listens).await.expect("it listens");
        real
    }

    fn url(&self, scheme: &str, credentials: &str) -> String {
        format!("{scheme}://{credentials}127.0.0.1:{}", self.port)
    }
}

const REFUSED: &str = "the proxy does not accept our user name and password, or wants some";

#[tokio::test]
async fn tinyproxy_passes_on_and_opens_tunnels() {
    let world = World::new();
    let proxy = Real::tinyproxy().await;
    let authority = Authority::new("test authority");
    let identity = authority.issue(&["127.0.0.1"], NOW);
    let secure = Server::https(server(&identity), |_| Reply::ok("")).await;
    let plain = Server::http(|_| Reply::ok("")).await;
    let mut check = get(format!("https://{}/", secure.address));
    check.tls.ca_bundle = Some(world.secret("ca", &authority.pem()));
    let plainly = get(format!("http://{}/", plain.address));
    // tinyproxy answers 401 instead of 407 to wrong credentials, which in absolute form could as
    // well be the target's answer.
    for (check, wrong) in [(&check, Reason::ProxyAuth), (&plainly, Reason::HttpStatus)] {
        for (credentials, outcome) in [
            ("me:secret-word@", Outcome::Success),
            ("me:wrong-word@", failure(wrong)),
            ("", failure(Reason::ProxyAuth)),
        ] {
            let url = proxy.url("http", credentials);
            let seen = world.run(http(through(&world, check.clone(), ProxyKind::Http, &url))).await;
            assert_eq!(seen.outcome, outcome, "{credentials}: {seen:?}");
            if outcome == failure(Reason::ProxyAuth) {
                assert_eq!(seen.message, REFUSED);
            }
        }
    }
    assert_eq!(secure.requests().len(), 1);
    assert!(
        plain.request().to_ascii_lowercase().contains("\r\nvia: "),
        "it went through tinyproxy"
    );
    let gone = get(format!("https://{}/", closed_port().await));
    let url = proxy.url("http", "me:secret-word@");
    let seen = world.run(http(through(&world, gone, ProxyKind::Http, &url))).await;
    assert_eq!(seen.outcome, failure(Reason::ProxyRefused), "{seen:?}");
    assert_eq!(seen.message, "the proxy refuses to connect to the target: status 500");
}

#[tokio::test]
async fn microsocks_looks_names_up_itself() {
    let mut world = World::new();
    let names = Names::serve(&[]).await;
    world.settings.networking.resolvers = vec![names.address.to_string()];
    let proxy = Real::microsocks().await;
    // Where the proxy's own look-up of localhost leads, which may be either family.
    let local = TcpStream::connect(("localhost", proxy.port)).await.unwrap().peer_addr().unwrap();
    let target = Server::http_on(&format!("{}:0", local.ip()), |_| Reply::ok("")).await;
    let check = get(format!("http://localhost:{}/", target.address.port()));
    for (credentials, outcome) in [
        ("me:secret-word@", Outcome::Success),
        ("me:wrong-word@", failure(Reason::ProxyAuth)),
        ("", failure(Reason::ProxyAuth)),
    ] {
        let url = proxy.url("socks5", credentials);
        let seen = world.run(http(through(&world, check.clone(), ProxyKind::Socks5, &url))).await;
        assert_eq!(seen.outcome, outcome, "{credentials}: {seen:?}");
    }
    assert_eq!(names.asked("localhost"), 0, "only the proxy looks the name up");
    assert_eq!(target.requests().len(), 1);
    let gone = get(format!("http://{}/", closed_port().await));
    let url = proxy.url("socks5", "me:secret-word@");
    let seen = world.run(http(through(&world, gone, ProxyKind::Socks5, &url))).await;
    assert_eq!(seen.outcome, failure(Reason::ProxyRefused), "{seen:?}");
    assert_eq!(
        seen.message,
        "the SOCKS5 proxy made no connection: the target refused the connection"
    );
}
