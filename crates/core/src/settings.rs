//! The one settings object, validated, with every default filled in (`crds.md`,
//! KubeKumaSettings).

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::egress::EgressSettings;
use crate::secret::SecretRef;

/// Everything that can be set for the whole installation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// `mode`.
    pub mode: ModeSettings,
    /// `tenancy.isolated`.
    pub tenancy_isolated: bool,
    /// `auth`; used once sign-in exists.
    pub auth: AuthSettings,
    /// `scheduler`.
    pub scheduler: SchedulerSettings,
    /// `retention`.
    pub retention: RetentionSettings,
    /// `networking`.
    pub networking: NetworkingSettings,
    /// `publicEndpoints`.
    pub public: PublicSettings,
    /// `discovery`; used in cluster mode.
    pub discovery: DiscoverySettings,
    /// `uptime.countMaintenance`.
    pub uptime_count_maintenance: bool,
    /// `heartbeatUrlSecretRef`: pinged while we are well.
    pub heartbeat_url: Option<SecretRef>,
}

/// `mode`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModeSettings {
    /// Refuse mutations.
    pub gitops_read_only: bool,
    /// One active instance.
    pub single_instance_required: bool,
}

impl Default for ModeSettings {
    fn default() -> Self {
        Self { gitops_read_only: false, single_instance_required: true }
    }
}

/// Who signs people in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// An OpenID Connect provider.
    Oidc,
    /// `LocalUser` objects.
    #[default]
    Local,
    /// Nobody: everybody is an administrator.
    Disabled,
}

/// `auth`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthSettings {
    /// Who signs people in.
    pub mode: AuthMode,
    /// Whether local users may sign in too when `mode` is oidc.
    pub local_enabled: bool,
    /// How long a session lasts.
    pub session_max_age: Duration,
    /// Whether people may sign up.
    pub allow_signup: bool,
    /// Whether API keys work.
    pub api_keys_enabled: bool,
    /// How many keys a user may have.
    pub max_keys_per_user: u32,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            mode: AuthMode::Local,
            local_enabled: true,
            session_max_age: Duration::from_secs(604_800),
            allow_signup: false,
            api_keys_enabled: true,
            max_keys_per_user: 5,
        }
    }
}

/// `scheduler`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulerSettings {
    /// Shortest interval a monitor may have.
    pub min_interval: Duration,
    /// Network checks at once; none is automatic (open files ÷ 4, at most 16,384).
    pub max_concurrent_net: Option<u32>,
    /// Privileged checks at once.
    pub max_concurrent_priv: u32,
    /// Checks of one host at once.
    pub max_per_host: u32,
    /// Timeout of an attempt where the monitor has none.
    pub default_timeout: Duration,
    /// Bound of the per-run offset in per cent of the interval.
    pub jitter_percent: u32,
    /// When a state changes too often.
    pub flapping: FlappingSettings,
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        Self {
            min_interval: Duration::from_secs(10),
            max_concurrent_net: None,
            max_concurrent_priv: 256,
            max_per_host: 8,
            default_timeout: Duration::from_secs(30),
            jitter_percent: 10,
            flapping: FlappingSettings::default(),
        }
    }
}

/// `scheduler.flapping`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlappingSettings {
    /// Whether it is looked for.
    pub enabled: bool,
    /// How far back toggles count.
    pub window: Duration,
    /// How many toggles make it.
    pub toggle_threshold: u32,
    /// How long messages are quiet at most.
    pub suppress: Duration,
}

impl Default for FlappingSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            window: Duration::from_secs(600),
            toggle_threshold: 6,
            suppress: Duration::from_secs(1800),
        }
    }
}

/// `retention`, in days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Down-sampled history.
    pub heartbeats_days: u32,
    /// Raw results with evidence.
    pub checks_days: u32,
    /// Closed incidents.
    pub incidents_days: u32,
    /// Audit events.
    pub audit_days: u32,
    /// Silences made by the UI or the CLI, after expiry.
    pub silences_days: u32,
    /// Down-sampling of old results; none is off.
    pub downsample: Option<Downsample>,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            heartbeats_days: 90,
            checks_days: 14,
            incidents_days: 365,
            audit_days: 365,
            silences_days: 30,
            downsample: Some(Downsample { older_than_days: 7, bucket_minutes: 1440 }),
        }
    }
}

