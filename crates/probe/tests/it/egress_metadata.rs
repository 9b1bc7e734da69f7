//! No check type, and no token endpoint, is a way to a cloud's metadata service.

use kuma_core::check::{
    Check, ClientAuthentication, ClientCredentials, DockerCheck, DockerEngine, GrpcCheck, HttpAuth,
    HttpCheck, SteamCheck, WebsocketCheck,
};
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;

use crate::fixture::World;
use crate::fixture::monitor::{get, http, text};
use crate::fixture::server::{Reply, Server};

const METADATA: &str = "169.254.169.254";

#[tokio::test]
async fn the_other_types_are_vetted_too() {
    let world = World::new();
    let target = Server::http(|_| Reply::ok("")).await;
    let websocket = WebsocketCheck {
        handshake: HttpCheck { follow_redirects: false, ..get(format!("ws://{METADATA}/")) },
        subprotocols: Vec::new(),
        message: None,
        expect: None,
        receive_within: None,
    };
    let grpc = GrpcCheck {
        host: METADATA.into(),
        port: 80,
        service: String::new(),
        tls: None,
        authority: None,
        metadata: Vec::new(),
    };
    let steam = SteamCheck {
        host: METADATA.into(),
        port: 27015,
        min_players: None,
        max_players: None,
        expected_map: None,
    };
    let docker = DockerCheck {
        container: "web".into(),
        engine: DockerEngine::Tcp { host: METADATA.into(), port: 80 },
        require_healthy: true,
    };
    let token = HttpCheck {
        auth: Some(HttpAuth::OAuth2(Box::new(ClientCredentials {
            token_url: text(format!("http://{METADATA}/token")),
            client_id: text("monitor"),
            client_secret: world.secret("client", "a secret"),
            scopes: Vec::new(),
            audience: None,
            authentication: ClientAuthentication::Basic,
        }))),
        ..get(format!("http://{}/", target.address))
    };
    for (what, check) in [
        ("websocket", Check::Websocket(Box::new(websocket))),
        ("grpc", Check::Grpc(Box::new(grpc))),
        ("steam", Check::Steam(Box::new(steam))),
        ("docker", Check::Docker(Box::new(docker))),
        ("token endpoint", http(token)),
    ] {
        let seen = world.run(check).await;
        assert_eq!(seen.outcome, Outcome::Indeterminate(Reason::EgressDenied), "{what}: {seen:?}");
        assert!(seen.message.contains(METADATA), "{what}: {}", seen.message);
    }
    assert!(target.requests().is_empty(), "without a token the target is not asked");
}
