//! Names, limits, selectors, routes, pages, settings.

use std::time::Duration;

use super::kit::{
    World, entry, group, monitor, name, named, names, page, policy, problems, provider, routes,
    set, silence, window,
};
use crate::catalog::ObjectStatus;
use crate::check::GroupMembers;
use crate::id::{Kind, ObjectKey};
use crate::object::{Origin, ProblemClass, Severity};
use crate::policy::EscalationStep;
use crate::selector::Selector;

#[test]
fn sets_become_monitors_and_a_monitor_wins_a_name() {
    let catalog =
        World::default().monitors(&["shop/web-a"]).set(set("shop/web", &["a", "b"])).build();
    assert_eq!(catalog.monitors.len(), 2);
    assert_eq!(catalog.version, 5);
    let kept = &entry(&catalog, "shop/web-a").monitor.origin;
    assert_eq!(*kept, crate::monitor::MonitorOrigin::Monitor);
    let [problem] = problems(&catalog, Kind::MonitorSet, "shop/web") else {
        panic!("one problem");
    };
    assert!(problem.why.starts_with("NAME_CONFLICT"), "{problem}");
    assert_eq!(problem.severity, Severity::Error);
    assert_eq!(problem.path, "spec.items[a].name");
    assert_eq!(
        catalog.entry(entry(&catalog, "shop/web-b").id).unwrap().monitor.name,
        name("shop/web-b")
    );
}

#[test]
fn an_invalid_monitor_keeps_its_name_from_sets_and_of_two_sets_the_first_has_it() {
    let mut world =
        World::default().set(set("shop/web", &["a", "b-c"])).set(set("shop/web-b", &["c"]));
    let key = ObjectKey { kind: Kind::Monitor, name: name("shop/web-a") };
    let report = ObjectStatus {
        generation: 1,
        origin: Origin::Store,
        problems: vec![crate::object::Problem::semantic("spec", "bad")],
        last_valid_in_force: false,
    };
    world.reports.insert(key.clone(), report);
    let catalog = world.build();
    let all: Vec<_> = catalog.monitors.keys().map(ToString::to_string).collect();
    assert_eq!(all, ["shop/web-b-c"]);
    assert_eq!(problems(&catalog, Kind::MonitorSet, "shop/web").len(), 1);
    assert_eq!(problems(&catalog, Kind::MonitorSet, "shop/web-b").len(), 1);
    assert_eq!(catalog.objects[&key].problems[0].why, "bad");
}

#[test]
fn an_interval_below_the_settings_minimum_does_not_run() {
    let mut quick = monitor("shop/quick");
    quick.schedule.interval = Duration::from_secs(9);
    let mut world = World::default().monitor(quick).monitors(&["shop/fine"]);
    let catalog = world.build();
    assert_eq!(catalog.monitors.len(), 1);
    let problem = &problems(&catalog, Kind::Monitor, "shop/quick")[0];
    assert_eq!(problem.path, "spec.schedule.intervalSeconds");
    assert_eq!(problem.class, ProblemClass::Semantic);
    world = world.settings("kubekuma", |settings| {
        settings.scheduler.min_interval = Duration::from_secs(5);
    });
    assert_eq!(world.build().monitors.len(), 2);
}

#[test]
fn a_timeout_above_the_interval_does_not_run() {
    let mut slow = monitor("shop/slow");
    slow.schedule.timeout = Some(Duration::from_secs(61));
    let catalog = World::default().monitor(slow).build();
    assert!(catalog.monitors.is_empty());
    let problem = &problems(&catalog, Kind::Monitor, "shop/slow")[0];
    assert_eq!(problem.path, "spec.schedule.timeoutSeconds");
}

#[test]
fn policies_match_by_priority_then_name_and_one_of_them_may_stop() {
    let mut first = policy("shop/z", &[]);
    first.priority = 1;
    let world = World::default()
        .monitors(&["shop/api", "bank/api"])
        .policy(policy("shop/b", &[]))
        .policy(policy("shop/a", &[]))
        .policy(policy("kubekuma/all", &[]))
        .policy(first);
    let catalog = world.build();
    assert_eq!(routes(&catalog, "shop/api"), ["shop/z", "kubekuma/all", "shop/a", "shop/b"]);
    assert_eq!(routes(&catalog, "bank/api"), ["kubekuma/all"]);
    let mut stop = policy("shop/a", &[]);
    stop.continue_matching = false;
    let catalog = world.policy(stop).build();
    assert_eq!(routes(&catalog, "shop/api"), ["shop/z", "kubekuma/all", "shop/a"]);
}

