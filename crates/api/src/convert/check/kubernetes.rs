//! `kubernetes`.

use kuma_core::check::kubernetes::{KubernetesWhat, ObjectAccess, ObjectChoice, ObjectKind};
use kuma_core::check::{Check, KubernetesCheck};
use kuma_core::object::Problem;

use super::{Context, Part, missing};
use crate::kinds::monitor::{KubernetesCheckSpec, KubernetesCheckType, KubernetesTarget};

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let (at, target) = match (&part.target.kubernetes, &part.target.k8s) {
        (Some(target), _) => (part.path("kubernetes"), target),
        (None, Some(target)) => (part.path("k8s"), target),
        (None, None) => {
            missing(context, part, "kubernetes");
            return None;
        }
    };
    let kind = kind(context, &at, target);
    let which = choice(context, &at, target);
    let namespace = namespace(context, &at, target);
    let kind = kind?;
    let what = match &target.check {
        Some(spec) => what(context, &format!("{at}.check"), &kind, spec),
        None => Some(KubernetesWhat::default_for(&kind)),
    };
    Some(Check::Kubernetes(Box::new(KubernetesCheck {
        which: which?,
        what: what?,
        namespace: namespace?,
        kind,
        access: ObjectAccess::Full,
    })))
}

/// `apiVersion` and `kind`.
fn kind(context: &mut Context<'_>, at: &str, target: &KubernetesTarget) -> Option<ObjectKind> {
    let text = target.api_version.as_str();
    let (group, version) = text.split_once('/').unwrap_or(("", text));
    let word = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
    };
    if version.is_empty() || !word(version) || !word(group) || text.starts_with('/') {
        context.push(
            Problem::semantic(format!("{at}.apiVersion"), "this is no apiVersion")
                .with_value(text)
                .with_fix("write it as in a manifest: v1 or apps/v1"),
        );
        return None;
    }
    let name = target.kind.as_str();
    let good = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_alphanumeric());
    if !good {
        context.push(
            Problem::semantic(format!("{at}.kind"), "this is no kind")
                .with_value(name)
                .with_fix("write it as in a manifest, in the singular: Deployment"),
        );
        return None;
    }
    let kind = ObjectKind::new(group, version, name);
    if kind.is("", "Secret") {
        context.push(
            Problem::semantic(format!("{at}.kind"), "Secrets cannot be looked at")
                .with_fix("look at what uses the Secret; a certificate is checked with type tls"),
        );
        return None;
    }
    Some(kind)
}

/// `name` or `labelSelector`.
fn choice(context: &mut Context<'_>, at: &str, target: &KubernetesTarget) -> Option<ObjectChoice> {
    if let Some(name) = &target.name {
        let odd = |c: char| c.is_whitespace() || c.is_control() || "/%,=\\".contains(c);
        if name.contains(odd) {
            context.push(
                Problem::semantic(format!("{at}.name"), "no object can have this name")
                    .with_value(name.as_str()),
            );
            return None;
        }
        return Some(ObjectChoice::Name(name.clone()));
    }
    let Some(text) = &target.label_selector else {
        context.error(at, "set either name or labelSelector");
        return None;
    };
    match text.parse() {
        Ok(selector) => Some(ObjectChoice::Labels(selector)),
        Err(error) => {
            context.push(
                Problem::semantic(format!("{at}.labelSelector"), format!("{error}"))
                    .with_value(text.as_str())
                    .with_fix("write it as kubectl takes it: app=web,tier in (front,edge),!canary"),
            );
            None
        }
    }
}

fn namespace(context: &mut Context<'_>, at: &str, target: &KubernetesTarget) -> Option<String> {
    let Some(namespace) = &target.namespace else {
        return Some(context.namespace().to_owned());
    };
    let good = !namespace.starts_with('-')
        && !namespace.ends_with('-')
        && namespace.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !good {
        context.push(
            Problem::semantic(format!("{at}.namespace"), "no namespace can have this name")
                .with_value(namespace.as_str())
                .with_fix("lower-case letters, digits and - only"),
        );
        return None;
    }
    Some(namespace.clone())
}

