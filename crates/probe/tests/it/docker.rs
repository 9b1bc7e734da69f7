//! `docker` against a real engine, which the test starts and stops.

use kuma_core::check::{Check, DockerCheck, DockerEngine, TlsOptions};
use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::Reason;
use kuma_fixture::DockerServer;
use tokio::net::{TcpListener, UnixStream};

use crate::fixture::server::{Reply, Server, Then};
use crate::fixture::{World, fact};

fn check(container: &str, engine: DockerEngine) -> DockerCheck {
    DockerCheck { container: container.to_owned(), engine, require_healthy: true }
}

async fn seen(world: &World, check: DockerCheck) -> Observation {
    world.run(Check::Docker(Box::new(check))).await
}

/// Looks again and again until it sees something that begins like this.
async fn comes_to(world: &World, check: &DockerCheck, message: &str) -> Observation {
    let mut last = seen(world, check.clone()).await;
    for _ in 0..300 {
        if last.message.starts_with(message) {
            return last;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        last = seen(world, check.clone()).await;
    }
    assert!(last.message.starts_with(message), "waited for `{message}`; last seen: {last:?}");
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_engine_tells_of_its_containers() {
    let mut docker = tokio::task::spawn_blocking(DockerServer::start).await.unwrap();
    let socket = DockerEngine::Unix(docker.socket().to_str().unwrap().to_owned());
    let world = World::new();
    let at = |container: &str| check(container, socket.clone());

    states(&docker, &world, &at).await;
    let secure = tls(&docker, &world).await;
    plain_tcp(&docker, &world).await;

    docker.stop();
    for engine in [socket.clone(), secure] {
        let gone = seen(&world, check("plain", engine)).await;
        assert_eq!(gone.outcome, Outcome::Failure(Reason::DockerEngine), "{gone:?}");
    }
}

async fn states(docker: &DockerServer, world: &World, at: &dyn Fn(&str) -> DockerCheck) {
    let often = ["--health-interval=200ms", "--health-retries=2"];
    let sleep = ["sleep", "3600"];
    docker.container("plain", &[], &sleep);
    let plain = seen(world, at("plain")).await;
    assert_eq!(plain.outcome, Outcome::Success, "{plain:?}");
    assert_eq!(plain.message, "running, without a health check");
    assert!(plain.phases.connect.is_some() && plain.phases.first_byte.is_some());
    let id = docker.run(&["inspect", "--format={{.Id}}", "plain"]);
    assert_eq!(seen(world, at(&id[..12])).await.outcome, Outcome::Success);

    docker.container("well", &[&often[..], &["--health-cmd=exit 0"]].concat(), &sleep);
    comes_to(world, &at("well"), "running, healthy").await;

    docker.container(
        "sick",
        &[&often[..], &["--health-cmd=echo no disk; exit 1"]].concat(),
        &sleep,
    );
    let sick = comes_to(world, &at("sick"), "unhealthy: the health check failed").await;
    assert_eq!(sick.outcome, Outcome::Failure(Reason::DockerUnhealthy));
    assert_eq!(fact(&sick, "health output").map(str::trim), Some("no disk"));
    let lenient = DockerCheck { require_healthy: false, ..at("sick") };
    assert_eq!(seen(world, lenient).await.message, "running, unhealthy");

    docker.container("young", &["--health-interval=1h", "--health-cmd=exit 0"], &sleep);
    let young = seen(world, at("young")).await;
    assert_eq!(young.outcome, Outcome::Failure(Reason::DockerUnhealthy), "{young:?}");
    assert!(
        young.message.starts_with("starting: no health check has succeeded since the start at")
    );

    docker.container("done", &[], &["sh", "-c", "exit 7"]);
    let done = comes_to(world, &at("done"), "exited with code 7 at 20").await;
    assert_eq!(done.outcome, Outcome::Failure(Reason::DockerNotRunning));
    assert_eq!(fact(&done, "exit code"), Some("7"));
    assert_eq!(fact(&done, "container"), Some("done"));

    docker.container("loop", &["--restart=always"], &["false"]);
    let again = comes_to(world, &at("loop"), "starts again and again").await;
    assert_eq!(again.outcome, Outcome::Failure(Reason::DockerNotRunning));

    let absent = seen(world, at("absent")).await;
    assert_eq!(absent.outcome, Outcome::Failure(Reason::DockerNotFound), "{absent:?}");
    assert_eq!(absent.message, "the engine knows no container `absent`");

    // Ids begin with one of sixteen digits, so of seventeen containers two begin alike.
    for _ in 0..11 {
        docker.run(&["create", "--network=none", "busybox", "/bin/busybox"]);
    }
    let ids = docker.run(&["ps", "--all", "--quiet"]);
    let mut firsts: Vec<&str> = ids.lines().map(|id| &id[..1]).collect();
    firsts.sort_unstable();
    let twice = firsts.windows(2).find(|pair| pair[0] == pair[1]).unwrap()[0];
    let unclear = seen(world, at(twice)).await;
    assert_eq!(unclear.outcome, Outcome::Failure(Reason::TargetInvalid), "{unclear:?}");
    assert_eq!(
        unclear.message,
        format!("several containers' ids begin with `{twice}`; write one of them whole")
    );
}

/// With certificates of both sides. The engine that can be used.
async fn tls(docker: &DockerServer, world: &World) -> DockerEngine {
    let engine = |options: TlsOptions| DockerEngine::Tls {
        host: "localhost".into(),
        port: docker.port,
        tls: Box::new(options),
    };
    let ca_bundle = Some(world.secret("engine-ca", &docker.authority.pem()));
    let client = docker.authority.issue(&["client"]);
    let client_cert =
        Some(world.secret("engine-client", &format!("{}{}", client.certificate, client.key)));

    let stranger = engine(TlsOptions { ca_bundle: ca_bundle.clone(), ..TlsOptions::default() });
    let refused = seen(world, check("plain", stranger)).await;
    assert_eq!(refused.outcome, Outcome::Failure(Reason::TlsClientCert), "{refused:?}");
    let untrusted = seen(world, check("plain", engine(TlsOptions::default()))).await;
    assert_eq!(untrusted.outcome, Outcome::Failure(Reason::TlsUntrusted), "{untrusted:?}");

    let known = engine(TlsOptions { ca_bundle, client_cert, ..TlsOptions::default() });
    let told = seen(world, check("plain", known.clone())).await;
    assert_eq!(told.outcome, Outcome::Success, "{told:?}");
    assert!(told.phases.tls.is_some() && told.certificate.unwrap().valid);
    known
}

/// Over a port that leads to the engine's socket.
async fn plain_tcp(docker: &DockerServer, world: &World) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let socket = docker.socket();
    let relay = tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let mut to = UnixStream::connect(&socket).await.unwrap();
            tokio::spawn(async move {
                let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
            });
        }
    });
    let told = seen(world, check("plain", tcp(port))).await;
    assert_eq!(told.message, "running, without a health check", "{told:?}");
    relay.abort();
}

