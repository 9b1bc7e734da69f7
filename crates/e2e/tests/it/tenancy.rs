//! Teams that share a cluster: what one may use of another's, and an installation that sees only
//! its own namespace.

use std::time::Duration;

use kuma_e2e::replica::Settings;
use kuma_e2e::{ControlPlane, Replica, Site, until, until_for};
use kuma_fixture::wait::now;
use serde_json::{Value, json};

use crate::kit::{HOME, Installation, TEAM, channel, object, web, web_in};

/// The other team.
const PAY: &str = "pay";

/// An installation with two teams that are kept apart.
fn two_teams(name: &str) -> Option<Installation> {
    let home = Installation::new(name)?;
    home.plane.kubectl().run(&["create", "namespace", PAY]);
    home.set(&json!({"tenancy": {"isolated": true}}));
    Some(home)
}

/// A policy of the shop that uses what is the other team's wherever a policy can.
fn nosy() -> Value {
    let pager = json!({"ref": {"namespace": PAY, "name": "pager"}});
    let spec = json!({
        "match": {"matchNamespaces": [TEAM, PAY]},
        "routing": {
            "providers": [{"ref": {"name": "broken"}}, pager],
            "fallbackProviders": [pager],
        },
    });
    object("NotificationPolicy", TEAM, "nosy", &spec)
}

#[test]
fn a_team_uses_what_another_has_only_with_its_grant() {
    let Some(home) = two_teams("tenancy") else { return };
    let (target, broken, pager) = (Site::start(), Site::start(), Site::start());
    // What is sent there fails for good, so that fallbacks are told.
    broken.answer_with(403);
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    let mut child = web("child", &target.url("/"));
    child["spec"]["dependsOn"] = json!([{"namespace": PAY, "name": "ledger"}]);
    let member = json!({"namespace": PAY, "name": "ledger"});
    let group = json!({"type": "group", "target": {"group": {"members": [member], "rule": "any"}}});
    let page = json!({
        "slug": "shop", "title": "Shop", "published": true,
        "groups": [{"name": "all", "monitors": [
            {"ref": {"namespace": PAY, "name": "ledger"}}, {"ref": {"name": "front"}},
        ]}],
    });
    home.plane.kubectl().apply(&[
        channel(PAY, "pager", &pager),
        channel(TEAM, "broken", &broken),
        nosy(),
        web("front", &target.url("/")),
        web_in(PAY, "ledger", &target.url("/")),
        child,
        object("Monitor", TEAM, "all", &group),
        object("StatusPage", TEAM, "page", &page),
    ]);
    let references = [
        ("notificationpolicy", "nosy"),
        ("monitor", "child"),
        ("monitor", "all"),
        ("statuspage", "page"),
    ];
    for (resource, name) in references {
        let condition = home.becomes((resource, TEAM, name), "Reconciled", "False");
        let message = condition["message"].as_str().unwrap_or_default();
        let grant = "list shop in the annotation kubekuma.io/grant-to of the Namespace pay";
        assert!(message.contains(grant), "{resource} {name}: {condition}");
        assert_eq!(condition["reason"], "ReferenceNotGranted", "{resource} {name}: {condition}");
    }
    home.shows("front", "up");
    target.answer_with(500);
    // The operator's own policy is about everybody.
    home.hears("front", "down");
    home.hears("ledger", "down");
    until("the shop's own channel to have refused it", || {
        let told = broken.told("front", "down").len();
        if told > 0 { Ok(()) } else { Err(told.to_string()) }
    });
    // What fails falls back in the same moment, so the end of the outage comes after it.
    target.answer_with(200);
    home.hears("front", "up");
    until("the end to be refused as well", || {
        let told = broken.told("front", "up").len();
        if told > 0 { Ok(()) } else { Err(told.to_string()) }
    });
    assert!(broken.told("ledger", "down").is_empty(), "the shop hears of another team's monitor");
    assert!(pager.requests().is_empty(), "another team is told: {:?}", pager.requests());

    home.plane.kubectl().run(&["annotate", "namespace", PAY, "kubekuma.io/grant-to=shop"]);
    for (resource, name) in references {
        home.becomes((resource, TEAM, name), "Reconciled", "True");
    }
    target.answer_with(500);
    pager.hears("front", "down");
    pager.hears("ledger", "down");
    assert!(!broken.told("ledger", "down").is_empty());
    home.repeats_are_marked();
}

/// A monitor with a header from a Secret.
fn with_secret(name: &str, url: &str, secret: &str) -> Value {
    let mut monitor = web(name, url);
    let from = json!({"name": secret, "key": "token"});
    monitor["spec"]["target"]["http"]["headersFrom"] =
        json!([{"name": "X-Token", "valueFromSecretRef": from}]);
    monitor
}