/// `retention.downsample`: what becomes of latency by hours. Less than a day keeps the hours, which
/// are the finest that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downsample {
    /// Hours older than this are merged.
    pub older_than_days: u32,
    /// Into buckets of this size.
    pub bucket_minutes: u32,
}

/// Whether ping uses ICMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PingMode {
    /// ICMP or nothing.
    Icmp,
    /// ICMP, and TCP where ICMP is not permitted to us.
    #[default]
    TcpFallback,
    /// TCP.
    TcpOnly,
}

/// `networking`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkingSettings {
    /// `User-Agent` of HTTP checks.
    pub user_agent: String,
    /// DNS servers as `address` or `address:port`; empty is the system's.
    pub resolvers: Vec<String>,
    /// Timeout of a name look-up.
    pub dns_timeout: Duration,
    /// Whether ping uses ICMP.
    pub ping_mode: PingMode,
    /// Port of the TCP fallback.
    pub ping_tcp_fallback_port: u16,
    /// Whether raw sockets may be used.
    pub ping_privileged: bool,
    /// Which addresses may be asked.
    pub egress: EgressSettings,
    /// The own-fault guard.
    pub self_check: SelfCheckSettings,
}

impl Default for NetworkingSettings {
    fn default() -> Self {
        Self {
            user_agent: concat!("KubeKuma/", env!("CARGO_PKG_VERSION")).to_owned(),
            resolvers: Vec::new(),
            dns_timeout: Duration::from_secs(5),
            ping_mode: PingMode::TcpFallback,
            ping_tcp_fallback_port: 443,
            ping_privileged: true,
            egress: EgressSettings::default(),
            self_check: SelfCheckSettings::default(),
        }
    }
}

/// `networking.selfCheck`: when so much fails at once that it may be our own fault.
#[derive(Debug, Clone, PartialEq)]
pub struct SelfCheckSettings {
    /// `host:port` asked to see whether we have a network; empty asks nobody.
    pub targets: Vec<String>,
    /// Whether the guard is on.
    pub enabled: bool,
    /// Least number of monitors that newly fail.
    pub min_monitors: u32,
    /// On at least so many networks.
    pub min_hosts: u32,
    /// And more than this share of all that ran, 0 to 1.
    pub fraction: f64,
}

impl Eq for SelfCheckSettings {}

impl Default for SelfCheckSettings {
    fn default() -> Self {
        Self { targets: Vec::new(), enabled: true, min_monitors: 5, min_hosts: 3, fraction: 0.5 }
    }
}

/// Who may read metrics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum MetricsAuth {
    /// Everybody.
    #[default]
    Open,
    /// HTTP Basic; the Secret's entry holds `username:password`.
    Basic(SecretRef),
    /// An API key with the scope `metrics:read`.
    ApiKey,
}

/// `publicEndpoints`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicSettings {
    /// Whether status pages are served.
    pub status_pages: bool,
    /// Whether badges are served.
    pub badges: bool,
    /// Where metrics are served; none is off.
    pub metrics_path: Option<String>,
    /// Who may read them.
    pub metrics_auth: MetricsAuth,
    /// Whether Uptime Kuma's six gauges are served too.
    pub uptime_kuma_names: bool,
    /// Whether `/probe` asks targets that no monitor names.
    pub probe_free_targets: bool,
}

impl Default for PublicSettings {
    fn default() -> Self {
        Self {
            status_pages: true,
            badges: true,
            metrics_path: Some("/metrics".to_owned()),
            metrics_auth: MetricsAuth::Open,
            uptime_kuma_names: false,
            probe_free_targets: false,
        }
    }
}

/// Where `discovery` looks for targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiscoverySource {
    /// Services.
    Service,
    /// Ingresses.
    Ingress,
    /// HTTPRoutes of the Gateway API, and their Gateways.
    GatewayApi,
}

/// `discovery`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoverySettings {
    /// Whether anything is looked for.
    pub enabled: bool,
    /// Where; each once.
    pub sources: Vec<DiscoverySource>,
    /// Whether suggestions are shown.
    pub show_suggestions: bool,
    /// Whether Monitors are created.
    pub write_crds: bool,
    /// Path of suggested HTTP checks.
    pub default_health_path: String,
}

impl Default for DiscoverySettings {
    fn default() -> Self {
        Self {
            enabled: false,
            sources: Vec::new(),
            show_suggestions: true,
            write_crds: false,
            default_health_path: "/healthz".to_owned(),
        }
    }
}
