//! The way to a status page: made where somebody says so, taken away when it is not wanted any
//! more, and looked for otherwise.

use kuma_e2e::until;
use kuma_fixture::get;
use serde_json::{Value, json};

use crate::gateway;
use crate::kit::{HOME, Installation, TEAM, object};

const HOST: &str = "status.example.com";

fn page(namespace: &str, exposure: &Value) -> Value {
    let spec = json!({
        "slug": format!("page-of-{namespace}"),
        "title": "Status",
        "published": true,
        "exposure": exposure,
    });
    object("StatusPage", namespace, "status", &spec)
}

fn by_ingress(manage: bool) -> Value {
    page(HOME, &json!({"mode": "ingress", "hosts": [HOST], "manage": manage}))
}

fn by_route() -> Value {
    let exposure = json!({"mode": "gatewayapi", "hosts": ["shop.example.com"], "manage": true});
    let mut page = page(TEAM, &exposure);
    page["metadata"]["annotations"] = json!({"kubekuma.io/gateway": "infra/edge:https"});
    page
}

/// Waits until `Ready` of a page has a reason, and returns its message.
#[track_caller]
fn stands(home: &Installation, namespace: &str, reason: &str, words: &str) {
    until(&format!("the page of {namespace} to say {reason}, {words}"), || {
        let ready = home.condition(("statuspage", namespace, "status"), "Ready");
        let message = ready["message"].as_str().unwrap_or_default();
        if ready["reason"] == reason && message.contains(words) {
            Ok(())
        } else {
            Err(ready.to_string())
        }
    });
}

/// Waits until there is an object of this name, or none.
#[track_caller]
fn there(home: &Installation, resource: &str, namespace: &str, wanted: bool) -> Value {
    until(&format!("{resource} in {namespace} to be there: {wanted}"), || {
        let found = home.plane.object(resource, namespace, "kubekuma-status");
        if found.is_null() == wanted { Err(found.to_string()) } else { Ok(found) }
    })
}

#[test]
fn the_way_to_a_page_is_made_and_taken_away_again() {
    let Some(home) = Installation::new("exposure") else { return };
    gateway::install(&home.plane);
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    let kubectl = home.plane.kubectl();
    kubectl.apply(&[by_ingress(true), by_route()]);
    // Without the right the page says what is missing.
    let rule = "resources: [ingresses]";
    stands(&home, HOME, "ExposurePending", rule);
    stands(&home, TEAM, "ExposurePending", "resources: [httproutes]");
    home.grant("exposure");
    let made = there(&home, "ingress", HOME, true);
    stands(&home, HOME, "Exposed", "kubekuma-status");
    assert_eq!(made["metadata"]["ownerReferences"][0]["kind"], "StatusPage");
    assert_eq!(made["spec"]["rules"][0]["host"], HOST);
    // What is not public is not to be had under the page's name.
    let status = |path: &str, host: &str| get::get(replica.port, path, host).unwrap().status;
    assert_eq!((status("/metrics", "localhost"), status("/metrics", HOST)), (200, 404));
    assert_eq!((status("/api/v1/monitors", HOST), status("/health", HOST)), (404, 200));
    let service = &made["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
    assert_eq!(*service, json!({"name": "kubekuma", "port": {"number": 3000}}));
    let status = home.plane.object("statuspage", HOME, "status")["status"].take();
    assert_eq!(status["publishedUrl"], format!("http://{HOST}/"));
    let route = there(&home, "httproute", TEAM, true);
    stands(&home, TEAM, "Exposed", "kubekuma-status");
    let parent = json!({"name": "edge", "namespace": "infra", "sectionName": "https"});
    assert_eq!(route["spec"]["parentRefs"], json!([parent]));

    // Not published any more: nothing leads to it.
    let publish = |published: bool| {
        let patch = json!({"spec": {"published": published}}).to_string();
        let page = ["patch", "statuspage", "status", "-n", HOME, "--type=merge", "-p"];
        kubectl.run(&[&page[..], &[&patch]].concat());
    };
    publish(false);
    there(&home, "ingress", HOME, false);
    stands(&home, HOME, "Unpublished", "");
    publish(true);
    there(&home, "ingress", HOME, true);

    // Neither is it when that happens while nobody is there to see it.
    assert!(replica.stop().success());
    let patch = json!({"spec": {"exposure": {"mode": "manual", "manage": false}}}).to_string();
    kubectl.run(&["patch", "statuspage", "status", "-n", HOME, "--type=merge", "-p", &patch]);
    replica.start_again(&home.plane);
    there(&home, "ingress", HOME, false);

    if home.plane.has_workloads() {
        kubectl.run(&["delete", "statuspage", "status", "-n", TEAM]);
        there(&home, "httproute", TEAM, false);
    }
}

#[test]
fn a_way_that_people_make_is_looked_for_and_left_alone() {
    let Some(home) = Installation::new("looked-for") else { return };
    home.grant("exposure");
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    let kubectl = home.plane.kubectl();
    kubectl.apply(&[by_ingress(false)]);
    stands(&home, HOME, "HostNotRouted", "leads to the Service kubekuma/kubekuma, port 3000");
    let ingress = |service: &str| {
        let backend = json!({"service": {"name": service, "port": {"number": 3000}}});
        let path = json!({"path": "/", "pathType": "Prefix", "backend": backend});
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "kubekuma-status", "namespace": HOME},
            "spec": {"rules": [{"host": HOST, "http": {"paths": [path]}}]},
        })
    };
    kubectl.apply(&[ingress("other")]);
    stands(&home, HOME, "HostRoutedElsewhere", "kubekuma/other");
    kubectl.apply(&[ingress("kubekuma")]);
    stands(&home, HOME, "Exposed", "kubekuma-status");
    // What is somebody's own is not taken over, nor away.
    kubectl.apply(&[by_ingress(true)]);
    stands(&home, HOME, "NameTaken", "somebody else's");
    kubectl.run(&["delete", "statuspage", "status", "-n", HOME]);
    until("the page to be forgotten", || {
        let page = replica.get("/metrics").body;
        let known = page
            .lines()
            .find(|it| it.starts_with("kubekuma_objects{") && it.contains("\"StatusPage\""));
        known.map_or(Ok(()), |line| Err(line.to_owned()))
    });
    let kept = home.plane.object("ingress", HOME, "kubekuma-status");
    assert_eq!(kept["spec"], there(&home, "ingress", HOME, true)["spec"]);
    let asked = home.plane.requests_of(HOME, "kubekuma");
    let writes: Vec<_> =
        asked.iter().filter(|it| it.is_write() && it.resource == "ingresses").collect();
    assert!(writes.is_empty(), "{writes:?}");
}

#[test]
fn a_right_to_look_without_one_to_write_is_said_on_the_page() {
    let Some(home) = Installation::new("half-exposed") else { return };
    let account = format!("--serviceaccount={HOME}:kubekuma");
    let kubectl = home.plane.kubectl();
    let verbs = "--verb=get,list,watch";
    kubectl.run(&["create", "clusterrole", "looks", verbs, "--resource=ingresses"]);
    kubectl.run(&["create", "clusterrolebinding", "looks", "--clusterrole=looks", &account]);
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    kubectl.apply(&[by_ingress(true)]);
    let rule = "may not be written; add to the ClusterRole of KubeKuma: {apiGroups: \
                [networking.k8s.io], resources: [ingresses]";
    stands(&home, HOME, "ExposurePending", rule);
    // Mended without a restart, and without anybody touching the page.
    home.grant("exposure");
    stands(&home, HOME, "Exposed", "kubekuma-status");
}
