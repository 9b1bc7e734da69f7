//! Receivers fail too.

use serde_json::{Value, json};

use crate::fixture::Site;
use crate::kit::documents::{policy, provider, secret, settings, web, webhook};
use crate::kit::{Home, Kuma, until};

/// Waits until the one delivery of the one incident is as asked.
fn delivery(home: &Home, wanted: impl Fn(&Value) -> bool) -> Value {
    until("the delivery", || {
        let incidents = home.incidents();
        let deliveries = incidents.first().map(|incident| incident["deliveries"].clone());
        let deliveries = deliveries.unwrap_or_default();
        let first = deliveries.get(0).cloned().unwrap_or_default();
        if wanted(&first) { Ok(first) } else { Err(deliveries.to_string()) }
    })
}

#[test]
fn a_message_waits_for_a_receiver_that_is_away() {
    let (target, mut receiver, home) = (Site::start(), Site::off(), Home::new());
    target.answer_with(500);
    let hook = webhook("hook", &receiver.url("/"));
    home.write("all.yaml", &[settings(), web("web", &target.url("/")), hook, policy(&["hook"])]);
    let kuma = home.serve();
    kuma.incident("web", true);
    let waiting = delivery(&home, |delivery| {
        delivery["status"] == "pending" && delivery["lastError"].is_string()
    });
    assert!(waiting["lastError"].as_str().unwrap().contains("refused"), "{waiting}");
    receiver.answer_with(503);
    receiver.switch_on();
    delivery(&home, |delivery| {
        delivery["lastError"].as_str().is_some_and(|error| error.contains("503"))
    });
    receiver.answer_with(200);
    let sent = delivery(&home, |delivery| delivery["status"] == "sent");
    assert!(sent["attempts"].as_u64() > Some(1), "{sent}");
    let told = receiver.told("web", "down");
    let keys: std::collections::BTreeSet<_> =
        told.iter().map(|request| request.header("webhook-id").unwrap()).collect();
    assert_eq!(keys, [sent["key"].as_str().unwrap()].into(), "one key however often it was tried");
    receiver.switch_off();
}

#[test]
fn a_message_that_is_refused_for_good_is_a_dead_letter_until_its_provider_changes() {
    let (target, receiver, home) = (Site::start(), Site::start(), Home::new());
    target.answer_with(500);
    receiver.answer_with(404);
    home.write("all.yaml", &[settings(), web("web", &target.url("/")), policy(&["hook"])]);
    home.write("hook.yaml", &[webhook("hook", &receiver.url("/wrong"))]);
    let kuma = home.serve();
    kuma.incident("web", true);
    let dead = delivery(&home, |delivery| delivery["status"] == "failed");
    assert!(dead["lastError"].as_str().unwrap().contains("404"), "{dead}");
    let shown = home.run(&["incidents", "--deliveries"]);
    assert!(shown.out.contains("failed") && shown.out.contains("404"), "{}", shown.out);

    receiver.answer_with(200);
    home.write("hook.yaml", &[webhook("hook", &receiver.url("/right"))]);
    let sent = delivery(&home, |delivery| delivery["status"] == "sent");
    assert_eq!(sent["key"], dead["key"]);
    assert_eq!(receiver.hears("web", "down").path, "/wrong");
    assert_eq!(receiver.requests().last().unwrap().path, "/right");
}

#[test]
fn a_receiver_that_may_not_be_asked_is_told_nothing_and_its_author_why() {
    let (target, home) = (Site::start(), Home::new());
    target.answer_with(500);
    let hook = webhook("hook", "http://169.254.169.254/latest/meta-data");
    home.write("all.yaml", &[settings(), web("web", &target.url("/")), hook, policy(&["hook"])]);
    let checked = home.run(&["validate", "config"]);
    let said = format!("{}{}", checked.out, checked.err);
    assert!(said.contains("so no message is sent there"), "{said}");
    let kuma = home.serve();
    kuma.incident("web", true);
    let dead = delivery(&home, |delivery| delivery["status"] == "failed");
    assert_eq!(dead["attempts"], 1, "{dead}");
    let error = dead["lastError"].as_str().unwrap();
    assert!(error.contains("it is a cloud's metadata service"), "{error}");
}

#[test]
fn a_test_message_is_sent_on_creation_and_on_change_but_not_at_a_restart() {
    let (receiver, home) = (Site::start(), Home::new());
    let write = |path: &str| {
        let mut hook = webhook("hook", &receiver.url(path));
        hook["spec"]["sendTestMessage"] = true.into();
        home.write("all.yaml", &[settings(), hook]);
    };
    let paths =
        || -> Vec<String> { receiver.requests().into_iter().map(|request| request.path).collect() };
    let come = |wanted: &[&str]| {
        until(
            "the test messages",
            || if paths() == wanted { Ok(()) } else { Err(paths().join(" ")) },
        );
    };
    write("/one");
    let kuma = home.serve();
    come(&["/one"]);
    kuma.stop();
    let kuma = home.serve();
    health(&kuma, 1.0);
    assert_eq!(paths(), ["/one"], "verified, not told");
    write("/two");
    come(&["/one", "/two"]);
    kuma.stop();
}

#[test]
fn a_provider_is_verified_without_a_message_and_again_when_its_secret_changes() {
    let (receiver, home) = (Site::start(), Home::new());
    let hook = provider("hook", "webhook", json!({"urlSecretRef": {"name": "to", "key": "url"}}));
    home.write("all.yaml", &[settings(), hook]);
    let kuma = home.serve();
    health(&kuma, 0.0);
    home.write("secret.yaml", &[secret("to", json!({"url": receiver.url("/")}))]);
    health(&kuma, 1.0);
    assert!(receiver.requests().is_empty());
    kuma.stop();
}

/// Waits until the one provider is shown so.
fn health(kuma: &Kuma, wanted: f64) {
    until("the provider's health", || {
        let shown = kuma.series("kubekuma_provider_healthy{");
        if shown == Some(wanted) { Ok(()) } else { Err(format!("{shown:?}")) }
    });
}
