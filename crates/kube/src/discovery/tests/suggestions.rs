//! Suggestions from Services and Ingresses.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::kit::{
    ingress, input, look, look_at, monitor, object, rule, service, settings, told, view,
};
use crate::discovery::{Input, Known, discover};

#[test]
fn services_are_read_by_what_their_ports_say() {
    let none = json!({});
    let found = look(
        &[
            service(
                "shop/api",
                &json!({"monitor": "true", "interval-seconds": "30", "policy": "on-call"}),
                &json!([
                    {"name": "metrics", "port": 9090}, {"name": "http", "port": 8000, "targetPort": "web"},
                ]),
            ),
            service(
                "shop/cart",
                &none,
                &json!([{"name": "main", "port": 7000, "appProtocol": "grpc"}]),
            ),
            service("shop/db", &none, &json!([{"name": "postgres", "port": 5432}])),
            service("shop/dns", &none, &json!([{"port": 53, "protocol": "UDP"}])),
            service(
                "shop/front",
                &json!({"port": "http,8443", "path": "/live"}),
                &json!([
                    {"name": "http", "port": 80}, {"name": "secure", "port": 8443, "appProtocol": "https"},
                ]),
            ),
            service("shop/quiet", &json!({"monitor": "false"}), &json!([{"port": 80}])),
            service("shop/socket", &none, &json!([{"name": "wss", "port": 443}])),
        ],
        &[],
    );
    insta::assert_snapshot!(told(&found));
}

#[test]
fn what_every_installation_has_is_suggested_only_where_somebody_asks_for_it() {
    let (none, ports) = (json!({}), json!([{"name": "https", "port": 443}]));
    let names = ["default/kubernetes", "kubekuma/kubekuma"];
    let found = look(&names.map(|name| service(name, &none, &ports)), &[]);
    assert!(found.suggestions.is_empty(), "{}", told(&found));
    let why: Vec<&str> = found.skipped.iter().map(|it| it.why.as_str()).collect();
    assert!(why[0].contains("API server") && why[1].contains("KubeKuma"), "{why:?}");
    let asked = json!({"monitor": "true"});
    assert_eq!(look(&names.map(|name| service(name, &asked, &ports)), &[]).suggestions.len(), 2);
    let others = ["shop/kubernetes", "shop/kubekuma"];
    assert_eq!(look(&others.map(|name| service(name, &none, &ports)), &[]).suggestions.len(), 2);
}

#[test]
fn headless_and_external_services_lead_elsewhere() {
    let headless = |name: &str, target: &Value| {
        object(
            "Service",
            name,
            &json!({}),
            &json!({
                "clusterIP": "None", "ports": [{"name": "http", "port": 80, "targetPort": target}],
            }),
        )
    };
    let external = |name: &str, annotations: &Value, host: &str| {
        let spec = json!({"type": "ExternalName", "externalName": host});
        object("Service", name, annotations, &spec)
    };
    let found = look(
        &[
            headless("shop/by-number", &json!(8080)),
            headless("shop/by-name", &json!("web")),
            external("shop/elsewhere", &json!({"port": "443"}), "api.example.com."),
            external("shop/portless", &json!({}), "api.example.com"),
            external("shop/odd", &json!({"port": "443"}), "not a host"),
        ],
        &[],
    );
    insta::assert_snapshot!(told(&found));
}

#[test]
fn ingresses_are_read_with_hosts_tls_and_paths() {
    let spec = json!({
        "tls": [{"hosts": ["*.example.com"]}],
        "rules": [
            rule("shop.example.com", &[
                ("/", "Prefix", "web"), ("/api", "Prefix", "api"), ("/api/v2", "Prefix", "api"),
                ("/status", "Exact", "status"), ("/old/(.*)", "ImplementationSpecific", "old"),
            ]),
            rule("plain.example.org", &[("", "ImplementationSpecific", "web")]),
            rule("*.example.net", &[("/", "Prefix", "web")]),
            rule("", &[("/", "Prefix", "web")]),
            {"host": "bare.example.org"},
        ],
    });
    let found = look(
        &[
            object("Ingress", "shop/web", &json!({}), &spec),
            object(
                "Ingress",
                "shop/fallback",
                &json!({}),
                &json!({
                    "defaultBackend": {"service": {"name": "web"}},
                }),
            ),
        ],
        &[],
    );
    insta::assert_snapshot!(told(&found));
}

