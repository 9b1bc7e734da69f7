//! `Monitor`, also as an item of a set.

use std::time::Duration;

use kuma_core::check::{Criteria, variables};
use kuma_core::event::EventKind;
use kuma_core::id::ObjectName;
use kuma_core::monitor::{Alerting, Monitor, MonitorOrigin, Schedule};
use kuma_core::object::Problem;
use kuma_expr::Condition;

use super::Context;
use super::check;
use super::common::{millis, minutes, object_name, seconds};
use crate::kinds::MonitorSpec;
use crate::kinds::monitor::{AlertingSpec, CriteriaSpec, MonitorType, NotifyEvent, ScheduleSpec};

/// Where a monitor's spec is and how it will be called.
pub(super) struct Place<'a> {
    /// Path of the spec.
    pub(super) at: &'a str,
    /// Public name.
    pub(super) name: ObjectName,
    /// Where it comes from.
    pub(super) origin: MonitorOrigin,
}

pub(super) fn convert(context: &mut Context<'_>, spec: &MonitorSpec) -> Option<Monitor> {
    let place =
        Place { at: "spec", name: context.key.name.clone(), origin: MonitorOrigin::Monitor };
    monitor(context, &place, spec)
}

/// Converts one spec, wherever it is written.
pub(super) fn monitor(
    context: &mut Context<'_>,
    place: &Place<'_>,
    spec: &MonitorSpec,
) -> Option<Monitor> {
    let at = place.at;
    let schedule = schedule(context, at, &spec.schedule.clone().unwrap_or_default());
    let criteria = spec.success_criteria.clone().unwrap_or_default();
    let condition = condition(context, at, spec.type_, &criteria);
    let part = check::Part {
        at,
        target: &spec.target,
        criteria: &criteria,
        interval: schedule.interval,
        condition: condition.as_ref(),
    };
    let checked = check::convert(context, spec.type_, &part);
    if place.origin == MonitorOrigin::Monitor {
        unused_criteria(context, at, spec.type_, &criteria);
    }
    let alerting = alerting(&spec.alerting.clone().unwrap_or_default());
    let depends_on = depends_on(context, place, spec);
    Some(Monitor {
        name: place.name.clone(),
        origin: place.origin.clone(),
        generation: context.meta.generation.max(1),
        labels: context.meta.labels.clone(),
        enabled: spec.enabled.unwrap_or(true),
        criteria: Criteria { condition, ..limits(spec.type_, &criteria) },
        check: checked?,
        schedule,
        alerting,
        depends_on,
        tags: spec.tags.clone().unwrap_or_default(),
        annotations: spec.annotations.clone().unwrap_or_default(),
    })
}

fn schedule(context: &mut Context<'_>, at: &str, spec: &ScheduleSpec) -> Schedule {
    let interval = seconds(spec.interval_seconds.unwrap_or(60).max(1));
    let timeout = spec.timeout_seconds.map(|n| seconds(n.max(1)));
    if let Some(timeout) = timeout
        && timeout > interval
    {
        context.push(
            Problem::semantic(
                format!("{at}.schedule.timeoutSeconds"),
                format!(
                    "an attempt must not take longer than the interval, {} s",
                    interval.as_secs()
                ),
            )
            .with_value(timeout.as_secs().to_string())
            .with_fix("lower timeoutSeconds or raise intervalSeconds"),
        );
    }
    Schedule {
        interval,
        timeout,
        retries: spec.retries.unwrap_or(0),
        retry_interval: spec.retry_interval_seconds.map(|n| seconds(n.max(1))),
        initial_delay: seconds(spec.initial_delay_seconds.unwrap_or(0)),
        grace_down: seconds(spec.grace_down_seconds.unwrap_or(0)),
        recover_after: spec.recover_after.unwrap_or(1).max(1),
        jitter_percent: spec.jitter_percent.map(|n| n.min(50)),
    }
}

