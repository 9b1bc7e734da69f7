//! What is let through and what is refused, with which words.

use std::collections::BTreeMap;
use std::sync::Arc;

use kuma_api::read::{ReadContext, read_object};
use kuma_core::catalog::{BuildInput, Catalog, build};
use kuma_core::id::MonitorId;
use kuma_core::object::Origin;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::admission::answer;

pub(super) fn monitor(url: &str, interval: u32) -> Value {
    json!({
        "apiVersion": "monitoring.kubekuma.io/v1", "kind": "Monitor",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "generation": 1},
        "spec": {
            "type": "http", "schedule": {"intervalSeconds": interval}, "target": {"http": {"url": url}},
        },
    })
}

pub(super) fn review(operation: &str, object: &Value, old: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "review-1",
            "kind": {"group": "monitoring.kubekuma.io", "version": "v1", "kind": object["kind"]},
            "resource": {"group": "monitoring.kubekuma.io", "version": "v1", "resource": "monitors"},
            "name": "web", "namespace": "shop", "operation": operation,
            "userInfo": {"username": "somebody"}, "object": object, "oldObject": old, "dryRun": false,
        },
    })
}

fn ask_beside(review: &Value, catalog: Option<&Catalog>) -> Value {
    let bytes = serde_json::to_vec(review).unwrap();
    let answer = answer(&bytes, &ReadContext::default(), catalog).unwrap();
    let answer = serde_json::to_value(answer).unwrap();
    assert_eq!(answer["response"]["uid"], review["request"]["uid"]);
    assert_eq!(answer["kind"], "AdmissionReview");
    answer["response"].clone()
}

fn ask(review: &Value) -> Value {
    ask_beside(review, None)
}

#[test]
fn an_object_that_can_run_is_let_through() {
    let verdict = ask(&review("CREATE", &monitor("https://shop.example.com", 60), &Value::Null));
    assert_eq!((&verdict["allowed"], verdict.get("warnings")), (&json!(true), None));
}

#[test]
fn a_refusal_names_every_problem_with_its_path_and_what_would_be_right() {
    let mut object = monitor("ftp://shop.example.com", 60);
    object["spec"]["successCriteria"] =
        json!({"http": {"headerMatches": [{"name": "a", "regex": "("}]}});
    object["metadata"]["annotations"] = json!({"a": "b\u{1b}[2J"});
    let verdict = ask(&review("CREATE", &object, &Value::Null));
    assert_eq!(verdict["allowed"], json!(false));
    assert_eq!(verdict["status"]["code"], json!(422));
    assert_eq!(verdict["status"]["details"]["causes"][0]["field"], "spec.target.http.url");
    insta::assert_snapshot!(verdict["status"]["message"].as_str().unwrap(), @r"
    Monitor shop/web cannot be used:
      spec.target.http.url: the address has the wrong scheme (found ftp); begin it with http:// or https://
      spec.successCriteria.http.headerMatches[0].regex: this regular expression cannot be used: unclosed group (found (); use RE2 syntax, which has no look-around and no back-references
    ");
}

#[test]
fn a_warning_lets_through_and_is_said() {
    let object = json!({
        "apiVersion": "monitoring.kubekuma.io/v1", "kind": "Monitor",
        "metadata": {"name": "job", "namespace": "shop"},
        "spec": {"type": "push", "target": {"push": {"token": "hunter2-hunter2-hunter2"}}},
    });
    let verdict = ask(&review("CREATE", &object, &Value::Null));
    assert_eq!(verdict["allowed"], json!(true));
    let warning = verdict["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("spec.target.push.token: ") && !warning.contains("hunter2"),
        "{warning}"
    );
}

#[test]
fn what_was_wrong_before_can_still_be_changed_elsewhere() {
    let wrong = monitor("ftp://shop.example.com", 60);
    let mut labelled = wrong.clone();
    labelled["metadata"]["labels"] = json!({"team": "a"});
    let verdict = ask(&review("UPDATE", &labelled, &wrong));
    assert_eq!(verdict["allowed"], json!(true));
    assert!(verdict["warnings"][0].as_str().unwrap().starts_with("spec.target.http.url"));
    let worse = monitor("gopher://shop.example.com", 60);
    assert_eq!(ask(&review("UPDATE", &worse, &wrong))["allowed"], json!(false));
    assert_eq!(ask(&review("UPDATE", &wrong, &monitor("http://a", 60)))["allowed"], json!(false));
}

#[test]
fn what_is_not_ours_to_judge_is_let_through() {
    let wrong = monitor("ftp://shop.example.com", 60);
    assert_eq!(ask(&review("DELETE", &wrong, &wrong))["allowed"], json!(true));
    let mut status = review("UPDATE", &wrong, &Value::Null);
    status["request"]["subResource"] = json!("status");
    assert_eq!(ask(&status)["allowed"], json!(true));
    let mut leaving = wrong.clone();
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(ask(&review("UPDATE", &leaving, &Value::Null))["allowed"], json!(true));
    let mut foreign = review(
        "CREATE",
        &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}),
        &Value::Null,
    );
    foreign["request"]["kind"]["group"] = json!("");
    assert_eq!(ask(&foreign)["allowed"], json!(true));
}

