//! The index, driven as a watch drives it.

mod kit;
mod properties;

use kuma_api::read::ReadContext;
use kuma_core::id::Kind;
use kuma_core::object::{Body, Severity};
use kuma_core::source::Change;
use serde_json::json;

use kit::{Cluster, kept, key, monitor, revived};

use super::*;

#[test]
fn an_object_comes_changes_and_goes() {
    let mut cluster = Cluster::default();
    let came = cluster.apply(monitor("web", 80)).unwrap();
    assert_eq!(came.actor.as_deref(), Some("kubectl"));
    assert_eq!(came.change, Change::Applied { key: key("web"), paths: Vec::new(), new: true });

    let changed = cluster.apply(monitor("web", 81)).unwrap();
    let paths = vec!["spec.target.tcp.port".to_owned()];
    assert_eq!(changed.change, Change::Applied { key: key("web"), paths, new: false });

    let gone = cluster.index.delete(&key("web")).unwrap();
    assert_eq!(gone, Seen { change: Change::Deleted { key: key("web") }, actor: None });
    assert!(cluster.index.snapshot().objects.is_empty());
    assert_eq!(cluster.index.delete(&key("web")), None);
}

#[test]
fn what_only_the_api_server_or_a_status_changes_is_no_change() {
    let mut cluster = Cluster::default();
    cluster.apply(monitor("web", 80));
    let mut touched = monitor("web", 80);
    touched.metadata.resource_version = Some("999".to_owned());
    touched.metadata.managed_fields = None;
    let notes = touched.metadata.annotations.get_or_insert_default();
    notes.insert("kubectl.kubernetes.io/last-applied-configuration".to_owned(), "{}".to_owned());
    touched.data["status"] = json!({"lastResult": {"state": "down"}});
    assert_eq!(cluster.apply(touched), None);
    let snapshot = cluster.index.snapshot();
    let object = &snapshot.objects[&key("web")];
    assert_eq!(object.raw.field("status"), None);
    assert!(object.meta.annotations.is_empty(), "{:?}", object.meta);
}

#[test]
fn what_did_not_change_is_not_even_read() {
    let mut cluster = Cluster::default();
    let mut noted = monitor("web", 80);
    noted.metadata.labels = Some([("team".to_owned(), "a".to_owned())].into());
    noted.metadata.annotations = Some([("note".to_owned(), "b".to_owned())].into());
    cluster.apply(noted.clone());
    let held = cluster.index.held(&key("web"));
    let verdict = |object| {
        let received = Received::custom(Kind::Monitor, object);
        judge(received, held.as_ref(), &ReadContext::default()).verdict
    };
    assert!(matches!(verdict(noted.clone()), Verdict::Same));
    noted.metadata.generation = Some(81);
    assert!(matches!(verdict(noted), Verdict::Usable(..)));
    assert!(matches!(verdict(monitor("web", 80)), Verdict::Usable(..)));
}

#[test]
fn labels_and_annotations_of_people_are_a_change() {
    let mut cluster = Cluster::default();
    cluster.apply(monitor("web", 80));
    let mut labelled = monitor("web", 80);
    labelled.metadata.labels = Some([("team".to_owned(), "a".to_owned())].into());
    let Change::Applied { paths, .. } = cluster.apply(labelled).unwrap().change else {
        panic!("it was applied");
    };
    assert_eq!(paths, ["metadata.labels"]);
}

#[test]
fn a_new_generation_of_the_same_words_is_told_for_the_sake_of_statuses() {
    let mut cluster = Cluster::default();
    cluster.apply(monitor("web", 80));
    let mut again = monitor("web", 80);
    again.metadata.generation = Some(1081);
    let change = cluster.apply(again).unwrap().change;
    assert_eq!(change, Change::Applied { key: key("web"), paths: Vec::new(), new: false });
    assert_eq!(cluster.index.snapshot().objects[&key("web")].meta.generation, 1081);
}