/// What `check` says, or what is usual for the kind where it leaves it open.
fn what(
    context: &mut Context<'_>,
    at: &str,
    kind: &ObjectKind,
    spec: &KubernetesCheckSpec,
) -> Option<KubernetesWhat> {
    use KubernetesCheckType as T;
    let type_ = spec.type_.unwrap_or_else(|| implied(kind, spec));
    if !fits(type_, kind) {
        context.push(
            Problem::semantic(format!("{at}.type"), format!("{type_:?} does not look at {kind}"))
                .with_fix(format!("it is for {}; for any kind there are AvailableReplicasAtLeast, ConditionTrue and StatusField", kinds(type_))),
        );
        return None;
    }
    let counts =
        matches!(type_, T::AvailableReplicasAtLeast | T::PodReadiness | T::EndpointNonEmpty);
    let field = type_ == T::StatusField;
    for (name, is_set, counts) in [
        ("min", spec.min.is_some(), counts),
        ("condition", spec.condition.is_some(), type_ == T::ConditionTrue),
        ("jsonPath", spec.json_path.is_some(), field),
        ("expected", spec.expected.is_some(), field),
    ] {
        if is_set && !counts {
            context.warning(format!("{at}.{name}"), format!("it has no effect on {type_:?}"));
        }
    }
    let least = spec.min.unwrap_or(1);
    Some(match type_ {
        T::AvailableReplicasAtLeast => KubernetesWhat::AvailableReplicasAtLeast(least),
        T::PodReadiness => KubernetesWhat::PodReadiness(spec.min),
        T::EndpointNonEmpty => KubernetesWhat::EndpointNonEmpty(least),
        T::JobSucceeded => KubernetesWhat::JobSucceeded,
        T::CronJobFresh => KubernetesWhat::CronJobFresh,
        T::PvcBound => KubernetesWhat::PvcBound,
        T::NodeReady => KubernetesWhat::NodeReady,
        T::ConditionTrue => match (&spec.condition, KubernetesWhat::default_for(kind)) {
            (Some(condition), _) => KubernetesWhat::ConditionTrue(condition.clone()),
            (None, usual @ KubernetesWhat::ConditionTrue(_)) if spec.type_.is_none() => usual,
            (None, _) => {
                context.error(at, "ConditionTrue needs condition");
                return None;
            }
        },
        T::StatusField => {
            let Some(query) = &spec.json_path else {
                context.error(at, "StatusField needs jsonPath");
                return None;
            };
            let path = context.json_path(&format!("{at}.jsonPath"), query)?;
            KubernetesWhat::StatusField { path, expected: spec.expected.clone() }
        }
    })
}

/// The type where none is written: what the other fields are for, else what is usual.
fn implied(kind: &ObjectKind, spec: &KubernetesCheckSpec) -> KubernetesCheckType {
    use KubernetesCheckType as T;
    if spec.json_path.is_some() {
        return T::StatusField;
    }
    if spec.condition.is_some() {
        return T::ConditionTrue;
    }
    match KubernetesWhat::default_for(kind) {
        KubernetesWhat::AvailableReplicasAtLeast(_) => T::AvailableReplicasAtLeast,
        KubernetesWhat::PodReadiness(_) => T::PodReadiness,
        KubernetesWhat::EndpointNonEmpty(_) => T::EndpointNonEmpty,
        KubernetesWhat::JobSucceeded => T::JobSucceeded,
        KubernetesWhat::CronJobFresh => T::CronJobFresh,
        KubernetesWhat::PvcBound => T::PvcBound,
        KubernetesWhat::NodeReady => T::NodeReady,
        KubernetesWhat::ConditionTrue(_) | KubernetesWhat::StatusField { .. } => T::ConditionTrue,
    }
}

/// Whether objects of the kind have what the type looks at.
fn fits(type_: KubernetesCheckType, kind: &ObjectKind) -> bool {
    use KubernetesCheckType as T;
    match type_ {
        T::PodReadiness => kind.is("", "Pod"),
        T::EndpointNonEmpty => {
            kind.is("", "Service")
                || kind.is("", "Endpoints")
                || kind.is("discovery.k8s.io", "EndpointSlice")
        }
        T::JobSucceeded => kind.is("batch", "Job"),
        T::CronJobFresh => kind.is("batch", "CronJob"),
        T::PvcBound => kind.is("", "PersistentVolumeClaim"),
        T::NodeReady => kind.is("", "Node"),
        // Custom resources count replicas too.
        T::AvailableReplicasAtLeast | T::ConditionTrue | T::StatusField => true,
    }
}

/// The kinds that a type is for, in words.
const fn kinds(type_: KubernetesCheckType) -> &'static str {
    use KubernetesCheckType as T;
    match type_ {
        T::PodReadiness => "v1 Pod",
        T::EndpointNonEmpty => "v1 Service and discovery.k8s.io/v1 EndpointSlice",
        T::JobSucceeded => "batch/v1 Job",
        T::CronJobFresh => "batch/v1 CronJob",
        T::PvcBound => "v1 PersistentVolumeClaim",
        T::NodeReady => "v1 Node",
        T::AvailableReplicasAtLeast | T::ConditionTrue | T::StatusField => "any kind",
    }
}
