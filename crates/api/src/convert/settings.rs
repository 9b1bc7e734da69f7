//! `KubeKumaSettings`.

use ipnet::IpNet;
use kuma_core::object::Problem;
use kuma_core::settings::{
    AuthMode, AuthSettings, DiscoverySettings, DiscoverySource, Downsample, EgressSettings,
    FlappingSettings, MetricsAuth, ModeSettings, NetworkingSettings, PingMode, PublicSettings,
    RetentionSettings, SchedulerSettings, SelfCheckSettings, Settings,
};

use super::Context;
use super::common::{minutes, seconds, secret_ref};
use crate::kinds::settings::{
    AuthModeSpec, AuthSpec, DiscoverySourceType, DiscoverySpec, DownsampleResolution,
    DownsampleSpec, EgressSpec, FlappingSpec, KubeKumaSettingsSpec, MetricsAuthMode, ModeSpec,
    NetworkingSpec, PingModeSpec, PublicEndpointsSpec, RetentionSpec, SchedulerSpec, SelfCheckSpec,
};

/// The one name that is read.
const NAME: &str = "kubekuma";

pub(super) fn convert(context: &mut Context<'_>, spec: &KubeKumaSettingsSpec) -> Option<Settings> {
    if &*context.key.name.name != NAME {
        context.warning(
            "metadata.name",
            format!("only the object named {NAME} is read; this one does nothing"),
        );
    }
    Some(Settings {
        mode: mode(&spec.mode.clone().unwrap_or_default()),
        tenancy_isolated: spec.tenancy.as_ref().and_then(|it| it.isolated).unwrap_or(false),
        auth: auth(context, &spec.auth.clone().unwrap_or_default()),
        scheduler: scheduler(context, &spec.scheduler.clone().unwrap_or_default()),
        retention: retention(context, &spec.retention.clone().unwrap_or_default()),
        networking: networking(context, &spec.networking.clone().unwrap_or_default()),
        public: public(context, &spec.public_endpoints.clone().unwrap_or_default()),
        discovery: discovery(context, &spec.discovery.clone().unwrap_or_default()),
        uptime_count_maintenance: spec
            .uptime
            .as_ref()
            .and_then(|it| it.count_maintenance)
            .unwrap_or(false),
        heartbeat_url: spec.heartbeat_url_secret_ref.as_ref().map(secret_ref),
    })
}

fn mode(spec: &ModeSpec) -> ModeSettings {
    let default = ModeSettings::default();
    ModeSettings {
        gitops_read_only: spec.git_ops_read_only.unwrap_or(default.gitops_read_only),
        single_instance_required: spec
            .single_instance_required
            .unwrap_or(default.single_instance_required),
    }
}

fn auth(context: &mut Context<'_>, spec: &AuthSpec) -> AuthSettings {
    let default = AuthSettings::default();
    let local = spec.local.clone().unwrap_or_default();
    let keys = spec.api_keys.clone().unwrap_or_default();
    let mode = match spec.mode {
        Some(AuthModeSpec::Oidc) => AuthMode::Oidc,
        Some(AuthModeSpec::Disabled) => AuthMode::Disabled,
        Some(AuthModeSpec::Local) | None => AuthMode::Local,
    };
    if let Some(oidc) = &spec.oidc {
        context.plain_address("spec.auth.oidc.issuerUrl", &oidc.issuer_url, &["https", "http"]);
        if let Some(url) = &oidc.redirect_url {
            context.plain_address("spec.auth.oidc.redirectUrl", url, &["https", "http"]);
        }
    }
    if mode == AuthMode::Local && local.enabled == Some(false) {
        context.push(
            Problem::semantic("spec.auth.local.enabled", "with mode local nobody could sign in")
                .with_fix("use mode oidc, or mode disabled to let everybody in"),
        );
    }
    AuthSettings {
        mode,
        local_enabled: local.enabled.unwrap_or(mode == AuthMode::Local),
        session_max_age: local.session_max_age_seconds.map_or(default.session_max_age, seconds),
        allow_signup: local.allow_signup.unwrap_or(default.allow_signup),
        api_keys_enabled: keys.enabled.unwrap_or(default.api_keys_enabled),
        max_keys_per_user: keys
            .max_keys_per_user
            .or(keys.max_per_user)
            .unwrap_or(default.max_keys_per_user),
    }
}

