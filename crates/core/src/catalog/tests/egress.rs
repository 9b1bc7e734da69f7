//! Egress rules in the catalog.

use super::kit::{World, monitor, problems, provider};
use crate::check::{Check, PingCheck};
use crate::egress::NamespaceEgress;
use crate::id::{Kind, ObjectName};
use crate::monitor::Monitor;
use crate::object::{Body, Severity};
use crate::provider::{Provider, ProviderConfig, WebhookConfig};
use crate::secret::SecretText;

fn pinging(name: &str, host: &str) -> Monitor {
    let mut asked = monitor(name);
    if let Check::Ping(check) = &mut asked.check {
        **check = PingCheck { host: host.to_owned(), ..(**check).clone() };
    }
    asked
}

fn namespace(mut world: World, name: &str, egress: NamespaceEgress) -> World {
    let body = Body::Namespace { grant_to: Vec::new(), egress };
    world.add(Kind::Namespace, ObjectName::new("", name), body);
    world
}

#[test]
fn what_a_namespace_says_reaches_the_settings_in_force() {
    let own =
        NamespaceEgress::Lists { allow: Vec::new(), deny: vec!["192.0.2.0/24".parse().unwrap()] };
    let world = namespace(World::default(), "shop", own.clone());
    let world = namespace(world, "quiet", NamespaceEgress::Unset);
    for world in [world.build(), world.settings("kubekuma", |_| {}).build()] {
        let egress = &world.settings.networking.egress;
        assert_eq!(egress.namespaces.get("shop"), Some(&own));
        assert_eq!(egress.namespaces.len(), 1);
    }
}

#[test]
fn the_author_of_a_target_that_may_never_be_asked_is_told() {
    let catalog = World::default()
        .monitor(pinging("shop/meta", "169.254.169.254"))
        .monitor(pinging("shop/fine", "192.0.2.1"))
        .monitor(pinging("shop/named", "metadata.google.internal"))
        .build();
    let [problem] = problems(&catalog, Kind::Monitor, "shop/meta") else {
        panic!("one problem");
    };
    assert_eq!(problem.severity, Severity::Warning);
    assert_eq!(problem.path, "spec.target");
    let refusal = "it is a cloud's metadata service, and neither `networking.egress.allowLinkLocal` nor \
                   an allow list permits it";
    assert_eq!(
        problem.why,
        format!("the address may not be asked, so the monitor stays unknown: {refusal}")
    );
    assert!(problems(&catalog, Kind::Monitor, "shop/fine").is_empty());
    assert!(problems(&catalog, Kind::Monitor, "shop/named").is_empty());
    assert_eq!(catalog.monitors.len(), 3, "they run, and are unknown");
}

#[test]
fn the_author_of_a_receiver_that_may_never_be_asked_is_told() {
    let hook = |name: &str, url: &str| {
        let config = WebhookConfig {
            url: SecretText::parse(url).unwrap(),
            method: "POST".to_owned(),
            headers: Vec::new(),
            body: None,
            signing_secret: None,
        };
        Provider { config: ProviderConfig::Webhook(config), ..provider(name) }
    };
    let own =
        NamespaceEgress::Lists { allow: vec!["192.0.2.0/24".parse().unwrap()], deny: Vec::new() };
    let catalog = namespace(World::default(), "fenced", own)
        .settings("kubekuma", |settings| {
            settings.networking.egress.allow = vec!["10.0.0.0/8".parse().unwrap()];
        })
        .provider(hook("shop/meta", "http://user@169.254.169.254:80/latest"))
        .provider(hook("shop/v6", "http://[fd00:ec2::254]/"))
        .provider(hook("shop/fine", "https://198.51.100.7/${SECRET:hook:token}"))
        .provider(hook("shop/secret", "${SECRET:hook:url}"))
        .provider(hook("fenced/out", "https://198.51.100.7/"))
        .build();
    for (name, value) in [
        ("shop/meta", "169.254.169.254"),
        ("shop/v6", "fd00:ec2::254"),
        ("fenced/out", "198.51.100.7"),
    ] {
        let [problem] = problems(&catalog, Kind::NotificationProvider, name) else {
            panic!("one problem of {name}");
        };
        assert_eq!(problem.severity, Severity::Warning);
        assert_eq!(problem.path, "spec.config.webhook.url");
        assert_eq!(problem.value.as_ref().unwrap(), value);
        assert!(
            problem.why.starts_with("the address may not be asked, so no message is sent there")
        );
    }
    for name in ["shop/fine", "shop/secret"] {
        assert!(problems(&catalog, Kind::NotificationProvider, name).is_empty(), "{name}");
    }
}
