//! Cycles among dependencies and groups.

use proptest::prelude::*;

use super::kit::{World, entry, group, monitor, name, named, names, problems};
use crate::catalog::edges::components;
use crate::id::Kind;
use crate::object::Severity;

#[test]
fn a_cycle_is_an_error_on_all_its_members_and_its_edges_are_ignored() {
    let mut a = monitor("shop/a");
    a.depends_on = vec![name("shop/b"), name("shop/outside")];
    let mut b = monitor("shop/b");
    b.depends_on = vec![name("shop/a")];
    let mut leaf = monitor("shop/leaf");
    leaf.depends_on = vec![name("shop/a")];
    let catalog =
        World::default().monitor(a).monitor(b).monitor(leaf).monitors(&["shop/outside"]).build();
    for text in ["shop/a", "shop/b"] {
        let problem = &problems(&catalog, Kind::Monitor, text)[0];
        assert_eq!(problem.severity, Severity::Error);
        assert!(problem.why.contains("shop/a, shop/b"), "{problem}");
    }
    assert!(problems(&catalog, Kind::Monitor, "shop/leaf").is_empty());
    let a = entry(&catalog, "shop/a");
    assert_eq!(named(&catalog, &a.parents), ["shop/outside"]);
    assert_eq!(named(&catalog, &a.children), ["shop/leaf"]);
    assert_eq!(catalog.monitors.len(), 4, "they still run");
}

#[test]
fn a_group_that_depends_on_a_member_it_suppresses_is_a_cycle() {
    let mut all = group("shop/all", names(&["shop/api"]), true);
    all.depends_on = vec![name("shop/api")];
    let catalog = World::default().monitors(&["shop/api"]).monitor(all).build();
    assert_eq!(problems(&catalog, Kind::Monitor, "shop/api").len(), 1);
    assert_eq!(problems(&catalog, Kind::Monitor, "shop/all").len(), 1);
    assert!(entry(&catalog, "shop/api").parents.is_empty());
    let members = &entry(&catalog, "shop/all").members;
    assert_eq!(named(&catalog, members), ["shop/api"], "membership itself is fine");
}

#[test]
fn groups_within_themselves_are_cycles() {
    let catalog = World::default()
        .monitor(group("shop/x", names(&["shop/y"]), false))
        .monitor(group("shop/y", names(&["shop/x"]), false))
        .monitor(group("shop/z", names(&["shop/z"]), false))
        .build();
    for text in ["shop/x", "shop/y", "shop/z"] {
        assert_eq!(problems(&catalog, Kind::Monitor, text).len(), 1, "{text}");
        assert!(entry(&catalog, text).members.is_empty());
    }
}

/// Which nodes can be reached from `from` by at least one edge.
fn reachable(edges: &[Vec<usize>], from: usize) -> Vec<bool> {
    let mut seen = vec![false; edges.len()];
    let mut next = edges[from].clone();
    while let Some(node) = next.pop() {
        if !std::mem::replace(&mut seen[node], true) {
            next.extend(&edges[node]);
        }
    }
    seen
}

proptest! {
    #[test]
    fn components_are_what_reaches_each_other(
        count in 1_usize..12,
        pairs in prop::collection::vec((0_usize..12, 0_usize..12), 0..30),
    ) {
        let mut edges = vec![Vec::new(); count];
        for (from, to) in pairs {
            edges[from % count].push(to % count);
        }
        let component = components(&edges);
        let reach: Vec<_> = (0..count).map(|node| reachable(&edges, node)).collect();
        for a in 0..count {
            for b in 0..count {
                let together = a == b || (reach[a][b] && reach[b][a]);
                prop_assert_eq!(component[a] == component[b], together);
            }
        }
    }

    #[test]
    fn no_catalog_has_a_monitor_that_is_its_own_ancestor(
        pairs in prop::collection::vec((0_usize..8, 0_usize..8), 0..20),
        groups in prop::collection::vec((0_usize..8, any::<bool>()), 0..4),
    ) {
        let mut monitors: Vec<_> = (0..8).map(|i| monitor(&format!("shop/m{i}"))).collect();
        for (from, to) in pairs {
            let to = monitors[to].name.clone();
            monitors[from].depends_on.push(to);
        }
        for (member, suppress) in groups {
            let member = format!("shop/m{member}");
            let text = format!("shop/m{}", monitors.len() % 8);
            let position = monitors.len() % 8;
            let depends_on = monitors[position].depends_on.clone();
            monitors[position] = group(&text, names(&[&member]), suppress);
            monitors[position].depends_on = depends_on;
        }
        let world = monitors.into_iter().fold(World::default(), World::monitor);
        let catalog = world.build();
        for entry in catalog.monitors.values() {
            let mut seen = std::collections::HashSet::new();
            let mut next = entry.parents.clone();
            while let Some(parent) = next.pop() {
                prop_assert_ne!(parent, entry.id);
                if seen.insert(parent) {
                    next.extend(&catalog.entry(parent).unwrap().parents);
                }
            }
        }
    }
}
