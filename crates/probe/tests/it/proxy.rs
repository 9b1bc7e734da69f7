//! Proxies: the ways through them, and their failures told apart from the target's.

mod faults;
mod real;

use kuma_core::check::{HttpCheck, Proxy, ProxyKind};
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::authority::{Authority, NOW, server};
use crate::fixture::monitor::{get, http};
use crate::fixture::server::{Reply, Server, Then, closed_port, read_request};
use crate::fixture::{World, fact};

fn through(world: &World, mut check: HttpCheck, kind: ProxyKind, url: &str) -> HttpCheck {
    check.proxy = Some(Proxy { kind, url: world.secret("proxy", url) });
    check
}

fn failure(reason: Reason) -> Outcome {
    Outcome::Failure(reason)
}

/// A proxy that opens tunnels for `me:secret-word`, to loopback whatever the name.
async fn tunnel() -> Server {
    Server::connections(|mut stream, requests| async move {
        let Some(request) = read_request(&mut stream).await else {
            return;
        };
        let allowed = request.contains("Proxy-Authorization: Basic bWU6c2VjcmV0LXdvcmQ=\r\n");
        let port =
            request.split(' ').nth(1).and_then(|to| to.rsplit(':').next()).map(str::to_owned);
        requests.lock().unwrap().push(request);
        if !allowed {
            let answer = b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n";
            let _ = stream.write_all(answer).await;
            return;
        }
        let to = format!("127.0.0.1:{}", port.unwrap());
        match TcpStream::connect(to).await {
            Ok(mut target) => {
                let _ = stream.write_all(b"HTTP/1.1 200 Go\r\n\r\n").await;
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut target).await;
            }
            Err(_) => {
                let _ = stream.write_all(b"HTTP/1.1 502 No way\r\n\r\n").await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn https_goes_through_a_tunnel() {
    let world = World::new();
    let authority = Authority::new("test authority");
    let identity = authority.issue(&["secure.example"], NOW);
    let target = Server::https(server(&identity), |_| Reply::ok("")).await;
    let proxy = tunnel().await;
    let mut check = get(format!("https://secure.example:{}/", target.address.port()));
    check.tls.ca_bundle = Some(world.secret("ca", &authority.pem()));
    let url = format!("http://me:secret-word@{}", proxy.address);
    let seen = world.run(http(through(&world, check, ProxyKind::Http, &url))).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert_eq!(seen.certificate.unwrap().names, ["secure.example"]);
    let asked = proxy.request();
    let to = format!("CONNECT secure.example:{} HTTP/1.1", target.address.port());
    assert!(asked.starts_with(&to), "{asked}");
    assert_eq!(target.requests().len(), 1);
}

#[tokio::test]
async fn a_tunnels_failures_are_the_proxys() {
    let world = World::new();
    let proxy = tunnel().await;
    let dead = closed_port().await;
    let closed = closed_port().await;
    let check = get(format!("https://127.0.0.1:{}/", dead.port()));
    let good = format!("http://me:secret-word@{}", proxy.address);
    let bad = format!("http://me:wrong-word@{}", proxy.address);
    let away = format!("http://{closed}");
    for (url, reason) in
        [(&good, Reason::ProxyRefused), (&bad, Reason::ProxyAuth), (&away, Reason::ProxyConnect)]
    {
        let check = through(&world, check.clone(), ProxyKind::Http, url);
        let seen = world.run(http(check)).await;
        assert_eq!(seen.outcome, failure(reason), "{seen:?}");
        let shown = format!("{seen:?}");
        assert!(!shown.contains("secret-word") && !shown.contains("wrong-word"));
    }
    let check = through(&world, check, ProxyKind::Http, &good);
    let seen = world.run(http(check)).await;
    assert_eq!(fact(&seen, "proxy answer"), Some("HTTP/1.1 502 No way"));
}

#[tokio::test]
async fn a_proxy_that_breaks_off_is_to_blame() {
    let world = World::new();
    let reset = Server::http(|_| Reply::raw("", Then::Reset)).await;
    let url = format!("http://{}", reset.address);
    let check = through(&world, get("https://inner.example/"), ProxyKind::Http, &url);
    let seen = world.run(http(check)).await;
    assert_eq!(seen.outcome, failure(Reason::ProxyRefused), "{seen:?}");
    let closing = Server::connections(|stream, _| async move { drop(stream) }).await;
    let url = format!("socks5://{}", closing.address);
    let check = through(&world, get("http://inner.example/"), ProxyKind::Socks5, &url);
    let seen = world.run(http(check)).await;
    assert_eq!(seen.outcome, failure(Reason::ProxyRefused), "{seen:?}");
}

#[tokio::test]
async fn plain_http_is_asked_of_the_proxy_in_absolute_form() {
    let proxy = Server::http(|request| {
        if request.contains("proxy-authorization: Basic bWU6c2VjcmV0LXdvcmQ=") {
            Reply::ok("from the proxy")
        } else {
            Reply::full("407 Who are you", &["Proxy-Authenticate: Basic"], "")
        }
    })
    .await;
    let world = World::new();
    let url = format!("http://me:secret-word@{}", proxy.address);
    let check = get("http://inner.example/path?a=1");
    let seen = world.run(http(through(&world, check.clone(), ProxyKind::Http, &url))).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    let request = proxy.request();
    assert!(request.starts_with("GET http://inner.example/path?a=1 HTTP/1.1\r\n"));
    assert!(request.contains("host: inner.example\r\n"));
    let url = format!("http://{}", proxy.address);
    let seen = world.run(http(through(&world, check, ProxyKind::Http, &url))).await;
    assert_eq!(seen.outcome, failure(Reason::ProxyAuth), "{seen:?}");
}

/// A SOCKS5 proxy for `me:secret-word` that connects to loopback whatever the name.
async fn socks() -> Server {
    Server::connections(|mut stream, requests| async move {
        let _ = serve_socks(&mut stream, &requests).await;
    })
    .await
}

async fn serve_socks(
    stream: &mut TcpStream,
    requests: &std::sync::Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting).await?;
    let mut methods = vec![0; usize::from(greeting[1])];
    stream.read_exact(&mut methods).await?;
    if !methods.contains(&2) {
        stream.write_all(&[5, 0xff]).await?;
        return Ok(());
    }
    stream.write_all(&[5, 2]).await?;
    stream.read_u8().await?;
    let username = short_text(stream).await?;
    let password = short_text(stream).await?;
    let good = username == "me" && password == "secret-word";
    stream.write_all(&[1, u8::from(!good)]).await?;
    if !good {
        return Ok(());
    }
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let host = match head[3] {
        1 => {
            let mut ip = [0; 4];
            stream.read_exact(&mut ip).await?;
            std::net::Ipv4Addr::from(ip).to_string()
        }
        3 => short_text(stream).await?,
        _ => "other".to_owned(),
    };
    let port = stream.read_u16().await?;
    requests.lock().unwrap().push(format!("{host}:{port}"));
    match TcpStream::connect(("127.0.0.1", port)).await {
        Ok(mut target) => {
            stream.write_all(&[5, 0, 0, 3, 1, b'x', 0, 0]).await?;
            tokio::io::copy_bidirectional(stream, &mut target).await?;
        }
        Err(_) => stream.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]).await?,
    }
    Ok(())
}

async fn short_text(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut bytes).await?;
    Ok(String::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn socks5_resolves_names_itself() {
    let target = Server::http(|_| Reply::ok("")).await;
    let proxy = socks().await;
    let world = World::new();
    let port = target.address.port();
    let url = format!("socks5://me:secret-word@{}", proxy.address);
    for host in ["only-there.example", "127.0.0.1"] {
        let check = get(format!("http://{host}:{port}/"));
        let check = through(&world, check, ProxyKind::Socks5, &url);
        let seen = world.run(http(check)).await;
        assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    }
    assert_eq!(
        proxy.requests(),
        [format!("only-there.example:{port}"), format!("127.0.0.1:{port}")]
    );
    assert!(target.requests()[0].starts_with("GET / HTTP/1.1"));
}

#[tokio::test]
async fn socks5_failures_are_the_proxys() {
    let proxy = socks().await;
    let world = World::new();
    let dead = closed_port().await;
    let garbage = Server::connections(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad\r\n\r\n").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let place = proxy.address;
    for (url, reason, message) in [
        (
            format!("socks5://me:secret-word@{place}"),
            Reason::ProxyRefused,
            "the SOCKS5 proxy made no connection: the target refused the connection",
        ),
        (
            format!("socks5://me:wrong-word@{place}"),
            Reason::ProxyAuth,
            "the proxy does not accept our user name and password, or wants some",
        ),
        (
            format!("socks5://{place}"),
            Reason::ProxyAuth,
            "the proxy does not accept our user name and password, or wants some",
        ),
        (
            format!("socks5://{}", garbage.address),
            Reason::ProxyRefused,
            "what answered is no SOCKS5 proxy",
        ),
    ] {
        let check = get(format!("http://{dead}/"));
        let check = through(&world, check, ProxyKind::Socks5, &url);
        let seen = world.run(http(check)).await;
        assert_eq!(seen.outcome, failure(reason), "{seen:?}");
        assert_eq!(seen.message, message);
    }
}

#[tokio::test]
async fn a_proxy_that_may_not_be_asked_or_read_is_told() {
    let mut world = World::new();
    let check = get("http://inner.example/");
    let wrong = through(&world, check.clone(), ProxyKind::Socks5, "http://127.0.0.1");
    let seen = world.run(http(wrong)).await;
    assert_eq!(seen.outcome, failure(Reason::TargetInvalid), "{seen:?}");
    world.settings.networking.egress.deny = vec!["127.0.0.0/8".parse().unwrap()];
    let denied = through(&world, check, ProxyKind::Http, "http://127.0.0.1:3128");
    let seen = world.run(http(denied)).await;
    assert_eq!(seen.outcome, Outcome::Indeterminate(Reason::EgressDenied));
}