#[test]
fn a_secret_needs_its_label_and_never_leaves_its_namespace() {
    let Some(home) = two_teams("tenancy-secrets") else { return };
    let target = Site::start();
    let create = |namespace: &str, name: &str| {
        let literal = format!("--from-literal=token=of-{namespace}");
        home.plane.kubectl().run(&[
            "create",
            "secret",
            "generic",
            name,
            "-n",
            namespace,
            literal.as_str(),
        ]);
    };
    let label = |namespace: &str, name: &str| {
        let label = ["label", "secret", name, "-n", namespace, "kubekuma.io/use=true"];
        home.plane.kubectl().run(&label);
    };
    create(TEAM, "own");
    create(PAY, "theirs");
    label(PAY, "theirs");
    // Not even with a grant, and not under a name that says where it is.
    home.plane.kubectl().run(&["annotate", "namespace", PAY, "kubekuma.io/grant-to=shop"]);
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    home.plane.kubectl().apply(&[
        with_secret("own", &target.url("/own"), "own"),
        with_secret("theirs", &target.url("/theirs"), "theirs"),
    ]);
    for name in ["own", "theirs"] {
        until(&format!("{name} to lack its Secret"), || {
            let row = home.row(name);
            if row.get(2).is_some_and(|it| it == "SECRET_MISSING") {
                Ok(())
            } else {
                Err(format!("{row:?}"))
            }
        });
    }
    let message = |name: &str| {
        let status = home.plane.object("monitor", TEAM, name)["status"].take();
        status["lastResult"]["message"].as_str().unwrap_or_default().to_owned()
    };
    assert!(message("own").contains("kubekuma.io/use"), "{}", message("own"));
    assert!(target.requests().is_empty(), "{:?}", target.requests());

    label(TEAM, "own");
    let labelled = now();
    // Without the right to watch Secrets too, since somebody waits.
    until_for(Duration::from_secs(60), "the label to count", || {
        let row = home.row("own");
        if row.get(1).is_some_and(|it| it == "up") { Ok(()) } else { Err(format!("{row:?}")) }
    });
    assert!(labelled.elapsed() < Duration::from_secs(30), "it took {:?}", labelled.elapsed());
    let seen = target.requests();
    assert!(seen.iter().all(|it| it.path == "/own" && it.header("x-token") == Some("of-shop")));
    // What nobody in its namespace refers to was not even read.
    let read = home.plane.requests_of(HOME, "kubekuma");
    let theirs = read.iter().filter(|it| it.resource == "secrets" && it.object == "pay/theirs");
    assert_eq!(theirs.count(), 0);
}

#[test]
fn an_installation_with_a_role_instead_of_a_cluster_role_sees_its_own_namespace_only() {
    let Some(plane) = ControlPlane::own("namespaced") else { return };
    plane.install_crds();
    for namespace in [HOME, TEAM] {
        plane.kubectl().run(&["create", "namespace", namespace]);
    }
    plane.install_manifests("deploy/manifests/overlays/namespaced");
    plane.kubectl().run(&["scale", "-n", HOME, "deployment/kubekuma", "--replicas=0"]);
    let (inside, outside, receiver) = (Site::start(), Site::start(), Site::start());
    let patient = |mut monitor: Value| {
        // Nobody may change the settings here, so the least interval is what it always is.
        monitor["spec"]["schedule"] = json!({"intervalSeconds": 10, "timeoutSeconds": 5});
        monitor
    };
    plane.kubectl().apply(&[
        patient(web_in(HOME, "front", &inside.url("/"))),
        patient(web("other", &outside.url("/"))),
        channel(HOME, "hook", &receiver),
        object(
            "NotificationPolicy",
            HOME,
            "all",
            &json!({
                "match": {}, "routing": {"providers": [{"ref": {"name": "hook"}}]},
            }),
        ),
    ]);
    let settings = Settings::new(&plane, "kubekuma-0", HOME, "kubekuma")
        .variable("KUBEKUMA_WATCH_NAMESPACE", HOME);
    let mut replica = Replica::start(&plane, &settings);
    replica.becomes_ready();
    until("the monitor of its own namespace to be up", || {
        let status = plane.object("monitor", HOME, "front")["status"].take();
        if status["lastResult"]["state"] == "up" { Ok(()) } else { Err(status.to_string()) }
    });
    inside.answer_with(500);
    until("the outage to be told", || {
        let told = receiver.told("front", "down").len();
        if told > 0 { Ok(()) } else { Err(replica.monitor(HOME, "front").to_string()) }
    });
    // By then the other would have been looked at as well.
    assert!(outside.requests().is_empty());
    assert!(plane.object("monitor", TEAM, "other")["status"].is_null());
    assert!(replica.monitor(TEAM, "other").is_null());
    let asked = plane.requests_of(HOME, "kubekuma");
    let answered = asked.iter().filter(|it| it.code < 400 && !it.object.starts_with("kubekuma/"));
    // What every account may ask.
    let beyond: Vec<_> = answered.filter(|it| !it.resource.is_empty()).collect();
    assert!(beyond.is_empty(), "{beyond:?}");
    assert!(replica.stop().success());
}