#[test]
fn a_name_that_is_still_to_be_made_is_no_mistake() {
    let mut object = monitor("http://shop.example.com", 60);
    object["metadata"] = json!({"generateName": "web-", "namespace": "shop"});
    assert_eq!(ask(&review("CREATE", &object, &Value::Null))["allowed"], json!(true));
}

fn catalog(objects: &[Value]) -> Catalog {
    let objects: BTreeMap<_, _> = objects
        .iter()
        .map(|value| {
            let object = read_object(value, Origin::Store, &ReadContext::default()).object.unwrap();
            (object.key.clone(), object)
        })
        .collect();
    build(BuildInput {
        objects: &objects,
        reports: &BTreeMap::new(),
        system_namespace: "kubekuma",
        ids: &|_| MonitorId(1),
        version: 1,
    })
}

#[test]
fn limits_of_the_settings_names_and_slugs_count_too() {
    let kind = |kind: &str, name: &str, spec: &Value| {
        json!({
            "apiVersion": "monitoring.kubekuma.io/v1", "kind": kind,
            "metadata": {"name": name, "namespace": "shop"}, "spec": spec,
        })
    };
    let mut settings =
        kind("KubeKumaSettings", "kubekuma", &json!({"scheduler": {"minIntervalSeconds": 30}}));
    settings["metadata"].as_object_mut().unwrap().shift_remove("namespace");
    let set = kind(
        "MonitorSet",
        "many",
        &json!({"items": [
            {"name": "one", "type": "tcp", "target": {"tcp": {"host": "a", "port": 1}}},
        ]}),
    );
    let page = kind("StatusPage", "status", &json!({"slug": "shop", "title": "Shop"}));
    let catalog = catalog(&[settings, set, page, monitor("http://a", 60)]);
    let ask = |object: &Value| ask_beside(&review("CREATE", object, &Value::Null), Some(&catalog));
    let message =
        |verdict: &Value| verdict["status"]["message"].as_str().unwrap_or_default().to_owned();

    let verdict = ask(&monitor("http://a", 20));
    assert!(
        message(&verdict).contains("spec.schedule.intervalSeconds: the interval is shorter"),
        "{verdict}"
    );
    assert_eq!(ask(&monitor("http://a", 30))["allowed"], json!(true));
    let verdict = ask(&kind("StatusPage", "other", &json!({"slug": "shop", "title": "Shop"})));
    assert!(message(&verdict).contains("spec.slug: the slug is taken by shop/status"), "{verdict}");
    let mut same = monitor("http://a", 60);
    same["metadata"]["name"] = json!("many-one");
    let verdict = ask(&same);
    assert_eq!(verdict["allowed"], json!(true));
    assert!(verdict["warnings"][0].as_str().unwrap().contains("MonitorSet many"), "{verdict}");
    let clash = kind(
        "MonitorSet",
        "we",
        &json!({"items": [
            {"name": "b", "type": "tcp", "target": {"tcp": {"host": "a", "port": 1}}},
        ]}),
    );
    assert_eq!(ask(&clash)["allowed"], json!(true));
}

#[test]
fn what_is_no_review_is_said_to_be_none() {
    for bytes in [
        &b""[..],
        b"{}",
        b"[]",
        b"\xff",
        br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#,
    ] {
        assert!(answer(bytes, &ReadContext::default(), None).is_err());
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let key = prop_oneof![
            "[a-z]{1,6}",
            proptest::sample::select(vec![
                "type", "target", "http", "url", "spec", "metadata", "name", "items"
            ])
            .prop_map(str::to_owned),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_review_makes_it_panic(spec in any_json(), kind in proptest::sample::select(vec!["Monitor", "MonitorSet", "StatusPage", "Silence", "Nonsense"])) {
        let object = json!({"apiVersion": "monitoring.kubekuma.io/v1", "kind": kind, "metadata": {"name": "a", "namespace": "b"}, "spec": spec});
        let catalog = Arc::new(Catalog::default());
        let verdict = ask_beside(&review("UPDATE", &object, &object), Some(&catalog));
        // What was there before is not refused for what it was before.
        prop_assert_eq!(&verdict["allowed"], &json!(true));
        let verdict = ask(&review("CREATE", &object, &Value::Null));
        if verdict["allowed"] == json!(false) {
            prop_assert!(verdict["status"]["message"].as_str().unwrap().len() < 20_000);
        }
        let _ = answer(spec.to_string().as_bytes(), &ReadContext::default(), None);
    }
}
