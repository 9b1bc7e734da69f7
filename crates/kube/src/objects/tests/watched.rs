//! Lists and watches, and what an API server may do in the middle of them.

use std::collections::BTreeSet;
use std::time::Duration;

use kuma_core::check::kubernetes::{ClusterObjects, ObjectQuery, ObjectsError};
use kuma_core::stats::Stats;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::kit::{Api, Mood, TokioClock, deployment};
use crate::objects::ObjectWatches;
use crate::objects::state::MOST_OBJECTS;

/// Watches of these Deployments.
fn watching(api: &Api, names: &[&str]) -> ObjectWatches {
    let watches = ObjectWatches::new(api.client(), TokioClock::start());
    watches.sync(&names.iter().map(|name| deployment(name)).collect());
    watches
}

/// How many replicas of the Deployment are available; none without one.
async fn available(watches: &ObjectWatches, name: &str) -> Option<u64> {
    let found = watches.look(&deployment(name)).await.unwrap();
    found.first().map(|object| object["status"]["availableReplicas"].as_u64().unwrap())
}

/// The next change that is told.
async fn changed(watches: &ObjectWatches) -> BTreeSet<ObjectQuery> {
    timeout(Duration::from_secs(120), watches.changed()).await.expect("a change")
}

#[tokio::test(start_paused = true)]
async fn objects_are_listed_once_and_then_watched() {
    let api = Api::new();
    api.apply("web", 1);
    api.apply("other", 3);
    let watches = watching(&api, &["web"]);
    assert_eq!(available(&watches, "web").await, Some(1));
    assert_eq!(changed(&watches).await, BTreeSet::from([deployment("web")]));
    api.apply("web", 2);
    assert_eq!(changed(&watches).await, BTreeSet::from([deployment("web")]));
    assert_eq!(available(&watches, "web").await, Some(2));
    api.delete("web");
    changed(&watches).await;
    assert_eq!(available(&watches, "web").await, None);
    assert_eq!(api.asked(), ["list", "watch"]);
    let object = watches.look(&deployment("other")).await;
    assert!(matches!(object, Err(ObjectsError::NotSynced(_))), "nobody watches it: {object:?}");
}

