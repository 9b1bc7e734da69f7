//! Discovery: what a cluster shows is suggested, and monitored where somebody says so.

use kuma_e2e::until;
use kuma_fixture::names::NameServer;
use serde_json::{Value, json};

use crate::gateway;
use crate::kit::{HOME, Installation, TEAM};

/// Settings that look at everything; no name leaves this machine.
fn settings(resolver: &NameServer, write: bool) -> Value {
    json!({
        "networking": {
            "dns": {"resolvers": [resolver.address]},
            "egress": {"deny": ["0.0.0.0/0", "::/0"], "allow": ["127.0.0.0/8"]},
        },
        "discovery": {
            "enabled": true,
            "sources": [{"type": "service"}, {"type": "ingress"}, {"type": "gatewayapi"}],
            "behavior": {
                "showSuggestionsInUi": true, "writeCrds": write, "defaultHealthPath": "/healthz",
            },
        },
    })
}

fn service(name: &str, annotations: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": TEAM, "annotations": annotations},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 8080}]},
    })
}

fn ingress(name: &str, host: &str) -> Value {
    let backend = json!({"service": {"name": "web", "port": {"number": 8080}}});
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": TEAM},
        "spec": {
            "tls": [{"hosts": [host], "secretName": "tls"}],
            "rules": [{"host": host, "http": {"paths": [
                {"path": "/", "pathType": "Prefix", "backend": backend},
            ]}}],
        },
    })
}

fn route(name: &str, host: &str) -> Value {
    let listener = json!({"name": "https", "port": 443, "protocol": "HTTPS"});
    let spec = json!({
        "parentRefs": [{"name": "edge"}],
        "hostnames": [host],
        "rules": [{"backendRefs": [{"name": "api", "port": 8080}]}],
    });
    // Two objects as one value would hide which is which; the Gateway is applied beside it.
    json!([
        gateway::object(
            "Gateway",
            TEAM,
            "edge",
            &json!({
                "gatewayClassName": "none", "listeners": [listener],
            })
        ),
        gateway::object("HTTPRoute", TEAM, name, &spec),
    ])
}

/// `status.discovery` of the settings.
fn discovered(home: &Installation) -> Value {
    let settings = home.plane.kubectl().json(&["get", "kubekumasettings", "kubekuma"]);
    settings["status"]["discovery"].clone()
}

/// Waits until what is discovered is as it should be.
#[track_caller]
fn finds(home: &Installation, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    until(&format!("the settings to say {what}"), || {
        let found = discovered(home);
        if fits(&found) { Ok(found) } else { Err(found.to_string()) }
    })
}

fn has_remark(found: &Value, words: &str) -> bool {
    let remarks = found["remarks"].as_array().into_iter().flatten();
    remarks.filter_map(Value::as_str).any(|remark| remark.contains(words))
}

fn monitors(home: &Installation) -> Vec<String> {
    let found = home.plane.kubectl().json(&["get", "monitors", "-n", TEAM]);
    let names = found["items"].as_array().into_iter().flatten();
    names.filter_map(|it| it["metadata"]["name"].as_str().map(str::to_owned)).collect()
}

#[test]
fn what_a_cluster_shows_is_suggested_and_nothing_is_created() {
    let Some(home) = Installation::new("suggestions") else { return };
    gateway::install(&home.plane);
    let resolver = NameServer::start();
    home.plane.kubectl().apply(&[
        service("cart", &json!({"kubekuma.io/interval-seconds": "30", "kubekuma.io/name": "cart"})),
        service("quiet", &json!({"kubekuma.io/monitor": "false"})),
        ingress("front", "shop.example.com"),
    ]);
    home.plane.kubectl().apply(route("api", "api.example.com").as_array().unwrap());
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    // Nothing is looked at before somebody asks for it, nor without the right to.
    assert_eq!(discovered(&home), Value::Null);
    home.set(&settings(&resolver, false));
    let rules = [
        r#"{apiGroups: [""], resources: [services], verbs: [get, list, watch]}"#,
        "{apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [get, list, watch]}",
        "{apiGroups: [gateway.networking.k8s.io], resources: [httproutes], verbs: [get, list, watch]}",
        "{apiGroups: [gateway.networking.k8s.io], resources: [gateways], verbs: [get, list, watch]}",
    ];
    finds(&home, "which rules are missing", |found| {
        rules.iter().all(|rule| has_remark(found, rule))
    });
    home.grant("discovery");
    let found = finds(&home, "what there is", |found| {
        // The Services of the API server and of KubeKuma are there too, and left out.
        found["suggestionCount"] == 3 && found["remarks"].is_null()
    });
    insta::assert_snapshot!(format!("{:#}", found["suggestions"]));
    let all = replica.get("/api/v1/discovery/suggestions");
    assert_eq!(all.status, 200, "{}", all.body);
    let all = all.json();
    let cart = all["suggestions"].as_array().unwrap().iter().find(|it| it["name"] == "shop/cart");
    assert_eq!(cart.unwrap()["spec"]["schedule"]["intervalSeconds"], 30, "{all}");
    assert_eq!(replica.total("kubekuma_discovery_suggestions").to_string(), "3");

    // Somebody's mistake is said where the settings are, and holds nothing else up.
    let annotate = |text: &str| {
        let kubectl = home.plane.kubectl();
        kubectl.run(&["annotate", "--overwrite", "-n", TEAM, "service/cart", text]);
    };
    annotate("kubekuma.io/monitor=perhaps");
    finds(&home, "what is wrong", |found| has_remark(found, "write \"true\" or \"false\""));
    annotate("kubekuma.io/monitor=false");
    finds(&home, "one suggestion less", |found| {
        found["suggestionCount"] == 2 && found["remarks"].is_null()
    });
    assert!(monitors(&home).is_empty(), "{:?}", monitors(&home));
    let asked = home.plane.requests_of(HOME, "kubekuma");
    // What is refused is asked for again, but ever more slowly.
    let routes = asked.iter().filter(|it| it.resource == "httproutes" && it.code == 403).count();
    assert!((1..20).contains(&routes), "{routes}");
    let writes: Vec<_> =
        asked.iter().filter(|it| it.is_write() && it.resource == "monitors").collect();
    assert!(writes.is_empty(), "{writes:?}");
}