fn tcp(port: u16) -> DockerEngine {
    DockerEngine::Tcp { host: "127.0.0.1".into(), port }
}

#[tokio::test]
async fn an_engine_that_cannot_be_asked_says_nothing_about_the_container() {
    let mut world = World::new();
    let missing = DockerEngine::Unix("/nowhere/docker.sock".into());
    let seen_missing = seen(&world, check("web", missing)).await;
    assert_eq!(seen_missing.outcome, Outcome::Failure(Reason::DockerEngine));
    assert_eq!(seen_missing.message, "there is no socket /nowhere/docker.sock");

    let closed = crate::fixture::server::closed_port().await.port();
    let refused = seen(&world, check("web", tcp(closed))).await;
    assert_eq!(refused.outcome, Outcome::Failure(Reason::DockerEngine));
    assert_eq!(fact(&refused, "engine reason"), Some("CONNECTION_REFUSED"));

    for (reply, message) in [
        (
            Reply::full("404 Not Found", &[], "<h1>no</h1>"),
            "what answers is no Docker engine: status 404 Not Found",
        ),
        (Reply::ok("<html>"), "what answers is no Docker engine: its answer is not JSON"),
        (Reply::ok("{}"), "what answers is no Docker engine: its answer describes no container"),
        (
            Reply::full("403 Forbidden", &[], "{\"message\": \"authorization denied\\u001b\"}"),
            "the engine says 403 Forbidden: authorization denied",
        ),
    ] {
        let server = Server::http(move |_| reply.clone()).await;
        let strange = seen(&world, check("web", tcp(server.address.port()))).await;
        assert_eq!(strange.outcome, Outcome::Failure(Reason::DockerEngine), "{strange:?}");
        assert_eq!(strange.message, message);
        assert!(server.request().starts_with("GET /containers/web/json HTTP/1.1\r\n"));
    }

    let large = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(2 << 20));
    let large = Server::http(move |_| Reply::raw(large.clone(), Then::Close)).await;
    let told = seen(&world, check("web", tcp(large.address.port()))).await;
    assert_eq!(fact(&told, "engine reason"), Some("BODY_TOO_LARGE"), "{told:?}");

    world.timeout = std::time::Duration::from_millis(900);
    let deaf = Server::http(|_| Reply::raw("", Then::Hold)).await;
    let silent = seen(&world, check("web", tcp(deaf.address.port()))).await;
    assert_eq!(silent.outcome, Outcome::Failure(Reason::DockerEngine), "{silent:?}");
    assert_eq!(fact(&silent, "engine reason"), Some("TIMEOUT"));

    world.settings.networking.egress.deny = vec!["127.0.0.0/8".parse().unwrap()];
    let denied = seen(&world, check("web", tcp(closed))).await;
    assert_eq!(denied.outcome, Outcome::Indeterminate(Reason::EgressDenied));
}
