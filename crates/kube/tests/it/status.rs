//! The writer of statuses against an API server that refuses, forgets and conflicts. What the server
//! got is looked at, not what the writer believes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kuma_core::id::ObjectKey;
use kuma_core::stats::Stats as _;
use kuma_kube::status::{Answers, StatusWriter};
use kuma_kube::watch::{ClusterSource, Options, Scope};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::fake::Fake;
use crate::kit::{PATIENCE, TestClock, cluster, key, monitor};

/// What statuses should say; an object that is not named is not ours.
#[derive(Default)]
struct Wanted {
    statuses: Mutex<BTreeMap<ObjectKey, Value>>,
    told: Mutex<Vec<(ObjectKey, Value)>>,
    /// Whose status was asked for.
    asked: Mutex<BTreeSet<ObjectKey>>,
}

impl Answers for Wanted {
    fn ours(&self) -> Vec<ObjectKey> {
        self.statuses.lock().unwrap().keys().cloned().collect()
    }

    fn is_ours(&self, key: &ObjectKey) -> bool {
        self.statuses.lock().unwrap().contains_key(key)
    }

    fn status(&self, key: &ObjectKey, _: &Value) -> Option<Value> {
        self.asked.lock().unwrap().insert(key.clone());
        self.statuses.lock().unwrap().get(key).cloned()
    }

    fn members(&self) -> u64 {
        1
    }

    fn written(&self, key: &ObjectKey, _: &str, _: &Value, after: &Value) {
        self.told.lock().unwrap().push((key.clone(), after.clone()));
    }
}

/// A writer that sees the objects of a server by its watches, as in the product.
struct Case {
    fake: Fake,
    wanted: Arc<Wanted>,
    writer: Arc<StatusWriter>,
    stop: CancellationToken,
    _source: ClusterSource,
}

impl Case {
    async fn new(fake: Fake, names: &[&str]) -> Self {
        for name in names {
            fake.put("monitors", monitor(name, 1));
        }
        let cluster = cluster(&fake).await;
        let clock = Arc::new(TestClock(Instant::now()));
        let writer = Arc::new(StatusWriter::new(cluster.client.clone(), clock));
        let options = Options {
            scope: Scope::Cluster,
            system_namespace: "kubekuma".to_owned(),
            observer: Some(writer.clone()),
        };
        let stop = CancellationToken::new();
        let source = ClusterSource::start(&cluster, options, &stop);
        let wanted = Arc::new(Wanted::default());
        let (running, answers, until) = (writer.clone(), wanted.clone(), stop.clone());
        tokio::spawn(async move { running.run(answers, until).await });
        Self { fake, wanted, writer, stop, _source: source }
    }

    fn want(&self, name: &str, state: &str) {
        let status = json!({"lastResult": {"state": state}, "uptime": {"last1h": 99.5}});
        self.wanted.statuses.lock().unwrap().insert(key(name), status);
        self.writer.touch(key(name));
    }

    fn said(&self, name: &str) -> Value {
        let object = self.fake.get("monitors", "shop", name).unwrap_or_default();
        object.get("status").cloned().unwrap_or_default()
    }

    async fn until_said(&self, name: &str, state: &str) {
        self.until(|case| case.said(name)["lastResult"]["state"] == json!(state)).await;
    }