#[test]
fn annotations_of_an_ingress_decide() {
    let spec = json!({"tls": [{}], "rules": [
        rule("a.example.com", &[("/", "Prefix", "web"), ("/x", "Prefix", "x")]),
    ]});
    let ask = |annotations: &Value| {
        told(&look(&[object("Ingress", "shop/web", annotations, &spec)], &[]))
    };
    let found = ask(&json!({"path": "/live", "name": "front", "type": "http", "port": "8443"}));
    assert!(found.starts_with("shop/front\n"), "{found}");
    assert!(
        found.contains(
            r#"{"type":"http","target":{"http":{"url":"https://a.example.com:8443/live"}}}"#
        ),
        "{found}"
    );
    let found = ask(&json!({"path": "/", "type": "tls"}));
    assert!(found.contains(r#"{"tls":{"host":"a.example.com","port":443}}"#), "{found}");
    let found = ask(&json!({"name": "front"}));
    insta::assert_snapshot!(found, @"to mend: Ingress shop/web: metadata.annotations[kubekuma.io/name]: 2 addresses cannot all have one name; remove it, or leave one address with kubekuma.io/path or kubekuma.io/port");
    let found = ask(&json!({"monitor": "off"}));
    assert!(
        found.starts_with("to mend: Ingress shop/web: metadata.annotations[kubekuma.io/monitor]"),
        "{found}"
    );
}

#[test]
fn what_a_monitor_checks_is_not_suggested() {
    let objects = [ingress("shop/web", "shop.example.com", "/")];
    let url = "http://shop.example.com/healthz";
    assert_eq!(look(&objects, &[]).suggestions[0].target, url);
    let found = look(&objects, &[monitor("ops/front", url)]);
    assert_eq!(
        told(&found),
        format!("left out: Ingress shop/web: {url}: monitor ops/front checks it already\n")
    );
    // What discovery wrote itself does not count, but is marked.
    let written = Known { ours: true, ..monitor("shop/ingress-web-shop.example.com", url) };
    let found = look(&objects, &[written]);
    assert!(found.suggestions[0].written);
}

#[test]
fn another_tenants_monitor_takes_nothing_away() {
    let objects = view(&[ingress("shop/web", "shop.example.com", "/")]);
    let url = "http://shop.example.com/healthz";
    assert_eq!(look_at(&objects, &[monitor("ops/front", url)], true).suggestions.len(), 1);
    assert_eq!(look_at(&objects, &[monitor("shop/front", url)], true).suggestions.len(), 0);
    assert_eq!(look_at(&objects, &[monitor("kubekuma/front", url)], true).suggestions.len(), 0);
}

#[test]
fn one_address_is_suggested_once() {
    let found = look(
        &[ingress("shop/a", "shop.example.com", "/"), ingress("shop/b", "shop.example.com", "/")],
        &[],
    );
    assert_eq!(found.suggestions.len(), 1);
    assert!(found.skipped[0].why.ends_with("the suggestion from Ingress shop/a checks it already"));
}

#[test]
fn a_name_that_somebody_has_is_to_be_mended() {
    let objects = [ingress("shop/web", "shop.example.com", "/")];
    let found = look(&objects, &[monitor("shop/ingress-web-shop.example.com", "tcp a:1")]);
    insta::assert_snapshot!(told(&found), @"to mend: Ingress shop/web: metadata.name: http://shop.example.com/healthz cannot be suggested: monitor shop/ingress-web-shop.example.com has the name already; set the annotation kubekuma.io/name");
}

#[test]
fn a_suggestion_keeps_its_name_when_others_come_and_go() {
    let alone = look(&[ingress("shop/web", "shop.example.com", "/")], &[]);
    let spec = json!({"tls": [{}], "rules": [
        rule("more.example.com", &[("/", "Prefix", "web")]),
        rule("shop.example.com", &[("/", "Prefix", "web"), ("/b", "Prefix", "b")]),
    ]});
    let among = look(&[object("Ingress", "shop/web", &json!({}), &spec)], &[]);
    assert_eq!(among.suggestions.len(), 3);
    let name = &alone.suggestions[0].name;
    let same = among.suggestions.iter().find(|it| it.name == *name).unwrap();
    assert_eq!(same.target, "https://shop.example.com/healthz");
}

#[test]
fn what_kubekuma_made_itself_is_not_suggested() {
    let mut made = ingress("kubekuma/kubekuma-status", "status.example.com", "/");
    made["metadata"]["labels"] = json!({"kubekuma.io/managed-by": "exposure"});
    let found = look(&[made], &[]);
    insta::assert_snapshot!(told(&found), @"left out: Ingress kubekuma/kubekuma-status: KubeKuma made it (kubekuma.io/managed-by)");
}

#[test]
fn what_was_found_before_changes_nothing_but_the_time_it_takes() {
    let around =
        view(&[ingress("shop/a", "a.example.com", "/"), ingress("shop/b", "b.example.com", "/")]);
    let first = look_at(&around, &[], false);
    let mut moved = ingress("shop/b", "b.example.com", "/");
    moved["spec"]["tls"] = json!([{}]);
    let around = view(&[ingress("shop/a", "a.example.com", "/"), moved]);
    let settings = settings();
    let again = discover(Input { before: Some(&first), ..input(&around, &settings) });
    assert_eq!(again, discover(input(&around, &settings)));
    assert_eq!(again.suggestions[1].target, "https://b.example.com/healthz");
}

#[test]
fn an_object_with_thousands_of_hosts_is_bounded() {
    let rules: Vec<_> =
        (0..500).map(|n| rule(&format!("h{n}.example.com"), &[("/", "Prefix", "web")])).collect();
    let found = look(&[object("Ingress", "shop/web", &json!({}), &json!({"rules": rules}))], &[]);
    assert_eq!(found.suggestions.len(), 50);
    assert!(found.skipped[0].why.starts_with("450 more addresses"), "{:?}", found.skipped);
}

fn any_text() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-zA-Z0-9*./ _:?#%-]{0,24}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
}

proptest! {
    /// Whatever hosts, paths, ports and annotations say: no panic, every suggestion can be used
    /// and has a name of its own.
    #[test]
    fn every_suggestion_can_be_used(
        host in any_text(), path in any_text(), kind in any_text(), name in any_text(),
        port in any::<u16>(), protocol in any_text(), notes in proptest::collection::btree_map(
            proptest::sample::select(vec!["path", "port", "type", "name", "interval-seconds", "monitor", "policy"]),
            prop_oneof!["[a-z0-9/,-]{0,8}", any::<String>()], 0..3,
        ),
    ) {
        let notes = json!(notes);
        let path_type = if port % 3 == 0 { json!("Exact") } else if port % 3 == 1 { json!("Prefix") } else { kind };
        let found = look(&[
            service("shop/a", &notes, &json!([{"name": name, "port": port, "appProtocol": protocol}])),
            object("Ingress", "shop/a", &notes, &json!({"rules": [
                {"host": host, "http": {"paths": [{"path": path, "pathType": path_type}]}},
                {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix"}]}},
            ]})),
            object("HTTPRoute", "shop/a", &notes, &json!({
                "parentRefs": [{"name": "edge"}], "hostnames": [host],
                "rules": [{"matches": [{"path": {"type": "Exact", "value": path}}]}],
            })),
            object("Gateway", "shop/edge", &json!({}), &json!({
                "listeners": [{"name": "web", "port": port, "protocol": "HTTP"}],
            })),
        ], &[]);
        let names: std::collections::BTreeSet<_> = found.suggestions.iter().map(|it| &it.name).collect();
        prop_assert_eq!(names.len(), found.suggestions.len());
        // An address comes out of nothing but a usable Monitor; the rest is said to people.
        for notice in &found.notices {
            prop_assert!(!notice.problem.why.is_empty() && notice.problem.to_string().len() < 4000);
        }
    }
}