fn alerting(spec: &AlertingSpec) -> Alerting {
    Alerting {
        policy: spec.policy_ref.as_ref().map(|policy| policy.name.clone()),
        resend_interval: spec.resend_interval_minutes.map(minutes),
        notify_on: spec.notify_on.as_ref().map(|list| list.iter().copied().map(event).collect()),
    }
}

const fn event(spec: NotifyEvent) -> EventKind {
    match spec {
        NotifyEvent::Down => EventKind::Down,
        NotifyEvent::Up => EventKind::Up,
        NotifyEvent::Flapping => EventKind::Flapping,
        NotifyEvent::CertExpiring => EventKind::CertExpiring,
        NotifyEvent::Degraded => EventKind::Degraded,
    }
}

fn depends_on(context: &mut Context<'_>, place: &Place<'_>, spec: &MonitorSpec) -> Vec<ObjectName> {
    let mut names = Vec::new();
    for (index, reference) in spec.depends_on.iter().flatten().enumerate() {
        let name = object_name(reference, &place.name.namespace);
        if name == place.name {
            context.error(
                format!("{}.dependsOn[{index}]", place.at),
                "a monitor cannot depend on itself",
            );
        } else if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The limits that hold for every type.
fn limits(kind: MonitorType, spec: &CriteriaSpec) -> Criteria {
    use MonitorType as T;
    let max = match kind {
        T::Http | T::Keyword | T::JsonQuery => spec.http.as_ref().and_then(|it| it.max_latency_ms),
        T::Tcp => spec.tcp.as_ref().and_then(|it| it.max_latency_ms),
        T::Dns => spec.dns.as_ref().and_then(|it| it.max_latency_ms),
        T::Websocket => spec.websocket.as_ref().and_then(|it| it.max_latency_ms),
        T::Ping => spec.ping.as_ref().and_then(|it| it.max_latency_ms),
        T::Steam => spec.steam.as_ref().and_then(|it| it.max_latency_ms),
        T::Grpc => spec.grpc.as_ref().and_then(|it| it.max_latency_ms),
        T::Push => spec.push.as_ref().and_then(|it| it.max_latency_ms),
        T::Kubernetes | T::K8s | T::Docker | T::Tls | T::Group => None,
    };
    let at_least_one = |n: u32| millis(n).max(Duration::from_millis(1));
    Criteria {
        max_latency: max.map(at_least_one),
        degraded_latency: spec.degraded_latency_ms.map(at_least_one),
        condition: None,
        upside_down: spec.upside_down.unwrap_or(false),
    }
}

/// Warns of criteria that belong to another type and so have no effect.
fn unused_criteria(context: &mut Context<'_>, at: &str, kind: MonitorType, spec: &CriteriaSpec) {
    use MonitorType as T;
    let given = [
        ("http", spec.http.is_some(), matches!(kind, T::Http | T::Keyword | T::JsonQuery)),
        ("tcp", spec.tcp.is_some(), kind == T::Tcp),
        ("dns", spec.dns.is_some(), kind == T::Dns),
        ("websocket", spec.websocket.is_some(), kind == T::Websocket),
        ("ping", spec.ping.is_some(), kind == T::Ping),
        ("steam", spec.steam.is_some(), kind == T::Steam),
        ("grpc", spec.grpc.is_some(), kind == T::Grpc),
        ("push", spec.push.is_some(), kind == T::Push),
    ];
    for (name, is_set, counts) in given {
        if is_set && !counts {
            let kind = check::check_type(kind);
            context.warning(
                format!("{at}.successCriteria.{name}"),
                format!("it has no effect on a monitor of type {kind}"),
            );
        }
    }
}

/// The condition in `cel`.
fn condition(
    context: &mut Context<'_>,
    at: &str,
    kind: MonitorType,
    criteria: &CriteriaSpec,
) -> Option<Condition> {
    let source = criteria.cel.as_ref()?;
    let path = format!("{at}.successCriteria.cel");
    let kind = check::check_type(kind);
    let variables = variables(kind);
    if variables.is_empty() {
        context.error(path, format!("a monitor of type {kind} has no answer to look at"));
        return None;
    }
    context.condition(&path, source, &variables)
}