fn scheduler(context: &mut Context<'_>, spec: &SchedulerSpec) -> SchedulerSettings {
    let default = SchedulerSettings::default();
    let least = |n: Option<u32>, or: u32| n.unwrap_or(or).max(1);
    if spec.max_per_host > spec.max_concurrent_net_checks.or(Some(u32::MAX)) {
        context.warning(
            "spec.scheduler.maxPerHost",
            "it is larger than maxConcurrentNetChecks and so has no effect",
        );
    }
    SchedulerSettings {
        min_interval: spec.min_interval_seconds.map_or(default.min_interval, |n| seconds(n.max(1))),
        max_concurrent_net: spec.max_concurrent_net_checks.map(|n| n.max(1)),
        max_concurrent_priv: least(spec.max_concurrent_priv_checks, default.max_concurrent_priv),
        max_per_host: least(spec.max_per_host, default.max_per_host),
        default_timeout: spec
            .default_timeout_seconds
            .map_or(default.default_timeout, |n| seconds(n.max(1))),
        jitter_percent: spec.jitter_percent.unwrap_or(default.jitter_percent).min(50),
        flapping: flapping(&spec.flapping.clone().unwrap_or_default()),
    }
}

fn flapping(spec: &FlappingSpec) -> FlappingSettings {
    let default = FlappingSettings::default();
    FlappingSettings {
        enabled: spec.enabled.unwrap_or(default.enabled),
        window: spec.window_minutes.map_or(default.window, minutes),
        toggle_threshold: spec
            .toggle_threshold
            .or(spec.threshold)
            .unwrap_or(default.toggle_threshold)
            .max(2),
        suppress: spec.suppress_notifications_minutes.map_or(default.suppress, minutes),
    }
}

fn retention(context: &mut Context<'_>, spec: &RetentionSpec) -> RetentionSettings {
    let default = RetentionSettings::default();
    let days = |n: Option<u32>, or: u32| n.unwrap_or(or).max(1);
    let settings = RetentionSettings {
        heartbeats_days: days(spec.heartbeats_days, default.heartbeats_days),
        checks_days: days(spec.checks_days, default.checks_days),
        incidents_days: days(spec.incidents_days, default.incidents_days),
        audit_days: days(spec.audit_days, default.audit_days),
        silences_days: days(spec.silences_days, default.silences_days),
        downsample: downsample(&spec.downsample.clone().unwrap_or_default(), default.downsample),
    };
    if settings.checks_days > settings.heartbeats_days {
        context.warning(
            "spec.retention.checksDays",
            "single results are kept no longer than heartbeatsDays says",
        );
    }
    settings
}

fn downsample(spec: &DownsampleSpec, default: Option<Downsample>) -> Option<Downsample> {
    let default = default?;
    let resolution = spec.resolution.map(|resolution| match resolution {
        DownsampleResolution::Hourly => 60,
        DownsampleResolution::Daily => 1440,
    });
    (spec.enabled != Some(false)).then(|| Downsample {
        older_than_days: spec
            .older_than_days
            .or(spec.after_days)
            .unwrap_or(default.older_than_days)
            .max(1),
        bucket_minutes: spec.bucket_minutes.or(resolution).unwrap_or(default.bucket_minutes).max(1),
    })
}

fn networking(context: &mut Context<'_>, spec: &NetworkingSpec) -> NetworkingSettings {
    let default = NetworkingSettings::default();
    let ping = spec.ping.clone().unwrap_or_default();
    let dns = spec.dns.clone().unwrap_or_default();
    let (field, resolvers) = match dns.resolvers {
        Some(list) => ("resolvers", list),
        None => ("servers", dns.servers.unwrap_or_default()),
    };
    for (index, server) in resolvers.iter().enumerate() {
        context.host_port(&format!("spec.networking.dns.{field}[{index}]"), server, true);
    }
    if let Some(agent) = &spec.user_agent
        && agent.contains(|c: char| c.is_control())
    {
        context.error("spec.networking.userAgent", "the value of a header must be one line");
    }
    NetworkingSettings {
        user_agent: spec.user_agent.clone().unwrap_or(default.user_agent),
        resolvers,
        dns_timeout: dns.timeout_seconds.map_or(default.dns_timeout, |n| seconds(n.max(1))),
        ping_mode: ping.mode.map_or(default.ping_mode, ping_mode),
        ping_tcp_fallback_port: ping.tcp_fallback_port.unwrap_or(default.ping_tcp_fallback_port),
        ping_privileged: ping.privileged.unwrap_or(default.ping_privileged),
        egress: egress(context, &spec.egress.clone().unwrap_or_default()),
        self_check: self_check(context, &spec.self_check.clone().unwrap_or_default()),
    }
}

const fn ping_mode(spec: PingModeSpec) -> PingMode {
    match spec {
        PingModeSpec::Icmp => PingMode::Icmp,
        PingModeSpec::TcpFallback => PingMode::TcpFallback,
        PingModeSpec::TcpOnly => PingMode::TcpOnly,
    }
}

fn egress(context: &mut Context<'_>, spec: &EgressSpec) -> EgressSettings {
    EgressSettings {
        allow: networks(context, "allow", spec.allow.as_deref().unwrap_or_default()),
        deny: networks(context, "deny", spec.deny.as_deref().unwrap_or_default()),
        allow_link_local: spec.allow_link_local.unwrap_or(false),
        // Added from the Namespaces when the catalog is built.
        namespaces: std::collections::BTreeMap::new(),
    }
}

