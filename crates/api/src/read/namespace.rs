//! `v1/Namespace`: what its annotations say to us.

use kuma_core::egress::{ALLOW_ANNOTATION, DENY_ANNOTATION, NamespaceEgress, networks};
use kuma_core::object::{Body, Meta, Problem};

/// Reads the annotations.
pub(super) fn read(meta: &Meta, problems: &mut Vec<Problem>) -> Body {
    let grant_to = entries(meta, "kubekuma.io/grant-to").map(str::to_owned).collect();
    Body::Namespace { grant_to, egress: egress(meta, problems) }
}

/// The Namespace's own egress rules. What cannot be read refuses everything, and says so.
fn egress(meta: &Meta, problems: &mut Vec<Problem>) -> NamespaceEgress {
    if ![ALLOW_ANNOTATION, DENY_ANNOTATION].iter().any(|it| meta.annotations.contains_key(*it)) {
        return NamespaceEgress::Unset;
    }
    let mut list = |annotation: &str| {
        networks(entries(meta, annotation))
            .map_err(|bad| {
                let problem = Problem::semantic(
                    format!("metadata.annotations[{annotation}]"),
                    "this is not a network; until it is mended, no monitor of the namespace may \
                     ask anything",
                );
                problems.push(problem.with_value(bad).with_fix(
                    "write networks in CIDR notation or addresses, with commas between them",
                ));
            })
            .ok()
    };
    match (list(ALLOW_ANNOTATION), list(DENY_ANNOTATION)) {
        (Some(allow), Some(deny)) => NamespaceEgress::Lists { allow, deny },
        _ => NamespaceEgress::Unreadable,
    }
}

/// The entries of a list with commas, as of `kubekuma.io/grant-to: ns[,ns]`.
fn entries<'a>(meta: &'a Meta, annotation: &str) -> impl Iterator<Item = &'a str> {
    meta.annotations
        .get(annotation)
        .into_iter()
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
}