#[test]
fn an_invalid_object_keeps_its_last_valid_version() {
    let mut cluster = Cluster::default();
    cluster.apply(monitor("web", 80));
    let rejected = cluster.apply(monitor("web", 0)).unwrap();
    assert!(matches!(&rejected.change, Change::Rejected { problems, .. } if !problems.is_empty()));
    assert_eq!(rejected.actor.as_deref(), Some("kubectl"));
    // The same problems again are no news.
    let mut touched = monitor("web", 0);
    touched.metadata.resource_version = Some("999".to_owned());
    assert_eq!(cluster.apply(touched), None);

    let snapshot = cluster.index.snapshot();
    assert!(snapshot.invalid[&key("web")].last_valid_in_force);
    assert_eq!(snapshot.objects[&key("web")].meta.generation, 80);

    // Back to what is in force: the object can be used again, and somebody has to hear of it.
    let mended = cluster.apply(monitor("web", 80)).unwrap();
    assert_eq!(mended.change, Change::Applied { key: key("web"), paths: Vec::new(), new: false });
    assert!(cluster.index.snapshot().invalid.is_empty());
}

#[test]
fn an_object_that_was_never_valid_is_known_and_can_be_deleted() {
    let mut cluster = Cluster::default();
    cluster.apply(monitor("web", 0));
    assert!(!cluster.index.snapshot().invalid[&key("web")].last_valid_in_force);
    let gone = cluster.index.delete(&key("web")).unwrap();
    assert_eq!(gone.change, Change::Deleted { key: key("web") });
    assert!(cluster.index.snapshot().invalid.is_empty());
}

#[test]
fn what_the_store_kept_stays_in_force_until_the_list_is_complete() {
    let mut before = Cluster::default();
    before.apply(monitor("broken", 80));
    before.apply(monitor("gone", 80));
    before.apply(monitor("same", 80));
    let mut cluster = Cluster::default();
    cluster.index.adopt(Vec::new(), kept(&before), revived);
    assert!(cluster.index.held(&key("same")).is_none(), "it is judged anew after an upgrade");
    cluster.index.begin_relist(Kind::Monitor);
    assert!(matches!(cluster.apply(monitor("broken", 0)).unwrap().change, Change::Rejected { .. }));
    assert_eq!(cluster.apply(monitor("same", 80)), None);
    assert_eq!(cluster.index.snapshot().objects.len(), 3);
    let gone = cluster.index.finish_relist(Kind::Monitor);
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].change, Change::Deleted { key: key("gone") });
    assert!(cluster.index.snapshot().invalid[&key("broken")].last_valid_in_force);
}

#[test]
fn what_a_standby_heard_is_news_only_where_it_differs_from_the_store() {
    let mut before = Cluster::default();
    for name in ["same", "changed", "gone", "broken"] {
        before.apply(monitor(name, 80));
    }
    let mut cluster = Cluster::default();
    cluster.index.begin_relist(Kind::Monitor);
    let told = [("same", 80), ("changed", 81), ("broken", 0), ("new", 80)];
    let mut heard: Vec<Seen> =
        told.iter().filter_map(|(name, port)| cluster.apply(monitor(name, *port))).collect();
    heard.extend(cluster.index.finish_relist(Kind::Monitor));
    assert_eq!(heard.len(), 4);
    assert!(!cluster.index.snapshot().objects.contains_key(&key("broken")));

    let news = cluster.index.adopt(heard, kept(&before), revived);
    let [changed, rejected, new, gone] = &news[..] else { panic!("{news:?}") };
    let paths = vec!["spec.target.tcp.port".to_owned()];
    assert_eq!(changed.change, Change::Applied { key: key("changed"), paths, new: false });
    assert_eq!(changed.actor.as_deref(), Some("kubectl"));
    assert!(matches!(&rejected.change, Change::Rejected { key: it, .. } if *it == key("broken")));
    assert_eq!(new.change, Change::Applied { key: key("new"), paths: Vec::new(), new: true });
    assert_eq!(gone.change, Change::Deleted { key: key("gone") });
    let snapshot = cluster.index.snapshot();
    assert!(snapshot.invalid[&key("broken")].last_valid_in_force);
    assert_eq!(snapshot.objects[&key("broken")].meta.generation, 80);
}

