//! A page per check type: what it needs, its fields, an example, its reasons.

use std::fmt::Write as _;

use kuma_core::check::CheckType;
use kuma_core::id::Kind;

use super::tables::tables;
use super::{GENERATED, part_of};

/// What is particular to the page of a type.
struct Page {
    check: CheckType,
    /// The example, as `examples/checks/` has it.
    example: &'static str,
    /// The keys under `spec.successCriteria` that count for it and not for all types.
    criteria: &'static [&'static str],
}

macro_rules! pages {
    ($($check:ident, $name:literal, $criteria:expr;)*) => {
        const PAGES: &[Page] = &[$(Page {
            check: CheckType::$check,
            example: include_str!(concat!("../../../../examples/checks/", $name, ".yaml")),
            criteria: $criteria,
        },)*];
    };
}

pages! {
    Http, "http", &["http"];
    Keyword, "keyword", &["http", "keyword"];
    JsonQuery, "jsonQuery", &["http", "jsonQuery"];
    Tcp, "tcp", &["tcp"];
    Dns, "dns", &["dns"];
    Ping, "ping", &["ping"];
    Websocket, "websocket", &["websocket"];
    Push, "push", &["push"];
    Steam, "steam", &["steam"];
    Kubernetes, "kubernetes", &[];
    Docker, "docker", &[];
    Grpc, "grpc", &["grpc"];
    Tls, "tls", &[];
    Group, "group", &[];
}

pub(super) fn pages() -> impl Iterator<Item = (String, String)> {
    PAGES.iter().map(|page| (format!("checks/{}.md", page.check), text(page)))
}

/// A line for each page.
pub(super) fn index() -> String {
    PAGES.iter().fold(String::new(), |mut list, page| {
        let about = first_comment(page.example);
        let _ = writeln!(list, "- [{}](checks/{}.md): {about}", page.check, page.check);
        list
    })
}

fn text(page: &Page) -> String {
    let check = page.check;
    let example = page.example.trim_end();
    let mut out = format!("{GENERATED}# Check type `{check}`\n\n```yaml\n{example}\n```\n");
    if let Some(needs) = check.needs() {
        let _ = write!(out, "\n## What it needs\n\n{needs}\n");
    }
    out.push_str("\nFields that every monitor has (schedule, alerting, `upsideDown`, …) are on the page of the [Monitor](../monitor.md).\n");
    let target = check.as_str();
    if let Some(schema) = part_of(Kind::Monitor, &["spec", "target", target]) {
        out.push_str(&tables(&format!("spec.target.{target}"), &schema));
    }
    for key in page.criteria {
        if let Some(schema) = part_of(Kind::Monitor, &["spec", "successCriteria", key]) {
            out.push_str(&tables(&format!("spec.successCriteria.{key}"), &schema));
        }
    }
    out.push_str("\n## How it ends when it does not succeed\n\n| reason | meaning |\n|---|---|\n");
    for reason in check.reasons() {
        let code = reason.code();
        let anchor = code.to_ascii_lowercase();
        let _ = writeln!(out, "| [`{code}`](../reasons.md#{anchor}) | {} |", reason.meaning());
    }
    out
}

/// What an example says about itself.
pub(super) fn first_comment(example: &str) -> &str {
    example.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_page_with_an_example_that_says_what_it_is() {
        for check in CheckType::ALL {
            let page = PAGES.iter().find(|page| page.check == check).unwrap();
            assert!(!first_comment(page.example).is_empty(), "{check}");
            assert!(page.example.contains(&format!("type: {check}\n")), "{check}");
        }
    }

    #[test]
    fn every_part_of_the_criteria_is_on_a_page() {
        let criteria = part_of(Kind::Monitor, &["spec", "successCriteria"]).unwrap();
        let criteria = serde_json::to_value(criteria).unwrap();
        let parts = criteria["properties"].as_object().unwrap().iter();
        let parts: Vec<_> = parts.filter(|(_, part)| part["properties"].is_object()).collect();
        assert!(parts.len() >= 9, "{parts:?}");
        for (name, _) in parts {
            let listed = PAGES.iter().any(|page| page.criteria.contains(&name.as_str()));
            assert!(listed, "{name}");
        }
    }
}