#[test]
fn a_policy_reached_by_reference_and_by_selector_counts_once() {
    let mut api = monitor("shop/api");
    api.alerting.policy = Some("own".to_owned());
    let mut lost = monitor("shop/lost");
    lost.alerting.policy = Some("gone".to_owned());
    let mut narrow = policy("shop/own", &[]);
    let world = World::default().monitor(api).monitor(lost);
    let catalog = world.policy(narrow.clone()).build();
    assert_eq!(routes(&catalog, "shop/api"), ["shop/own"]);
    assert_eq!(routes(&catalog, "shop/lost"), ["shop/own"]);
    let problem = &problems(&catalog, Kind::Monitor, "shop/lost")[0];
    assert_eq!(problem.path, "spec.alerting.policyRef.name");
    assert_eq!(problem.severity, Severity::Warning);

    let mut api = monitor("shop/api");
    api.alerting.policy = Some("own".to_owned());
    narrow.selector.tags = vec!["never".to_owned()];
    let catalog = World::default().monitor(api).policy(narrow).build();
    assert_eq!(routes(&catalog, "shop/api"), ["shop/own"], "the reference alone is enough");
}

#[test]
fn without_policy_the_default_provider_of_the_namespace_is_told_or_nobody() {
    let mut default = provider("shop/chat");
    default.is_default = true;
    let mut second = provider("shop/mail");
    second.is_default = true;
    second.is_system = true;
    let catalog = World::default()
        .monitors(&["shop/api", "bank/api"])
        .provider(default)
        .provider(second)
        .build();
    assert_eq!(routes(&catalog, "shop/api"), ["shop/chat"]);
    assert!(routes(&catalog, "bank/api").is_empty());
    assert_eq!(problems(&catalog, Kind::NotificationProvider, "shop/mail").len(), 1);
    assert_eq!(catalog.system_provider, Some(name("shop/mail")));
}

#[test]
fn a_missing_provider_is_a_warning_and_the_others_still_send() {
    let mut told = policy("shop/told", &["shop/gone", "shop/chat", "shop/chat"]);
    told.escalation = vec![EscalationStep {
        after: Duration::from_secs(600),
        providers: vec![name("shop/boss")],
    }];
    told.fallback_providers = vec![name("shop/fax")];
    let catalog = World::default()
        .monitors(&["shop/api"])
        .provider(provider("shop/chat"))
        .policy(told)
        .build();
    let route = &entry(&catalog, "shop/api").routes[0];
    assert_eq!(route.providers, [name("shop/chat")]);
    let found = problems(&catalog, Kind::NotificationPolicy, "shop/told");
    let paths: Vec<_> = found.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "spec.routing.providers[0].ref",
            "spec.routing.escalation[0].providers[0]",
            "spec.routing.fallbackProviders[0]"
        ]
    );
    assert!(found.iter().all(|problem| problem.why.contains("ProviderNotFound")));
    assert!(found.iter().all(|problem| problem.severity == Severity::Warning));
}

#[test]
fn isolated_tenants_reach_each_other_only_by_grant() {
    let mut nosy = policy("bank/nosy", &["shop/chat"]);
    nosy.selector.namespaces = vec!["shop".to_owned(), "bank".to_owned()];
    let world = World::default()
        .monitors(&["shop/api", "bank/api"])
        .provider(provider("shop/chat"))
        .policy(nosy)
        .policy(policy("kubekuma/all", &[]));
    let open = world.build();
    assert_eq!(routes(&open, "shop/api"), ["bank/nosy", "kubekuma/all"]);

    let world = world.isolated();
    let closed = world.build();
    assert_eq!(routes(&closed, "shop/api"), ["kubekuma/all"]);
    assert_eq!(routes(&closed, "bank/api"), ["bank/nosy", "kubekuma/all"]);
    assert!(entry(&closed, "bank/api").routes[0].providers.is_empty());

    let granted = world.grant("shop", &["bank"]).build();
    assert_eq!(routes(&granted, "shop/api"), ["bank/nosy", "kubekuma/all"]);
    let route = &entry(&granted, "shop/api").routes[0];
    assert_eq!(route.providers, [name("shop/chat")]);
}

