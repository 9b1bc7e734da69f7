//! `Silence`.

use kuma_core::object::Problem;
use kuma_core::selector::{NameMatch, NamePattern, Selector};
use kuma_core::silence::Silence;
use kuma_core::time::Timestamp;

use super::Context;
use crate::kinds::silence::{SilenceSelector, SilenceSpec};

pub(super) fn convert(context: &mut Context<'_>, spec: &SilenceSpec) -> Option<Silence> {
    let starts_at =
        spec.starts_at.as_deref().and_then(|text| context.instant("spec.startsAt", text));
    let expires_at = expiry(context, spec);
    if let (Some(start), Some(end)) = (starts_at, expires_at)
        && end <= start
    {
        context.error("spec.expiresAt", "the silence ends before it begins");
    }
    let selector =
        spec.match_.as_ref().map(|selector| selects(context, selector)).unwrap_or_default();
    Some(Silence {
        name: context.key.name.clone(),
        starts_at,
        expires_at: expires_at?,
        selector,
        reason: spec.reason.clone(),
        created_by: spec.created_by.clone(),
    })
}

fn expiry(context: &mut Context<'_>, spec: &SilenceSpec) -> Option<Timestamp> {
    match (&spec.expires_at, &spec.ends_at) {
        (Some(text), _) => context.instant("spec.expiresAt", text),
        (None, Some(text)) => context.instant("spec.endsAt", text),
        (None, None) => {
            context.push(
                Problem::semantic("spec.expiresAt", "a silence needs an end")
                    .with_fix("write expiresAt: 2026-03-01T02:00:00Z"),
            );
            None
        }
    }
}

fn selects(context: &mut Context<'_>, spec: &SilenceSelector) -> Selector {
    let at = "spec.match";
    let mut names = context.names(at, spec.match_names.as_deref().unwrap_or_default());
    for (index, text) in spec.names.iter().flatten().enumerate() {
        names.extend(short_name(context, &format!("{at}.names[{index}]"), text));
    }
    let namespaces = spec.match_namespaces.as_ref().or(spec.namespaces.as_ref());
    let labels = spec.match_labels.as_ref().or(spec.labels.as_ref());
    let tags = spec.match_tags.as_ref().or(spec.tags.as_ref());
    Selector {
        namespaces: namespaces.cloned().unwrap_or_default(),
        labels: labels.cloned().unwrap_or_default(),
        tags: tags.cloned().unwrap_or_default(),
        names,
    }
}

/// `name` or `namespace/name`.
fn short_name(context: &mut Context<'_>, path: &str, text: &str) -> Option<NameMatch> {
    let (namespace, name) = match text.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, text),
    };
    if name.is_empty() || name.contains('/') || namespace == Some("") {
        context.push(
            Problem::semantic(path, "this is not of the form name or namespace/name")
                .with_value(text),
        );
        return None;
    }
    Some(NameMatch {
        namespace: namespace.map(str::to_owned),
        name: NamePattern::Exact(name.to_owned()),
    })
}
