//! A Secret that is rotated is in use at once: by the next check and by the next message.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kuma_e2e::{Site, until};
use kuma_fixture::wait::now;
use serde_json::{Value, json};

use crate::kit::{HOME, Installation, TEAM, channel, object, web};

/// The monitor runs each second; the rest is what a busy machine takes.
const AT_ONCE: Duration = Duration::from_secs(15);

fn secret(name: &str, values: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": TEAM},
        "stringData": values,
    })
}

fn login(password: &str) -> Value {
    secret("login", &json!({"user": "kuma", "password": password}))
}

/// What a server that knows the password demands.
fn demands(site: &Site, password: &str) {
    site.demand("authorization", &format!("Basic {}", STANDARD.encode(format!("kuma:{password}"))));
}

#[test]
fn a_rotated_secret_is_in_use_at_once() {
    let Some(home) = Installation::new("rotated") else { return };
    home.grant("secrets-watch");
    let (target, pager) = (Site::start(), Site::start());
    demands(&target, "first");
    let mut hook = channel(TEAM, "pager", &pager);
    let token = json!({"name": "pager", "key": "token"});
    hook["spec"]["config"]["webhook"]["headersFrom"] =
        json!([{"name": "X-Token", "valueFromSecretRef": token}]);
    let mut monitor = web("front", &target.url("/"));
    let field = |key: &str| json!({"name": "login", "key": key});
    monitor["spec"]["target"]["http"]["auth"] = json!({"basic": {
        "usernameSecretRef": field("user"), "passwordSecretRef": field("password"),
    }});
    let routing = json!({"providers": [{"ref": {"name": "pager"}}]});
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    home.plane.kubectl().apply(&[
        login("first"),
        secret("pager", &json!({"token": "one"})),
        hook,
        object("NotificationPolicy", TEAM, "own", &json!({"match": {}, "routing": routing})),
        monitor,
    ]);
    home.shows("front", "up");
    // The server changes the password first, and the Secret follows.
    demands(&target, "second");
    home.hears("front", "down");
    assert_eq!(pager.hears("front", "down").header("x-token"), Some("one"));
    home.plane.kubectl().apply(&[login("second"), secret("pager", &json!({"token": "two"}))]);
    let rotated = now();
    home.hears("front", "up");
    assert!(rotated.elapsed() < AT_ONCE, "it took {:?}", rotated.elapsed());
    assert_eq!(pager.hears("front", "up").header("x-token"), Some("two"));

    // A wrong value is in use at once as well, and one that goes takes the monitor's result away:
    // that is nobody's outage.
    home.plane.kubectl().apply(&[login("mistyped")]);
    let rotated = now();
    until("the next outage to be told", || {
        let told = home.receiver.told("front", "down").len();
        if told >= 2 { Ok(()) } else { Err(told.to_string()) }
    });
    assert!(rotated.elapsed() < AT_ONCE, "it took {:?}", rotated.elapsed());
    home.plane.kubectl().apply(&[login("second")]);
    home.shows("front", "up");
    home.plane.kubectl().run(&["delete", "secret", "login", "-n", TEAM]);
    until("the Secret to be missed", || {
        let row = home.row("front");
        if row.get(2).is_some_and(|it| it == "SECRET_MISSING") {
            Ok(())
        } else {
            Err(format!("{row:?}"))
        }
    });
    assert_eq!(home.receiver.told("front", "down").len(), 2);
    // Only what objects refer to was read, and no list of Secrets was, but of their names.
    let read = home.plane.requests_of(HOME, "kubekuma");
    let beyond: Vec<_> = read
        .iter()
        .filter(|it| it.resource == "secrets" && it.verb == "get")
        .filter(|it| !["shop/login", "shop/pager"].contains(&it.object.as_str()))
        .collect();
    assert!(beyond.is_empty(), "{beyond:?}");
}
