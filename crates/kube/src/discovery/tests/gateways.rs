//! Suggestions from routes of the Gateway API.

use serde_json::{Value, json};

use super::kit::{look, object, told};

fn gateway(name: &str, listeners: &Value) -> Value {
    object("Gateway", name, &json!({}), &json!({"listeners": listeners}))
}

fn edge() -> Value {
    gateway(
        "infra/edge",
        &json!([
            {"name": "http", "port": 80, "protocol": "HTTP"},
            {"name": "https", "port": 443, "protocol": "HTTPS", "hostname": "*.example.com"},
            {"name": "alt", "port": 8443, "protocol": "HTTPS", "hostname": "alt.example.org"},
        ]),
    )
}

fn route(name: &str, parent: &Value, hosts: &[&str], rules: &Value) -> Value {
    let spec = json!({"parentRefs": [parent], "hostnames": hosts, "rules": rules});
    object("HTTPRoute", name, &json!({}), &spec)
}

fn at(section: &str) -> Value {
    json!({"name": "edge", "namespace": "infra", "sectionName": section})
}

#[test]
fn the_listener_decides_about_tls_port_and_host() {
    let any = json!([{"backendRefs": [{"name": "web", "port": 80}]}]);
    let found = look(
        &[
            edge(),
            route(
                "shop/best",
                &json!({"name": "edge", "namespace": "infra"}),
                &["shop.example.com"],
                &any,
            ),
            route("shop/plain", &at("http"), &["plain.example.com"], &any),
            route("shop/listeners", &at("alt"), &[], &any),
            route("shop/narrower", &at("alt"), &["*.example.org"], &any),
            route("shop/elsewhere", &at("alt"), &["shop.example.net"], &any),
            route("shop/many", &at("https"), &["*.example.com"], &any),
        ],
        &[],
    );
    insta::assert_snapshot!(told(&found));
}

#[test]
fn rules_are_read_as_a_plain_get_meets_them() {
    let rules = json!([
        {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": [{"name": "web"}]},
        {"matches": [{"path": {"type": "PathPrefix", "value": "/api"}}, {"path": {"value": "/api/v2"}}],
         "backendRefs": [{"name": "api"}]},
        {"matches": [{"path": {"type": "Exact", "value": "/ping"}}], "backendRefs": [{"name": "ping"}]},
        {"matches": [{"path": {"type": "RegularExpression", "value": "/[a-z]+"}}], "backendRefs": [{"name": "x"}]},
        {"matches": [{"path": {"value": "/beta"}, "headers": [{"name": "x-beta", "value": "1"}]}]},
        {"matches": [{"path": {"value": "/form"}, "method": "POST"}]},
        {"matches": [{"path": {"value": "/moved"}}], "filters": [{"type": "RequestRedirect", "requestRedirect": {}}]},
    ]);
    let found =
        look(&[edge(), route("shop/web", &at("https"), &["shop.example.com"], &rules)], &[]);
    insta::assert_snapshot!(told(&found));
}

#[test]
fn a_route_that_no_gateway_serves_is_not_suggested() {
    let mut refused = route("shop/refused", &at("https"), &["shop.example.com"], &json!([]));
    refused["status"] = json!({"parents": [{
        "parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge", "namespace": "infra", "sectionName": "https"},
        "conditions": [{"type": "Accepted", "status": "False", "reason": "NotAllowedByListeners", "message": "namespace shop"}],
    }]});
    let found = look(
        &[
            edge(),
            refused,
            route("shop/no-gateway", &json!({"name": "edge"}), &["shop.example.com"], &json!([])),
            route("shop/no-listener", &at("http3"), &["shop.example.com"], &json!([])),
            route("shop/mesh", &json!({"kind": "Service", "name": "web"}), &[], &json!([])),
        ],
        &[],
    );
    insta::assert_snapshot!(told(&found), @r"
    left out: HTTPRoute shop/mesh: it is attached to a Service, which is nothing to ask from outside
    left out: HTTPRoute shop/no-gateway: there is no Gateway shop/edge, so nothing says whether it is https
    left out: HTTPRoute shop/no-listener: Gateway infra/edge has no listener http3
    left out: HTTPRoute shop/refused: Gateway infra/edge has not taken it: NotAllowedByListeners: namespace shop
    ");
}