#[test]
fn monitors_are_written_where_somebody_says_so_and_go_with_their_source() {
    let Some(home) = Installation::new("written") else { return };
    if !home.plane.has_workloads() {
        return; // It is the cluster's controllers who collect what has no owner any more.
    }
    gateway::install(&home.plane);
    let resolver = NameServer::start();
    home.grant("discovery");
    home.set(&settings(&resolver, true));
    let wanted = json!({"kubekuma.io/monitor": "true", "kubekuma.io/name": "cart"});
    home.plane.kubectl().apply(&[
        service("cart", &wanted),
        service("db", &json!({})),
        ingress("front", "shop.example.com"),
    ]);
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    finds(&home, "that it may not write", |found| {
        has_remark(found, "may not be written; add to the ClusterRole of KubeKuma")
            && has_remark(found, "resources: [monitors]")
    });
    assert!(monitors(&home).is_empty());
    home.grant("discovery-writes");
    let found = finds(&home, "that it has written", |found| {
        found["writtenCount"] == 2 && found["remarks"].is_null()
    });
    // A Service that nobody asked for is suggested only.
    let suggested = found["suggestions"].as_array().unwrap();
    assert!(suggested.iter().any(|it| it["name"] == "shop/service-db"), "{found}");
    let names = monitors(&home);
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.contains(&"cart".to_owned()), "{names:?}");
    let written = names.iter().find(|name| *name != "cart").cloned().unwrap();
    assert_eq!(written, "ingress-front-shop.example.com");
    let object = home.plane.object("monitor", TEAM, &written);
    assert_eq!(object["metadata"]["labels"]["kubekuma.io/managed-by"], "discovery");
    assert_eq!(object["metadata"]["ownerReferences"][0]["kind"], "Ingress");
    assert_eq!(object["spec"]["target"]["http"]["url"], "https://shop.example.com/healthz");
    // It is a monitor as any other.
    home.becomes(("monitor", TEAM, &written), "Valid", "True");

    // It follows its source, and goes with it. What somebody else has set stays.
    let kubectl = home.plane.kubectl();
    let patch = json!({"spec": {"tags": ["mine"], "target": {"http": {"url": "http://cart/"}}}});
    let change = ["patch", "monitor", "cart", "-n", TEAM, "--type=merge", "-p"];
    kubectl.run(&[&change[..], &[&patch.to_string()]].concat());
    let grown = json!({"kubekuma.io/interval-seconds": "45"});
    let annotate = json!({"metadata": {"annotations": grown}}).to_string();
    kubectl.run(&["patch", "service", "cart", "-n", TEAM, "--type=merge", "-p", &annotate]);
    until("the monitor to follow its Service", || {
        let spec = home.plane.object("monitor", TEAM, "cart")["spec"].take();
        if spec["schedule"]["intervalSeconds"] == 45 { Ok(()) } else { Err(spec.to_string()) }
    });
    let spec = home.plane.object("monitor", TEAM, "cart")["spec"].take();
    assert_eq!(spec["target"]["http"]["url"], "http://cart/");
    assert_eq!(spec["tags"], json!(["mine"]));
    kubectl.apply(&[ingress("front", "shop.example.org")]);
    until("the new host to be monitored and the old one no more", || {
        let names = monitors(&home);
        let right = ["cart", "ingress-front-shop.example.org"];
        if names == right { Ok(()) } else { Err(format!("{names:?}")) }
    });
    kubectl.run(&["delete", "ingress", "front", "-n", TEAM]);
    kubectl.run(&["delete", "service", "cart", "-n", TEAM]);
    until("the monitors to go with their sources", || {
        let names = monitors(&home);
        if names.is_empty() { Ok(()) } else { Err(format!("{names:?}")) }
    });
}
