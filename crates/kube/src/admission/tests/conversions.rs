//! The way to a later version, tested with one that does not exist: in `v2test` a Monitor has
//! `every: 60s` in place of `schedule.intervalSeconds`.

use kuma_core::id::Kind;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::admission::{ConversionError, Conversions};

fn to_v1(mut object: Value) -> Result<Value, String> {
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else {
        return Ok(object);
    };
    if let Some(every) = spec.shift_remove("every") {
        let seconds: Option<u32> =
            every.as_str().and_then(|text| text.strip_suffix('s')?.parse().ok());
        let seconds =
            seconds.ok_or_else(|| format!("spec.every: {every} is no number of seconds"))?;
        spec.insert("schedule".to_owned(), json!({"intervalSeconds": seconds}));
    }
    Ok(object)
}

fn from_v1(mut object: Value) -> Result<Value, String> {
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else {
        return Ok(object);
    };
    if let Some(schedule) = spec.shift_remove("schedule") {
        let seconds = schedule["intervalSeconds"].as_u64();
        let seconds =
            seconds.ok_or("spec.schedule: v2test has no other fields than the interval")?;
        spec.insert("every".to_owned(), json!(format!("{seconds}s")));
    }
    Ok(object)
}

pub(super) fn table() -> Conversions {
    Conversions::new().with(Kind::Monitor, "v2test", to_v1, from_v1)
}

fn v1(seconds: u32) -> Value {
    json!({
        "apiVersion": "monitoring.kubekuma.io/v1", "kind": "Monitor",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "labels": {"a": "b"}},
        "spec": {"type": "tcp", "schedule": {"intervalSeconds": seconds}},
        "status": {"nextRunAt": "2026-01-01T00:00:00Z"},
    })
}

const V2: &str = "monitoring.kubekuma.io/v2test";
const V1: &str = "monitoring.kubekuma.io/v1";

#[test]
fn an_object_goes_to_another_version_and_back() {
    let there = table().convert(v1(60), V2).unwrap();
    assert_eq!(there["apiVersion"], V2);
    assert_eq!(there["spec"], json!({"type": "tcp", "every": "60s"}));
    assert_eq!(there["metadata"], v1(60)["metadata"]);
    assert_eq!(table().convert(there, V1).unwrap(), v1(60));
    assert_eq!(table().convert(v1(60), V1).unwrap(), v1(60));
}

#[test]
fn what_cannot_be_converted_says_why() {
    let told = |result: Result<Value, ConversionError>| result.unwrap_err().to_string();
    assert_eq!(
        told(table().convert(v1(60), "monitoring.kubekuma.io/v3")),
        "there is no version `v3` of Monitor; the versions are v1, v2test"
    );
    assert_eq!(
        told(table().convert(json!({"apiVersion": "v1", "kind": "Pod"}), V1)),
        "v1 Pod is no object of monitoring.kubekuma.io"
    );
    assert_eq!(
        told(table().convert(v1(1), "apps/v1")),
        "apps/v1 is no object of monitoring.kubekuma.io"
    );
    let odd = json!({"apiVersion": V2, "kind": "Monitor", "metadata": {"name": "web"}, "spec": {"every": "soon"}});
    assert_eq!(
        told(table().convert(odd, V1)),
        "Monitor web cannot be converted from v2test to v1: spec.every: \"soon\" is no number of seconds"
    );
}

#[test]
fn a_conversion_cannot_change_whose_object_it_is() {
    let thief: fn(Value) -> Result<Value, String> = |mut object| {
        object["metadata"] = json!({"name": "other", "uid": "x", "annotations": {"was": "v1"}});
        Ok(object)
    };
    let table = Conversions::new().with(Kind::Monitor, "v2test", thief, thief);
    let converted = table.convert(v1(60), V2).unwrap();
    assert_eq!(
        converted["metadata"],
        json!({"name": "web", "namespace": "shop", "uid": "u", "annotations": {"was": "v1"}})
    );
    let nothing: fn(Value) -> Result<Value, String> = |_| Ok(Value::Null);
    let table = Conversions::new().with(Kind::Monitor, "v2test", nothing, nothing);
    assert!(table.convert(v1(60), V2).is_err());
}

pub(super) fn review(to: &str, objects: &[Value]) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
        "request": {"uid": "review-2", "desiredAPIVersion": to, "objects": objects},
    })
}

#[test]
fn a_review_converts_all_of_its_objects_or_none() {
    let ask = |review: &Value| {
        let answer = table().answer(review.to_string().as_bytes()).unwrap();
        serde_json::to_value(answer).unwrap()["response"].clone()
    };
    let response = ask(&review(V2, &[v1(60), v1(30)]));
    assert_eq!(
        (&response["uid"], &response["result"]["status"]),
        (&json!("review-2"), &json!("Success"))
    );
    assert_eq!(response["convertedObjects"][1]["spec"]["every"], "30s");
    let response = ask(&review(V2, &[v1(60), json!({"apiVersion": V1, "kind": "Nonsense"})]));
    assert_eq!(
        (&response["result"]["status"], &response["convertedObjects"]),
        (&json!("Failure"), &json!([]))
    );
    assert!(table().answer(b"{}").is_err());
}

proptest! {
    #[test]
    fn every_interval_survives_the_way_there_and_back(seconds in any::<u32>()) {
        let there = table().convert(v1(seconds), V2).unwrap();
        prop_assert_eq!(table().convert(there, V1).unwrap(), v1(seconds));
    }
}
