//! `type`, `target` and `successCriteria`, one file per type.

mod dns;
mod docker;
mod group;
mod grpc;
mod http;
mod json_query;
mod keyword;
mod kubernetes;
mod ping;
mod push;
mod steam;
mod tcp;
mod tls;
mod websocket;

use std::time::Duration;

use kuma_core::check::{Check, CheckType, IpFamily, Starttls, TlsOptions, TlsVersion};
use kuma_expr::Condition;

use super::Context;
use super::text::reference;
use crate::kinds::monitor::{
    CriteriaSpec, IpFamilySpec, MonitorType, StarttlsProtocol, TargetSpec, TlsSpec, TlsVersionSpec,
};

/// The parts of a monitor that a check is made of.
pub(super) struct Part<'a> {
    /// Path of the monitor's spec.
    pub(super) at: &'a str,
    /// `target`.
    pub(super) target: &'a TargetSpec,
    /// `successCriteria`.
    pub(super) criteria: &'a CriteriaSpec,
    /// The monitor's interval.
    pub(super) interval: Duration,
    /// The condition in `successCriteria.cel`, where it can be used.
    pub(super) condition: Option<&'a Condition>,
}

impl Part<'_> {
    /// Path of a target.
    fn path(&self, target: &str) -> String {
        format!("{}.target.{target}", self.at)
    }

    /// Whether the condition judges the variable itself.
    fn judges(&self, variable: &str) -> bool {
        self.condition.is_some_and(|condition| condition.uses(variable))
    }
}

/// The check of a monitor; problems tell why there is none.
pub(super) fn convert(
    context: &mut Context<'_>,
    kind: MonitorType,
    part: &Part<'_>,
) -> Option<Check> {
    let found = targets(part.target);
    for (name, is_set) in found {
        if is_set && !belongs(name, kind) {
            context.error(
                part.path(name),
                format!("target.{name} does not belong to type {}", check_type(kind)),
            );
        }
    }
    match kind {
        MonitorType::Http => http::convert(context, part),
        MonitorType::Keyword => keyword::convert(context, part),
        MonitorType::JsonQuery => json_query::convert(context, part),
        MonitorType::Tcp => tcp::convert(context, part),
        MonitorType::Dns => dns::convert(context, part),
        MonitorType::Ping => ping::convert(context, part),
        MonitorType::Websocket => websocket::convert(context, part),
        MonitorType::Push => push::convert(context, part),
        MonitorType::Steam => steam::convert(context, part),
        MonitorType::Kubernetes | MonitorType::K8s => kubernetes::convert(context, part),
        MonitorType::Docker => docker::convert(context, part),
        MonitorType::Grpc => grpc::convert(context, part),
        MonitorType::Tls => tls::convert(context, part),
        MonitorType::Group => group::convert(context, part),
    }
}

/// The type in core terms.
pub(super) const fn check_type(kind: MonitorType) -> CheckType {
    match kind {
        MonitorType::Http => CheckType::Http,
        MonitorType::Keyword => CheckType::Keyword,
        MonitorType::JsonQuery => CheckType::JsonQuery,
        MonitorType::Tcp => CheckType::Tcp,
        MonitorType::Dns => CheckType::Dns,
        MonitorType::Ping => CheckType::Ping,
        MonitorType::Websocket => CheckType::Websocket,
        MonitorType::Push => CheckType::Push,
        MonitorType::Steam => CheckType::Steam,
        MonitorType::Kubernetes | MonitorType::K8s => CheckType::Kubernetes,
        MonitorType::Docker => CheckType::Docker,
        MonitorType::Grpc => CheckType::Grpc,
        MonitorType::Tls => CheckType::Tls,
        MonitorType::Group => CheckType::Group,
    }
}

const fn targets(target: &TargetSpec) -> [(&'static str, bool); 15] {
    [
        ("http", target.http.is_some()),
        ("keyword", target.keyword.is_some()),
        ("jsonQuery", target.json_query.is_some()),
        ("tcp", target.tcp.is_some()),
        ("dns", target.dns.is_some()),
        ("ping", target.ping.is_some()),
        ("websocket", target.websocket.is_some()),
        ("push", target.push.is_some()),
        ("steam", target.steam.is_some()),
        ("kubernetes", target.kubernetes.is_some()),
        ("k8s", target.k8s.is_some()),
        ("docker", target.docker.is_some()),
        ("grpc", target.grpc.is_some()),
        ("tls", target.tls.is_some()),
        ("group", target.group.is_some()),
    ]
}

fn belongs(target: &str, kind: MonitorType) -> bool {
    let name = check_type(kind).as_str();
    target == name
        || (target == "k8s" && name == "kubernetes")
        || (target == "http" && matches!(name, "keyword" | "jsonQuery"))
}

/// Says that the target is missing.
fn missing(context: &mut Context<'_>, part: &Part<'_>, name: &str) {
    context.error(format!("{}.target", part.at), format!("type {name} needs target.{name}"));
}

/// A `tls` block in core terms.
fn tls_options(context: &mut Context<'_>, at: &str, spec: &TlsSpec) -> TlsOptions {
    if let Some(sni) = &spec.sni {
        context.host(&format!("{at}.sni"), sni);
    }
    TlsOptions {
        verify: spec.verify.unwrap_or(true),
        sni: spec.sni.clone(),
        ca_bundle: reference(spec.ca_bundle_secret_ref.as_ref()),
        client_cert: reference(spec.client_cert_secret_ref.as_ref()),
        min_version: match spec.min_version {
            Some(TlsVersionSpec::V13) => TlsVersion::V13,
            Some(TlsVersionSpec::V12) | None => TlsVersion::V12,
        },
        warn_before_days: spec.warn_before_days,
    }
}

const fn starttls(spec: StarttlsProtocol) -> Starttls {
    match spec {
        StarttlsProtocol::Smtp => Starttls::Smtp,
        StarttlsProtocol::Imap => Starttls::Imap,
        StarttlsProtocol::Pop3 => Starttls::Pop3,
        StarttlsProtocol::Ftp => Starttls::Ftp,
        StarttlsProtocol::Ldap => Starttls::Ldap,
        StarttlsProtocol::Postgres => Starttls::Postgres,
        StarttlsProtocol::Mysql => Starttls::Mysql,
        StarttlsProtocol::Xmpp => Starttls::Xmpp,
    }
}

fn ip_family(spec: Option<IpFamilySpec>) -> IpFamily {
    match spec {
        Some(IpFamilySpec::Ipv4) => IpFamily::Ipv4,
        Some(IpFamilySpec::Ipv6) => IpFamily::Ipv6,
        Some(IpFamilySpec::Auto) | None => IpFamily::Auto,
    }
}
