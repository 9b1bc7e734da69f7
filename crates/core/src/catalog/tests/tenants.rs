//! What `tenancy.isolated` takes from objects that are read after the catalog was built.

use std::time::Duration;

use super::kit::*;
use crate::catalog::Catalog;
use crate::id::Kind;
use crate::policy::EscalationStep;
use crate::selector::{NameMatch, NamePattern};

fn nosy() -> World {
    let mut nosy = policy("bank/nosy", &["shop/chat", "bank/chat"]);
    let both = || vec![name("shop/chat"), name("bank/chat")];
    nosy.escalation = vec![EscalationStep { after: Duration::from_secs(600), providers: both() }];
    nosy.fallback_providers = both();
    nosy.selector.namespaces = vec!["shop".to_owned(), "bank".to_owned()];
    let mut quiet = silence("bank/quiet");
    quiet.selector.names = vec![NameMatch {
        namespace: Some("shop".to_owned()),
        name: NamePattern::Exact("api".to_owned()),
    }];
    World::default()
        .monitors(&["shop/api", "bank/api"])
        .provider(provider("shop/chat"))
        .provider(provider("bank/chat"))
        .policy(nosy)
        .silence(quiet)
        .page(page("bank/page", "bank", &["shop/api", "bank/api"]))
}

/// Whoever a policy may tell, and what a page shows.
fn used(catalog: &Catalog) -> Vec<Vec<String>> {
    let texts = |names: &[crate::id::ObjectName]| names.iter().map(ToString::to_string).collect();
    let policy = entry(catalog, "bank/api").routes[0].policy().unwrap();
    let page = &catalog.pages[&name("bank/page")];
    vec![
        texts(&policy.providers),
        texts(&policy.escalation[0].providers),
        texts(&policy.fallback_providers),
        texts(&catalog.policies[&name("bank/nosy")].fallback_providers),
        texts(&page.groups[0].monitors),
    ]
}

#[test]
fn what_needs_a_grant_is_neither_told_nor_shown_in_any_way() {
    let chats = ["shop/chat", "bank/chat"].map(str::to_owned).to_vec();
    let monitors = ["shop/api", "bank/api"].map(str::to_owned).to_vec();
    let all = [vec![chats; 4], vec![monitors]].concat();
    assert_eq!(used(&nosy().build()), all);
    assert_eq!(used(&nosy().isolated().grant("shop", &["bank"]).build()), all);

    let closed = nosy().isolated().build();
    let own: Vec<Vec<String>> = all
        .into_iter()
        .map(|names| names.into_iter().filter(|name| name.starts_with("bank/")).collect())
        .collect();
    assert_eq!(used(&closed), own);
    let fix = "list bank in the annotation kubekuma.io/grant-to of the Namespace shop";
    for (kind, object, paths) in [
        (
            Kind::NotificationPolicy,
            "bank/nosy",
            &[
                "spec.routing.providers[0].ref",
                "spec.routing.escalation[0].providers[0]",
                "spec.routing.fallbackProviders[0]",
                "spec.match",
            ][..],
        ),
        (Kind::Silence, "bank/quiet", &["spec.match"]),
        (Kind::StatusPage, "bank/page", &["spec.groups[0].monitors[0].ref"]),
    ] {
        let found = problems(&closed, kind, object);
        let told: Vec<_> = found.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(told, paths, "{object}");
        assert!(found.iter().all(|it| it.fix.as_deref() == Some(fix)), "{found:?}");
    }
}

#[test]
fn nobody_learns_what_there_is_in_another_namespace() {
    let mut curious = monitor("bank/curious");
    curious.depends_on = vec![name("shop/api"), name("shop/nothing")];
    let catalog = World::default().monitors(&["shop/api"]).monitor(curious).isolated().build();
    let [one, other] = problems(&catalog, Kind::Monitor, "bank/curious") else {
        panic!("two problems");
    };
    assert_eq!((&one.why, &one.fix), (&other.why, &other.fix));
}