fn networks(context: &mut Context<'_>, field: &str, list: &[String]) -> Vec<IpNet> {
    let mut networks = Vec::with_capacity(list.len());
    for (index, text) in list.iter().enumerate() {
        match kuma_core::egress::network(text) {
            Some(network) => networks.push(network),
            None => context.push(
                Problem::semantic(
                    format!("spec.networking.egress.{field}[{index}]"),
                    "this is not a network",
                )
                .with_value(text)
                .with_fix("write it in CIDR notation, as 10.0.0.0/8 or 2001:db8::/32"),
            ),
        }
    }
    networks
}

fn self_check(context: &mut Context<'_>, spec: &SelfCheckSpec) -> SelfCheckSettings {
    let default = SelfCheckSettings::default();
    let targets = spec.targets.clone().unwrap_or_default();
    for (index, target) in targets.iter().enumerate() {
        let path = format!("spec.networking.selfCheck.targets[{index}]");
        context.host_port(&path, target, false);
    }
    SelfCheckSettings {
        targets,
        enabled: spec.enabled.unwrap_or(default.enabled),
        min_monitors: spec.min_monitors.unwrap_or(default.min_monitors).max(1),
        min_hosts: spec.min_hosts.unwrap_or(default.min_hosts).max(1),
        fraction: spec.fraction.unwrap_or(default.fraction).clamp(0.0, 1.0),
    }
}

fn public(context: &mut Context<'_>, spec: &PublicEndpointsSpec) -> PublicSettings {
    let default = PublicSettings::default();
    let metrics = spec.metrics.clone().unwrap_or_default();
    let auth = match (metrics.auth_mode, &metrics.basic_auth_secret_ref) {
        (Some(MetricsAuthMode::Basic), Some(secret)) => MetricsAuth::Basic(secret_ref(secret)),
        (Some(MetricsAuthMode::Basic), None) => {
            context.error(
                "spec.publicEndpoints.metrics.basicAuthSecretRef",
                "authMode basic needs basicAuthSecretRef",
            );
            MetricsAuth::ApiKey
        }
        (Some(MetricsAuthMode::ApiKey), _) => MetricsAuth::ApiKey,
        (Some(MetricsAuthMode::Open) | None, _) => MetricsAuth::Open,
    };
    let enabled = metrics.enabled.unwrap_or(true);
    PublicSettings {
        status_pages: spec.status_pages_enabled.unwrap_or(default.status_pages),
        badges: spec.badges_enabled.unwrap_or(default.badges),
        metrics_path: metrics.path.or(default.metrics_path).filter(|_| enabled),
        metrics_auth: auth,
        uptime_kuma_names: metrics.uptime_kuma_names.unwrap_or(default.uptime_kuma_names),
        probe_free_targets: spec
            .probe
            .as_ref()
            .and_then(|it| it.free_targets)
            .unwrap_or(default.probe_free_targets),
    }
}

fn discovery(context: &mut Context<'_>, spec: &DiscoverySpec) -> DiscoverySettings {
    let default = DiscoverySettings::default();
    let behavior = spec.behavior.clone().unwrap_or_default();
    let mut sources: Vec<_> = spec
        .sources
        .iter()
        .flatten()
        .map(|source| match source.type_ {
            DiscoverySourceType::Ingress => DiscoverySource::Ingress,
            DiscoverySourceType::GatewayApi => DiscoverySource::GatewayApi,
            DiscoverySourceType::Service => DiscoverySource::Service,
        })
        .collect();
    sources.sort_unstable();
    sources.dedup();
    if spec.enabled == Some(true) && sources.is_empty() {
        context.push(
            Problem::warning("spec.discovery.sources", "without a source nothing is looked for")
                .with_fix("name one or more of ingress, gatewayapi and service"),
        );
    }
    if behavior.write_crds == Some(true) && spec.enabled != Some(true) {
        context.push(
            Problem::warning(
                "spec.discovery.behavior.writeCrds",
                "discovery is off, so no Monitor is created",
            )
            .with_fix("set discovery.enabled to true"),
        );
    }
    if let Some(path) = &behavior.default_health_path
        && path.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#')
    {
        context.push(
            Problem::semantic(
                "spec.discovery.behavior.defaultHealthPath",
                "this is not the path of an address",
            )
            .with_value(path)
            .with_fix("write it as /healthz, with %20 for a space"),
        );
    }
    DiscoverySettings {
        enabled: spec.enabled.unwrap_or(default.enabled),
        sources,
        show_suggestions: behavior.show_suggestions_in_ui.unwrap_or(default.show_suggestions),
        write_crds: behavior.write_crds.unwrap_or(default.write_crds),
        default_health_path: behavior.default_health_path.unwrap_or(default.default_health_path),
    }
}