#[test]
fn what_could_not_be_taken_over_stays_as_the_store_kept_it() {
    let mut before = Cluster::default();
    before.apply(monitor("web", 80));
    let mut cluster = Cluster::default();
    cluster.index.begin_relist(Kind::Monitor);
    assert_eq!(cluster.index.apply(Judged::kept(key("web"))), None);
    assert!(cluster.index.finish_relist(Kind::Monitor).is_empty());
    assert!(cluster.index.adopt(Vec::new(), kept(&before), revived).is_empty());
    assert!(cluster.index.snapshot().objects.contains_key(&key("web")));
}

#[test]
fn a_complete_list_is_trusted_and_one_that_broke_off_deletes_nothing() {
    let mut cluster = Cluster::default();
    for number in 0..20 {
        cluster.apply(monitor(&format!("m{number}"), 80));
    }
    cluster.index.begin_relist(Kind::Monitor);
    assert_eq!(cluster.apply(monitor("m0", 80)), None);
    // It breaks off, and the next one begins.
    cluster.index.begin_relist(Kind::Monitor);
    assert_eq!(cluster.apply(monitor("m1", 80)), None);
    assert_eq!(cluster.index.snapshot().objects.len(), 20);
    assert_eq!(cluster.index.finish_relist(Kind::Monitor).len(), 19);
    assert_eq!(cluster.index.snapshot().objects.keys().collect::<Vec<_>>(), [&key("m1")]);
    // Without a list under way there is nothing to compare with.
    assert!(cluster.index.finish_relist(Kind::Monitor).is_empty());
}

#[test]
fn a_list_of_one_kind_says_nothing_about_others() {
    let mut cluster = Cluster::default();
    cluster.apply(monitor("web", 80));
    cluster.index.begin_relist(Kind::Silence);
    assert!(cluster.index.finish_relist(Kind::Silence).is_empty());
    assert_eq!(cluster.index.snapshot().objects.len(), 1);
}

#[test]
fn namespaces_are_known_by_our_annotations_alone() {
    let mut cluster = Cluster::default();
    assert_eq!(cluster.namespace("kube-system", &[("team", "x")]), None);
    let granted = cluster.namespace("shop", &[("kubekuma.io/grant-to", "ops"), ("x/y", "z")]);
    let Change::Applied { key, new: true, .. } = granted.unwrap().change else {
        panic!("it grants something");
    };
    assert_eq!(key.to_string(), "Namespace shop");
    let snapshot = cluster.index.snapshot();
    let object = &snapshot.objects[&key];
    assert!(matches!(&object.body, Body::Namespace { grant_to, .. } if grant_to == &["ops"]));
    assert_eq!(object.meta.annotations.len(), 1);
    let revoked = cluster.namespace("shop", &[("x/y", "z")]).unwrap();
    assert_eq!(revoked.change, Change::Deleted { key });
    assert!(cluster.index.snapshot().objects.is_empty());
}

#[test]
fn settings_of_another_name_are_told_that_they_do_nothing() {
    let mut cluster = Cluster::default();
    cluster.apply_kind(Kind::KubeKumaSettings, kit::settings("kubekuma"));
    cluster.apply_kind(Kind::KubeKumaSettings, kit::settings("other"));
    let snapshot = cluster.index.snapshot();
    let [(key, problems)] = snapshot.warnings.iter().collect::<Vec<_>>()[..] else {
        panic!("one of them is told: {:?}", snapshot.warnings);
    };
    assert_eq!(key.to_string(), "KubeKumaSettings other");
    assert!(problems[0].why.contains("only the object named kubekuma is read"));
    assert_eq!(problems[0].severity, Severity::Warning);
}

#[test]
fn what_was_handed_out_does_not_change() {
    let mut cluster = Cluster::default();
    cluster.apply(monitor("web", 80));
    let before = cluster.index.snapshot();
    cluster.index.delete(&key("web"));
    assert_eq!(before.objects.len(), 1);
    assert_eq!(cluster.index.snapshot().objects.len(), 0);
}
