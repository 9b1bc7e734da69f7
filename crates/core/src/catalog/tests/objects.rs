//! What kubernetes monitors may look at, and what has to be watched for them.

use super::kit::{World, entry, id_of, monitor, name, problems};
use crate::catalog::Catalog;
use crate::check::kubernetes::{KubernetesWhat, ObjectAccess, ObjectChoice, ObjectKind};
use crate::check::{Check, KubernetesCheck};
use crate::id::Kind;
use crate::monitor::Monitor;

fn looking(text: &str, namespace: &str) -> Monitor {
    Monitor {
        check: Check::Kubernetes(Box::new(KubernetesCheck {
            kind: ObjectKind::new("", "v1", "Pod"),
            namespace: namespace.to_owned(),
            which: ObjectChoice::Name("web-0".to_owned()),
            what: KubernetesWhat::PodReadiness(None),
            access: ObjectAccess::Full,
        })),
        ..monitor(text)
    }
}

fn access(catalog: &Catalog, text: &str) -> ObjectAccess {
    match &entry(catalog, text).monitor.check {
        Check::Kubernetes(check) => check.access,
        other => panic!("{other:?}"),
    }
}

#[test]
fn isolated_tenants_look_at_their_own_objects_and_at_granted_ones() {
    let world = || {
        World::default()
            .monitor(looking("shop/own", "shop"))
            .monitor(looking("shop/granted", "bank"))
            .monitor(looking("shop/other", "vault"))
            .monitor(looking("kubekuma/all", "vault"))
            .grant("bank", &["shop"])
    };
    let open = world().build();
    for name in ["shop/own", "shop/granted", "shop/other", "kubekuma/all"] {
        assert_eq!(access(&open, name), ObjectAccess::Full, "{name}");
    }
    let isolated = world().isolated().build();
    assert_eq!(access(&isolated, "shop/own"), ObjectAccess::Namespaced);
    assert_eq!(access(&isolated, "shop/granted"), ObjectAccess::Namespaced);
    assert_eq!(access(&isolated, "shop/other"), ObjectAccess::Denied);
    assert_eq!(access(&isolated, "kubekuma/all"), ObjectAccess::Full);
    let [problem] = problems(&isolated, Kind::Monitor, "shop/other") else {
        panic!("one problem");
    };
    assert_eq!(problem.path, "spec.target.kubernetes.namespace");
    assert_eq!(
        problem.to_string(),
        "spec.target.kubernetes.namespace: namespace vault does not grant shop its objects; list \
         shop in the annotation kubekuma.io/grant-to of the Namespace vault"
    );
}

#[test]
fn what_is_watched_is_what_enabled_monitors_may_look_at() {
    let mut disabled = looking("shop/disabled", "idle");
    disabled.enabled = false;
    let world = World::default()
        .monitor(looking("shop/a", "shop"))
        .monitor(looking("shop/b", "shop"))
        .monitor(looking("shop/denied", "vault"))
        .monitor(disabled)
        .monitors(&["shop/ping"])
        .isolated();
    let queries = world.build().object_queries();
    let [(query, monitors)] = &queries.into_iter().collect::<Vec<_>>()[..] else {
        panic!("one query");
    };
    assert_eq!(query.to_string(), "v1 Pod shop/web-0");
    assert!(!query.cluster_scoped);
    let mut ids: Vec<i64> = monitors.iter().map(|id| id.0).collect();
    ids.sort_unstable();
    let mut expected = [id_of(&name("shop/a")), id_of(&name("shop/b"))];
    expected.sort_unstable();
    assert_eq!(ids, expected);
}