#[tokio::test(start_paused = true)]
async fn an_object_has_kind_and_version_and_nothing_large() {
    let api = Api::new();
    api.apply("web", 1);
    let watches = watching(&api, &["web"]);
    let found = watches.look(&deployment("web")).await.unwrap();
    assert_eq!(
        *found[0],
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": 3}, "status": {"availableReplicas": 1}})
    );
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_too_old_is_read_anew_and_nothing_flickers() {
    let api = Api::new();
    api.apply("web", 1);
    let watches = watching(&api, &["web"]);
    available(&watches, "web").await;
    changed(&watches).await;
    api.shout(json!({"type": "ERROR", "object": {"kind": "Status", "status": "Failure", "message": "too old", "reason": "Expired", "code": 410}}));
    // Changed while nobody watches.
    while api.asked().len() < 3 {
        assert_eq!(available(&watches, "web").await, Some(1));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(api.asked()[..3], ["list", "watch", "list"]);
    api.apply("web", 2);
    changed(&watches).await;
    assert_eq!(available(&watches, "web").await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn missing_permission_names_the_rule_and_is_asked_for_again() {
    let api = Api::new();
    api.apply("web", 1);
    api.mood(Mood::Says(403));
    let watches = watching(&api, &["web"]);
    let refused = watches.look(&deployment("web")).await.unwrap_err();
    assert_eq!(
        refused,
        ObjectsError::Forbidden {
            group: "apps".to_owned(),
            resource: "deployments".to_owned(),
            namespace: Some("shop".to_owned()),
        }
    );
    changed(&watches).await;
    api.mood(Mood::Well);
    changed(&watches).await;
    assert_eq!(available(&watches, "web").await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_does_not_exist_is_told_from_one_that_is_not_for_tenants() {
    let api = Api::new();
    let watches = ObjectWatches::new(api.client(), TokioClock::start());
    let mut unknown = deployment("web");
    unknown.kind.kind = "Nonsense".to_owned();
    let mut elsewhere = deployment("web");
    elsewhere.kind.group = "nonsense.example".to_owned();
    let mut tenant = deployment("web");
    tenant.kind.kind = "ClusterThing".to_owned();
    tenant.cluster_scoped = false;
    watches.sync(&BTreeSet::from([unknown.clone(), elsewhere.clone(), tenant.clone()]));
    for query in [unknown, elsewhere] {
        let error = watches.look(&query).await.unwrap_err();
        assert_eq!(error, ObjectsError::UnknownKind(query.kind));
    }
    let error = watches.look(&tenant).await.unwrap_err();
    assert_eq!(error, ObjectsError::ClusterScoped("ClusterThing".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_was_never_there_is_waited_for_a_moment() {
    let api = Api::new();
    api.mood(Mood::Says(503));
    let watches = watching(&api, &["web"]);
    let began = Instant::now();
    let error = watches.look(&deployment("web")).await.unwrap_err();
    assert!(matches!(error, ObjectsError::Unavailable { .. }), "{error}");
    assert_eq!(began.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_ridden_out_for_a_minute_and_then_nothing_is_known() {
    let api = Api::new();
    api.apply("web", 1);
    let watches = watching(&api, &["web"]);
    available(&watches, "web").await;
    changed(&watches).await;
    api.mood(Mood::Says(503));
    api.shout(json!("the connection breaks"));
    let broke = Instant::now();
    while broke.elapsed() < Duration::from_secs(58) {
        assert_eq!(available(&watches, "web").await, Some(1));
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    let error = watches.look(&deployment("web")).await.unwrap_err();
    assert!(matches!(error, ObjectsError::Unavailable { .. }), "{error}");
    api.apply("web", 2);
    api.mood(Mood::Well);
    changed(&watches).await;
    assert_eq!(available(&watches, "web").await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn what_was_quiet_before_the_watch_broke_is_no_older_for_it() {
    let api = Api::new();
    api.apply("web", 1);
    let watches = watching(&api, &["web"]);
    available(&watches, "web").await;
    tokio::time::sleep(Duration::from_secs(80)).await;
    api.mood(Mood::Says(503));
    api.shout(json!("the connection breaks"));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(available(&watches, "web").await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_hangs_is_noticed_although_its_connections_stand() {
    let api = Api::new();
    api.apply("web", 1);
    let watches = watching(&api, &["web"]);
    available(&watches, "web").await;
    api.mood(Mood::Silent);
    tokio::time::sleep(Duration::from_secs(80)).await;
    assert_eq!(api.asked(), ["list", "watch"]);
    let error = watches.look(&deployment("web")).await.unwrap_err();
    assert!(error.to_string().contains("has not answered for"), "{error}");
    api.mood(Mood::Well);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(available(&watches, "web").await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_is_begun_anew_without_a_list() {
    let api = Api::new();
    api.apply("web", 1);
    let watches = watching(&api, &["web"]);
    available(&watches, "web").await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(api.asked(), ["list", "watch", "watch"]);
    assert_eq!(available(&watches, "web").await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn many_names_share_one_watch_that_keeps_only_those() {
    let api = Api::new();
    let names: Vec<String> = (0..1200).map(|it| format!("d{it}")).collect();
    for name in &names {
        api.apply(name, 1);
    }
    let watches = ObjectWatches::new(api.client(), TokioClock::start());
    watches.sync(&names[..20].iter().map(|name| deployment(name)).collect());
    assert_eq!(available(&watches, "d7").await, Some(1));
    assert_eq!(api.asked()[..4], ["list", "list", "list", "watch"], "three pages");
    let kept = watches.samples().into_iter().find(|it| it.name == "objects_watched").unwrap();
    assert!((kept.value - 20.0).abs() < f64::EPSILON);
}

#[tokio::test(start_paused = true)]
async fn more_than_is_kept_is_refused_with_a_number() {
    let api = Api::new();
    for it in 0..=MOST_OBJECTS {
        api.apply(&format!("d{it}"), 1);
    }
    let watches = ObjectWatches::new(api.client(), TokioClock::start());
    let mut all = deployment("");
    all.which = kuma_core::check::kubernetes::ObjectChoice::Labels("app".parse().unwrap());
    watches.sync(&BTreeSet::from([all.clone()]));
    let error = watches.look(&all).await.unwrap_err();
    assert!(matches!(error, ObjectsError::TooMany { most: MOST_OBJECTS, .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_looks_at_any_more_is_not_watched() {
    let api = Api::new();
    api.apply("web", 1);
    let watches = watching(&api, &["web", "other"]);
    available(&watches, "web").await;
    available(&watches, "other").await;
    watches.sync(&BTreeSet::from([deployment("web")]));
    let standing = |name: &str| {
        let samples = watches.samples();
        let labels = [("state", name.to_owned())];
        samples.iter().find(|it| it.labels == labels).unwrap().value
    };
    assert!((standing("live") - 1.0).abs() < f64::EPSILON);
    // The one that stayed was not disturbed: it was listed once.
    assert_eq!(available(&watches, "web").await, Some(1));
    assert_eq!(api.asked().iter().filter(|it| *it == "list").count(), 2);
    watches.sync(&BTreeSet::new());
    assert!(standing("live").abs() < f64::EPSILON);
}
