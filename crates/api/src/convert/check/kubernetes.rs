//! `kubernetes`: validated; only cluster mode can run it.

use kuma_core::check::{Check, CheckType};

use super::{Context, Part, missing, unsupported};

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let (at, target) = match (&part.target.kubernetes, &part.target.k8s) {
        (Some(target), _) => (part.path("kubernetes"), target),
        (None, Some(target)) => (part.path("k8s"), target),
        (None, None) => {
            missing(context, part, "kubernetes");
            return None;
        }
    };
    if let Some(query) = target.check.as_ref().and_then(|check| check.json_path.as_ref()) {
        context.json_path(&format!("{at}.check.jsonPath"), query);
    }
    context
        .warning(at, "kubernetes checks need cluster mode; until then the monitor shows unknown");
    let namespace = target.namespace.clone().unwrap_or_else(|| context.namespace().to_owned());
    let which = target.name.as_ref().or(target.label_selector.as_ref());
    let which = which.map_or("", String::as_str);
    Some(unsupported(
        CheckType::Kubernetes,
        format!("{} {} {namespace}/{which}", target.api_version, target.kind),
    ))
}
