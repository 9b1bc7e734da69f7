//! The watches: bursts, pages, cut connections, lost history, refusals.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use kuma_core::id::ObjectKey;
use kuma_core::source::Change;
use kuma_kube::watch::{ClusterSource, Observed, Observer, Options, Scope};
use tokio_util::sync::CancellationToken;

use crate::fake::Fake;
use crate::kit::{PATIENCE, cluster, key, monitor, source, until};

#[tokio::test]
async fn objects_come_change_and_go() {
    let fake = Fake::start().await;
    fake.put("monitors", monitor("first", 80));
    let source = source(&fake).await;
    assert!(source.synced_within(PATIENCE).await && source.synced());
    assert_eq!(source.remarks(), [""; 0]);
    let first = source.take();
    assert_eq!(first.seen.len(), 1);
    assert!(first.snapshot.objects.contains_key(&key("first")));

    fake.put("monitors", monitor("second", 80));
    let second = until(&source, |news| !news.seen.is_empty()).await;
    assert!(matches!(&second.seen[0].change, Change::Applied { new: true, .. }));
    fake.put("monitors", monitor("second", 0));
    let broken = until(&source, |news| !news.snapshot.invalid.is_empty()).await;
    assert!(broken.snapshot.invalid[&key("second")].last_valid_in_force);
    fake.delete("monitors", "shop", "first");
    let gone = until(&source, |news| !news.snapshot.objects.contains_key(&key("first"))).await;
    assert_eq!(gone.seen[0].change, Change::Deleted { key: key("first") });
    source.stop().await;
}

#[tokio::test]
async fn a_long_list_comes_in_pages_and_as_one_piece_of_news() {
    let fake = Fake::start().await;
    for number in 0..1200 {
        fake.put("monitors", monitor(&format!("m{number}"), 80));
    }
    let source = source(&fake).await;
    assert!(source.synced_within(PATIENCE).await);
    assert_eq!(source.take().seen.len(), 1200);
    let lists = fake.requests().iter().filter(|it| *it == "list monitors").count();
    assert_eq!(lists, 3);
}

#[tokio::test]
async fn a_lost_history_costs_a_list_and_tells_only_what_differs() {
    let fake = Fake::start().await;
    for number in 0..20 {
        fake.put("monitors", monitor(&format!("m{number}"), 80));
    }
    let source = source(&fake).await;
    assert!(source.synced_within(PATIENCE).await);
    source.take();

    fake.cut(true);
    until(&source, |_| !source.remarks().is_empty()).await;
    assert!(source.remarks()[0].contains("what was read last stays in force"));
    assert_eq!(source.snapshot().objects.len(), 20);
    fake.delete("monitors", "shop", "m1");
    fake.put("monitors", monitor("m2", 81));
    fake.put("monitors", monitor("new", 80));
    fake.compact();
    fake.cut(false);

    let mut seen = Vec::new();
    while seen.len() < 3 {
        let news = until(&source, |news| {
            assert!(news.snapshot.objects.len() >= 20, "nothing flickers");
            !news.seen.is_empty()
        });
        seen.extend(news.await.seen);
    }
    let changed: Vec<_> = seen.iter().map(|seen| &seen.change).collect();
    assert_eq!(changed.len(), 3, "{changed:?}");
    assert_eq!(source.snapshot().objects.len(), 20);
    while !source.remarks().is_empty() {
        tokio::time::timeout(PATIENCE, source.changed()).await.expect("it can be read again");
    }
}

#[tokio::test]
async fn what_is_refused_is_told_and_holds_nothing_up() {
    let fake = Fake::start().await;
    fake.forbid("list", "silences", true);
    fake.uninstall("statuspages", true);
    fake.put("monitors", monitor("web", 80));
    let source = source(&fake).await;
    assert!(source.synced_within(PATIENCE).await);
    let remarks = source.remarks();
    assert_eq!(remarks.len(), 2, "{remarks:?}");
    assert!(remarks[0].contains("does not know StatusPage; install deploy/crds"));
    assert!(remarks[1].contains("RBAC forbids reading Silence: add the rule"));
    assert_eq!(source.snapshot().objects.len(), 1);

    fake.forbid("list", "silences", false);
    fake.uninstall("statuspages", false);
    until(&source, |_| source.remarks().is_empty()).await;
    assert!(source.synced());
}

#[tokio::test]
async fn a_watch_that_alone_is_forbidden_is_told_too() {
    let fake = Fake::start().await;
    fake.forbid("watch", "monitors", true);
    fake.put("monitors", monitor("web", 80));
    let source = source(&fake).await;
    assert!(source.synced_within(PATIENCE).await);
    while source.remarks().is_empty() {
        tokio::time::timeout(PATIENCE, source.changed()).await.expect("it is told");
    }
    assert!(source.remarks()[0].contains("RBAC forbids reading Monitor"));
    fake.put("monitors", monitor("more", 80));
    fake.forbid("watch", "monitors", false);
    until(&source, |news| news.snapshot.objects.len() == 2).await;
    while !source.remarks().is_empty() {
        tokio::time::timeout(PATIENCE, source.changed()).await.expect("it is permitted");
    }
}

#[derive(Default)]
struct Statuses(Mutex<BTreeMap<ObjectKey, String>>);

impl Observer for Statuses {
    fn observed(&self, key: &ObjectKey, observed: &Observed<'_>) {
        let text = format!("{} {} {}", observed.uid, observed.generation, observed.status);
        self.0.lock().unwrap().insert(key.clone(), text);
    }

    fn gone(&self, key: &ObjectKey) {
        self.0.lock().unwrap().remove(key);
    }
}

#[tokio::test]
async fn who_writes_statuses_sees_them_pass_by() {
    let fake = Fake::start().await;
    let mut web = monitor("web", 80);
    web["status"] = serde_json::json!({"a": 1});
    fake.put("monitors", web);
    fake.put("monitors", monitor("gone", 80));
    let statuses = Arc::new(Statuses::default());
    let observer: Arc<dyn Observer> = statuses.clone();
    let options = Options {
        scope: Scope::Namespace("shop".to_owned()),
        system_namespace: "shop".to_owned(),
        observer: Some(observer),
    };
    let stop = CancellationToken::new();
    let source = ClusterSource::start(&cluster(&fake).await, options, &stop);
    assert!(source.synced_within(PATIENCE).await);
    assert_eq!(statuses.0.lock().unwrap()[&key("web")], "uid-web-1 80 {\"a\":1}");
    assert!(!source.snapshot().objects[&key("web")].raw.as_str().contains("status"));
    fake.delete("monitors", "shop", "gone");
    until(&source, |news| news.snapshot.objects.len() == 1).await;
    assert_eq!(statuses.0.lock().unwrap().len(), 1);
}