    async fn until(&self, done: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !done(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("it never came");
    }

    /// How often a write failed.
    fn failed(&self) -> f64 {
        let samples = self.writer.samples();
        samples.iter().find(|it| it.name == "status_writes_failed").unwrap().value
    }

    /// How often the status of an object was sent.
    fn sent(&self, name: &str) -> usize {
        let write = format!("patch monitors/{name}/status");
        self.fake.requests().iter().filter(|request| **request == write).count()
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test]
async fn a_transition_is_written_once_and_told() {
    let case = Case::new(Fake::start().await, &["web"]).await;
    case.want("web", "up");
    case.until_said("web", "up").await;
    case.want("web", "down");
    case.until_said("web", "down").await;
    case.until(|case| case.wanted.told.lock().unwrap().len() == 2).await;
    // The watch brings both back, late; neither is an answer to write again.
    case.want("web", "down");
    case.want("other", "up");
    case.fake.put("monitors", monitor("other", 1));
    case.until_said("other", "up").await;
    assert_eq!(case.sent("web"), 2);
}

#[tokio::test]
async fn a_new_monitor_and_its_first_result_are_one_write() {
    let case = Case::new(Fake::start().await, &["web", "quiet"]).await;
    case.want("web", "pending");
    case.want("quiet", "pending");
    case.until(|case| case.wanted.asked.lock().unwrap().contains(&key("web"))).await;
    case.want("web", "up");
    case.until_said("web", "up").await;
    assert_eq!(case.sent("web"), 1);
    // Without a result it is told after a while that the monitor is there.
    case.until_said("quiet", "pending").await;
}

#[tokio::test]
async fn a_refused_status_holds_no_other_up_and_is_written_when_its_object_changes() {
    let case = Case::new(Fake::start().await, &["bad", "good"]).await;
    case.fake.refuse("bad", true);
    case.want("bad", "up");
    case.until(|case| case.sent("bad") == 1).await;
    let begun = Instant::now();
    for state in ["up", "down", "up", "down"] {
        case.want("good", state);
        case.until_said("good", state).await;
    }
    assert_eq!(case.sent("bad"), 1, "after {:?}", begun.elapsed());
    case.fake.refuse("bad", false);
    case.fake.put("monitors", monitor("bad", 2));
    case.until_said("bad", "up").await;
}

#[tokio::test]
async fn what_rbac_forbids_for_a_kind_is_tried_once_for_all_of_it() {
    let fake = Fake::start().await;
    fake.forbid("patch", "monitors", true);
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let case = Case::new(fake, &names).await;
    for name in names {
        case.want(name, "up");
    }
    case.until(|case| case.fake.requests().iter().any(|it| it.ends_with("/status"))).await;
    case.fake.forbid("patch", "monitors", false);
    for name in names {
        case.until_said(name, "up").await;
    }
    let sent: usize = names.iter().map(|name| case.sent(name)).sum();
    assert!(sent <= names.len() + 4, "{sent}: no more are refused than are under way at once");
}

#[tokio::test]
async fn a_field_of_another_manager_is_left_to_it_and_the_rest_is_written() {
    let fake = Fake::start().await;
    fake.own_state("web", json!("theirs"));
    let case = Case::new(fake, &["web"]).await;
    case.want("web", "up");
    case.until(|case| case.said("web")["uptime"] == json!({"last1h": 99.5})).await;
    assert_eq!(case.said("web")["lastResult"]["state"], json!("theirs"));
    assert_eq!(case.sent("web"), 2, "one that conflicts and one without the field");
    // Ours differs from theirs for good: that is nothing to write about.
    case.want("web", "down");
    case.fake.put("monitors", monitor("other", 1));
    case.want("other", "up");
    case.until_said("other", "up").await;
    assert_eq!(case.sent("web"), 2);
}

#[tokio::test]
async fn what_changed_while_the_server_was_away_is_written_as_it_is_in_the_end() {
    let case = Case::new(Fake::start().await, &["a", "b"]).await;
    case.want("a", "up");
    case.until_said("a", "up").await;
    case.fake.cut(true);
    for (tried, state) in [(1.0, "down"), (2.0, "up"), (3.0, "down")] {
        case.want("a", state);
        case.want("b", state);
        case.until(|case| case.failed() >= tried).await;
    }
    case.fake.cut(false);
    case.until_said("a", "down").await;
    case.until_said("b", "down").await;
    assert_eq!((case.sent("a"), case.sent("b")), (2, 1));
}

#[tokio::test]
async fn an_object_that_took_the_place_of_another_gets_its_own_status() {
    let case = Case::new(Fake::start().await, &["web"]).await;
    case.want("web", "up");
    case.until_said("web", "up").await;
    case.fake.delete("monitors", "shop", "web");
    case.want("web", "down");
    case.fake.put("monitors", monitor("web", 2));
    case.until_said("web", "down").await;
}

#[tokio::test]
async fn what_somebody_else_changed_is_set_right() {
    let case = Case::new(Fake::start().await, &["web"]).await;
    case.want("web", "up");
    case.until_said("web", "up").await;
    let mut object = monitor("web", 1);
    object["status"] = json!({"lastResult": {"state": "wrong"}});
    case.fake.put("monitors", object);
    case.until_said("web", "up").await;
}
