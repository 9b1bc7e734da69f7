//! `NotificationPolicy`.

use std::time::Duration;

use kuma_core::object::Problem;
use kuma_core::policy::{EscalationStep, GroupBy, Policy, Triggers};

use super::Context;
use super::common::{minutes, object_names, seconds};
use crate::kinds::notification_policy::{
    CertTriggerSpec, NotificationPolicySpec, RoutingSpec, TriggersSpec,
};

const DEFAULT_KEY: &str = "{{ .monitorId }}";

pub(super) fn convert(context: &mut Context<'_>, spec: &NotificationPolicySpec) -> Option<Policy> {
    let routing = spec.routing.clone().unwrap_or_default();
    let formatting = spec.formatting.clone().unwrap_or_default();
    let own = context.namespace().to_owned();
    let providers = object_names(routing.providers.as_deref().unwrap_or_default(), &own);
    if providers.is_empty() {
        context.warning("spec.routing.providers", "no provider is named, so nobody is told");
    }
    let dedupe = routing.dedupe.clone().unwrap_or_default();
    let dedupe_key = match dedupe.key.as_deref() {
        Some(source) => context.template("spec.routing.dedupe.key", source),
        None => context.template("spec.routing.dedupe.key", DEFAULT_KEY),
    };
    // The key comes last: what is wrong elsewhere is found before it ends the conversion.
    Some(Policy {
        name: context.key.name.clone(),
        priority: spec.priority.unwrap_or(50),
        selector: context.selector("spec.match", spec.match_.as_ref()),
        triggers: triggers(spec.triggers.as_ref()),
        providers,
        continue_matching: routing.continue_.unwrap_or(true),
        dedupe_window: minutes(dedupe.window_minutes.unwrap_or(0)),
        rate_limit: optional_minutes(
            routing.rate_limit.as_ref().and_then(|it| it.min_minutes_between_alerts),
        ),
        resend_interval: optional_minutes(
            routing.resend.as_ref().and_then(|it| it.resend_interval_minutes),
        ),
        group_by: group_by(context, &routing),
        group_wait: seconds(routing.group_wait_seconds.unwrap_or(30)),
        escalation: escalation(context, &routing, &own),
        fallback_providers: object_names(
            routing.fallback_providers.as_deref().unwrap_or_default(),
            &own,
        ),
        title: formatting
            .title_template
            .and_then(|source| context.template("spec.formatting.titleTemplate", &source)),
        body: formatting
            .body_template
            .and_then(|source| context.template("spec.formatting.bodyTemplate", &source)),
        labels: context.meta.labels.clone(),
        dedupe_key: dedupe_key?,
    })
}

fn optional_minutes(n: Option<u32>) -> Duration {
    minutes(n.unwrap_or(0))
}

fn triggers(spec: Option<&TriggersSpec>) -> Triggers {
    let default = Triggers::default();
    let Some(spec) = spec else { return default };
    Triggers {
        on_down: spec.on_down.unwrap_or(default.on_down),
        on_up: spec.on_up.unwrap_or(default.on_up),
        on_flapping: spec.on_flapping.unwrap_or(default.on_flapping),
        on_degraded: spec.on_degraded.unwrap_or(default.on_degraded),
        on_unknown: spec.on_unknown.unwrap_or(default.on_unknown),
        cert_thresholds: spec
            .on_cert_expiring
            .as_ref()
            .map_or(default.cert_thresholds, cert_thresholds),
    }
}

/// Days, descending and without repeats; empty when off.
fn cert_thresholds(spec: &CertTriggerSpec) -> Vec<u32> {
    if spec.enabled == Some(false) {
        return Vec::new();
    }
    let mut days = spec.thresholds.clone().unwrap_or_default();
    days.extend(spec.days_threshold);
    if days.is_empty() {
        days.push(14);
    }
    days.sort_unstable_by(|a, b| b.cmp(a));
    days.dedup();
    days
}

fn group_by(context: &mut Context<'_>, routing: &RoutingSpec) -> Vec<GroupBy> {
    let mut list = Vec::new();
    for (index, text) in routing.group_by.iter().flatten().enumerate() {
        let group = match text.as_str() {
            "namespace" => GroupBy::Namespace,
            "name" => GroupBy::Name,
            "type" => GroupBy::Type,
            "reason" => GroupBy::Reason,
            other => match other.strip_prefix("label:") {
                Some(label) if !label.is_empty() => GroupBy::Label(label.to_owned()),
                _ => {
                    context.push(
                        Problem::semantic(
                            format!("spec.routing.groupBy[{index}]"),
                            "messages cannot be grouped by this",
                        )
                        .with_value(other)
                        .with_fix("use namespace, name, type, reason or label:<name>"),
                    );
                    continue;
                }
            },
        };
        if !list.contains(&group) {
            list.push(group);
        }
    }
    list
}

fn escalation(context: &mut Context<'_>, routing: &RoutingSpec, own: &str) -> Vec<EscalationStep> {
    let mut steps: Vec<EscalationStep> = routing
        .escalation
        .iter()
        .flatten()
        .map(|step| EscalationStep {
            after: minutes(step.after_minutes.max(1)),
            providers: object_names(&step.providers, own),
        })
        .collect();
    if !steps.is_sorted_by_key(|step| step.after) {
        context.warning(
            "spec.routing.escalation",
            "the steps are not in order; they are taken by afterMinutes",
        );
        steps.sort_by_key(|step| step.after);
    }
    steps
}
