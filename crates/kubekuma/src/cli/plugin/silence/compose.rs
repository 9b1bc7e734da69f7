//! The Silence that is asked for. Pure.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use kuma_api::read::{ReadContext, read_object};
use kuma_core::id::ObjectName;
use kuma_core::object::Origin;
use kuma_core::time::Timestamp;
use serde_json::{Map, Value, json};

/// The label of objects that the program made for a person; they are collected some time after
/// they expired (`retention.silencesDays`).
pub(super) const MANAGED_BY: &str = "kubekuma.io/managed-by";

/// What a person wants silenced.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The namespace that is meant where none is named.
    pub(super) namespace: String,
    pub(super) monitors: Vec<ObjectName>,
    pub(super) labels: Option<String>,
    pub(super) tags: Vec<String>,
    /// Everything in the namespace.
    pub(super) all: bool,
    pub(super) until: Timestamp,
    pub(super) reason: Option<String>,
    pub(super) created_by: Option<String>,
}

/// When a silence that lasts so long ends.
pub(super) fn until(now: Timestamp, lasting: &str) -> anyhow::Result<Timestamp> {
    let wrong = || format!("`{lasting}` is no length of time; write 2h, 90m or 1d");
    let span: jiff::Span = lasting.parse().with_context(wrong)?;
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let long = span.to_duration(days).with_context(wrong)?;
    if long < jiff::SignedDuration::from_secs(1) {
        bail!("a silence has to last; `{lasting}` is over before it begins");
    }
    let end = now.checked_add(long).with_context(wrong)?;
    Ok(whole(end))
}

/// Without fractions of a second, which nobody means.
pub(super) fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// The object.
///
/// Every name carries its namespace and every other selector its own: without, a silence in
/// KubeKuma's own namespace would be about monitors of all namespaces.
///
/// # Errors
/// When nothing is named, names are of several namespaces, or the object would not be valid.
pub(super) fn compose(asked: &Asked, now: Timestamp) -> anyhow::Result<Value> {
    let namespace = namespace(asked)?;
    let mut selector = Map::new();
    if asked.monitors.is_empty() {
        selector.insert("matchNamespaces".to_owned(), json!([namespace]));
    } else {
        let names = asked.monitors.iter();
        let names: Vec<_> =
            names.map(|name| json!({"namespace": namespace, "name": name.name})).collect();
        selector.insert("matchNames".to_owned(), names.into());
    }
    if let Some(labels) = &asked.labels {
        selector.insert("matchLabels".to_owned(), json!(pairs(labels)?));
    }
    if !asked.tags.is_empty() {
        selector.insert("matchTags".to_owned(), json!(asked.tags));
    }
    let mut spec = Map::new();
    spec.insert("expiresAt".to_owned(), json!(asked.until));
    spec.insert("match".to_owned(), selector.into());
    let words = [("reason", &asked.reason), ("createdBy", &asked.created_by)];
    for (field, text) in words {
        spec.extend(text.as_ref().map(|text| (field.to_owned(), json!(text))));
    }
    let object = json!({
        "apiVersion": kuma_api::kinds::API_VERSION,
        "kind": "Silence",
        "metadata": {
            "name": object_name(asked, now),
            "namespace": namespace,
            "labels": {MANAGED_BY: "cli"},
        },
        "spec": spec,
    });
    let origin = Origin::Cluster { resource_version: String::new() };
    let read = read_object(&object, origin, &ReadContext::default());
    if read.object.is_none() {
        let lines: Vec<_> = read.problems.iter().map(|problem| format!("\n  {problem}")).collect();
        bail!("this would be no valid silence:{}", lines.concat());
    }
    Ok(object)
}

fn namespace(asked: &Asked) -> anyhow::Result<String> {
    if asked.monitors.is_empty() && asked.labels.is_none() && asked.tags.is_empty() && !asked.all {
        bail!("name monitors, or say which with --selector or --tag, or --all of the namespace");
    }
    let mut namespaces: Vec<&str> = asked
        .monitors
        .iter()
        .map(|name| &*name.namespace)
        .map(|namespace| if namespace.is_empty() { asked.namespace.as_str() } else { namespace })
        .collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    match namespaces.as_slice() {
        [] => Ok(asked.namespace.clone()),
        [namespace] => Ok((*namespace).to_owned()),
        several => {
            bail!("one silence is of one namespace; ask once for each of {}", several.join(", "))
        }
    }
}

/// `a=b,c=d`.
fn pairs(labels: &str) -> anyhow::Result<BTreeMap<&str, &str>> {
    labels
        .split(',')
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or_default();
            // `==` means the same to kubectl; `!=` is none of what a silence can say.
            let value = value.strip_prefix('=').unwrap_or(value);
            if key.is_empty() || key.ends_with('!') {
                bail!("`{pair}` is not of the form label=value; a silence knows no other");
            }
            Ok((key, value))
        })
        .collect()
}