#[test]
fn selectors_by_label_tag_name_and_namespace_agree_with_the_slow_way() {
    let mut red = monitor("shop/red");
    red.labels.insert("tier".into(), "one".into());
    red.tags = vec!["web".into(), "eu".into()];
    let mut blue = monitor("bank/blue");
    blue.labels.insert("tier".into(), "one".into());
    let world = World::default().monitor(red).monitor(blue).monitors(&["shop/plain"]);
    let select = |own: &str, change: &dyn Fn(&mut Selector)| {
        let mut muted = silence(&format!("{own}/s"));
        change(&mut muted.selector);
        let all = World { objects: world.objects.clone(), ..World::default() };
        let catalog = all.silence(muted).build();
        let hit = catalog.monitors.values().filter(|entry| !entry.silences.is_empty());
        hit.map(|entry| entry.monitor.name.to_string()).collect::<Vec<_>>()
    };
    let tier = |selector: &mut Selector| {
        selector.labels.insert("tier".into(), "one".into());
    };
    assert_eq!(select("shop", &tier), ["shop/red"]);
    assert_eq!(select("kubekuma", &tier), ["bank/blue", "shop/red"]);
    assert_eq!(select("kubekuma", &|it| it.tags = vec!["eu".into(), "web".into()]), ["shop/red"]);
    assert_eq!(select("shop", &|_| {}), ["shop/plain", "shop/red"]);
    assert_eq!(select("shop", &|it| it.namespaces = vec!["bank".into()]), ["bank/blue"]);
    let by_name = |selector: &mut Selector| {
        selector.names = vec![crate::selector::NameMatch {
            namespace: Some("bank".into()),
            name: crate::selector::NamePattern::Exact("blue".into()),
        }];
    };
    assert_eq!(select("shop", &by_name), ["bank/blue"]);
}

#[test]
fn windows_are_attached_to_the_monitors_they_mean() {
    let catalog =
        World::default().monitors(&["shop/api", "bank/api"]).window(window("shop/upgrade")).build();
    assert_eq!(entry(&catalog, "shop/api").windows.len(), 1);
    assert!(entry(&catalog, "bank/api").windows.is_empty());
    assert!(catalog.windows.contains_key(&name("shop/upgrade")));
}

#[test]
fn groups_know_their_members_and_members_their_groups() {
    let catalog = World::default()
        .monitors(&["shop/a", "shop/b"])
        .monitor(group("shop/named", names(&["shop/a", "shop/gone"]), true))
        .monitor(group("shop/chosen", GroupMembers::Selector(Selector::default()), false))
        .build();
    let members = &entry(&catalog, "shop/named").members;
    assert_eq!(named(&catalog, members), ["shop/a"]);
    let members = &entry(&catalog, "shop/chosen").members;
    assert_eq!(named(&catalog, members), ["shop/a", "shop/b"], "no groups, not itself");
    let a = entry(&catalog, "shop/a");
    assert_eq!(named(&catalog, &a.groups), ["shop/chosen", "shop/named"]);
    assert_eq!(named(&catalog, &a.parents), ["shop/named"], "only where it suppresses");
    assert_eq!(
        problems(&catalog, Kind::Monitor, "shop/named")[0].path,
        "spec.target.group.members[1]"
    );
}

#[test]
fn dependencies_become_parents_and_children() {
    let mut child = monitor("shop/api");
    child.depends_on = vec![name("shop/router"), name("shop/gone"), name("shop/router")];
    let catalog = World::default().monitors(&["shop/router"]).monitor(child).build();
    let child = entry(&catalog, "shop/api");
    assert_eq!(named(&catalog, &child.parents), ["shop/router"]);
    let router = entry(&catalog, "shop/router");
    assert_eq!(named(&catalog, &router.children), ["shop/api"]);
    let problem = &problems(&catalog, Kind::Monitor, "shop/api")[0];
    assert_eq!((problem.path.as_str(), problem.severity), ("spec.dependsOn[1]", Severity::Warning));
}

#[test]
fn a_slug_belongs_to_one_page_and_missing_members_are_warned_about() {
    let catalog = World::default()
        .monitors(&["shop/api"])
        .page(page("shop/one", "shop", &["shop/api", "shop/gone"]))
        .page(page("shop/two", "shop", &[]))
        .build();
    let first = &problems(&catalog, Kind::StatusPage, "shop/one")[0];
    assert_eq!(
        (first.path.as_str(), first.severity),
        ("spec.groups[0].monitors[1].ref", Severity::Warning)
    );
    let second = &problems(&catalog, Kind::StatusPage, "shop/two")[0];
    assert_eq!((second.path.as_str(), second.severity), ("spec.slug", Severity::Error));
    assert_eq!(catalog.pages.len(), 1);
}

#[test]
fn only_the_settings_object_called_kubekuma_is_read() {
    let catalog =
        World::default().settings("other", |settings| settings.tenancy_isolated = true).build();
    assert!(!catalog.settings.tenancy_isolated);
    assert_eq!(problems(&catalog, Kind::KubeKumaSettings, "other").len(), 1);
}
