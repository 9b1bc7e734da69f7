//! The catalog is built again at every change, so it must be quick.

use super::kit::{World, monitor, policy, provider};
use crate::selector::Selector;

/// 10,000 monitors in 100 namespaces, 100 policies of four sorts.
fn large() -> World {
    let mut world = World::default().provider(provider("kubekuma/chat"));
    for i in 0..10_000 {
        let mut one = monitor(&format!("team-{}/m{i}", i % 100));
        one.labels.insert("tier".into(), format!("t{}", i % 10));
        one.labels.insert("app".into(), format!("a{}", i % 500));
        one.tags = vec![format!("tag{}", i % 50)];
        world = world.monitor(one);
    }
    for i in 0..100 {
        let mut one = policy(&format!("kubekuma/p{i}"), &["kubekuma/chat"]);
        one.selector = match i % 4 {
            0 => Selector::default(),
            1 => Selector {
                labels: [("tier".to_owned(), format!("t{}", i % 10))].into(),
                ..Selector::default()
            },
            2 => Selector {
                tags: vec![format!("tag{}", i % 50)],
                ..Selector::default()
            },
            _ => Selector {
                namespaces: vec![format!("team-{i}")],
                ..Selector::default()
            },
        };
        world = world.policy(one);
    }
    world
}

#[test]
fn a_large_catalog_has_every_route() {
    let catalog = large().build();
    assert_eq!(catalog.monitors.len(), 10_000);
    let all: usize = catalog
        .monitors
        .values()
        .map(|entry| entry.routes.len())
        .sum();
    // Every monitor by the 25 that match all; tiers t1, t3, t5, t7, t9 and the rest by their share.
    assert!(all > 250_000, "{all}");
}

/// Run with `cargo test --release -p kuma-core -- --ignored --nocapture catalog`.
#[test]
#[ignore = "a measurement, not a check"]
#[expect(clippy::disallowed_methods, reason = "measures real time")]
fn how_long_a_large_catalog_takes() {
    let world = large();
    let start = std::time::Instant::now();
    let catalog = world.build();
    println!(
        "{} monitors in {:?}",
        catalog.monitors.len(),
        start.elapsed()
    );
}