/// What it is about and when it was made.
fn object_name(asked: &Asked, now: Timestamp) -> String {
    let about = asked.monitors.first().map_or("silence", |name| &*name.name);
    let about: String = about.chars().take(200).collect();
    format!("{}-{}", about.trim_end_matches(['-', '.']), now.strftime("%Y%m%d-%H%M%S"))
}

/// Whether all monitors that were named are there.
///
/// # Errors
/// Names those that are not.
pub(super) fn all_exist<'a>(
    asked: &[ObjectName],
    namespace: &str,
    known: impl Iterator<Item = &'a ObjectName>,
) -> anyhow::Result<()> {
    let known: Vec<_> = known.map(|name| &*name.name).collect();
    let missing: Vec<_> = asked
        .iter()
        .filter(|name| !known.contains(&&*name.name))
        .map(|name| format!("{namespace}/{}", name.name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let shown = known[..known.len().min(10)].join(", ");
    let shown = if shown.is_empty() { "none" } else { &shown };
    bail!("there is no monitor {} (in {namespace} there are: {shown})", missing.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-01T22:00:00.5Z".parse().unwrap()
    }

    fn asked(monitors: &[&str]) -> Asked {
        Asked {
            namespace: "shop".to_owned(),
            monitors: monitors.iter().map(|name| name.parse().unwrap()).collect(),
            labels: None,
            tags: Vec::new(),
            all: false,
            until: until(now(), "2h").unwrap(),
            reason: Some("Database migration".to_owned()),
            created_by: Some("alice".to_owned()),
        }
    }

    fn yaml(asked: &Asked) -> String {
        serde_saphyr::to_string(&compose(asked, now()).unwrap()).unwrap()
    }

    #[test]
    fn monitors_are_silenced_by_name_in_their_own_namespace() {
        insta::assert_snapshot!(yaml(&asked(&["web", "shop/cart"])), @r#"
apiVersion: monitoring.kubekuma.io/v1
kind: Silence
metadata:
  name: web-20260301-220000
  namespace: shop
  labels:
    kubekuma.io/managed-by: cli
spec:
  expiresAt: "2026-03-02T00:00:00Z"
  match:
    matchNames:
    - namespace: shop
      name: web
    - namespace: shop
      name: cart
  reason: Database migration
  createdBy: alice
"#);
    }

    #[test]
    fn labels_and_tags_stay_within_the_namespace() {
        let asked = Asked {
            labels: Some("team=shop,tier==web".to_owned()),
            tags: vec!["edge".to_owned()],
            ..asked(&[])
        };
        insta::assert_snapshot!(yaml(&asked), @r#"
apiVersion: monitoring.kubekuma.io/v1
kind: Silence
metadata:
  name: silence-20260301-220000
  namespace: shop
  labels:
    kubekuma.io/managed-by: cli
spec:
  expiresAt: "2026-03-02T00:00:00Z"
  match:
    matchNamespaces:
    - shop
    matchLabels:
      team: shop
      tier: web
    matchTags:
    - edge
  reason: Database migration
  createdBy: alice
"#);
    }

    #[test]
    fn what_is_not_said_clearly_is_refused() {
        let error = |asked: &Asked| compose(asked, now()).unwrap_err().to_string();
        assert!(error(&asked(&[])).starts_with("name monitors, or"));
        assert!(error(&asked(&["web", "pay/web"])).contains("each of pay, shop"));
        for labels in ["team", "team!=shop", "=x", ""] {
            let asked = Asked { labels: Some(labels.to_owned()), ..asked(&[]) };
            assert!(error(&asked).contains("label=value"), "{labels}");
        }
        let asked = Asked { reason: Some("x".repeat(2000)), all: true, ..asked(&[]) };
        assert!(error(&asked).contains("spec.reason"), "{}", error(&asked));
    }

    #[test]
    fn lengths_of_time_are_as_people_write_them() {
        let end = |text: &str| until(now(), text).map(|end| end.to_string()).ok();
        assert_eq!(end("2h").as_deref(), Some("2026-03-02T00:00:00Z"));
        assert_eq!(end("90m").as_deref(), Some("2026-03-01T23:30:00Z"));
        assert_eq!(end("1d 12h").as_deref(), Some("2026-03-03T10:00:00Z"));
        for wrong in ["", "2", "-1h", "0s", "9999999y", "1 month"] {
            assert_eq!(end(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_monitor_that_is_not_there_is_named() {
        let known = [ObjectName::new("shop", "web")];
        let wanted = |name: &str| all_exist(&[name.parse().unwrap()], "shop", known.iter());
        assert!(wanted("web").is_ok());
        let error = wanted("wbe").unwrap_err().to_string();
        assert_eq!(error, "there is no monitor shop/wbe (in shop there are: web)");
    }
}
