//! `StatusPage`: a public page about some monitors.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Condition, RefEntry, SecretKeyRef};
use super::rules::{rules, time_rules};

/// A page that shows how some monitors are.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "monitoring.kubekuma.io",
    version = "v1",
    kind = "StatusPage",
    plural = "statuspages",
    namespaced,
    status = "StatusPageStatus",
    derive = "PartialEq",
    category = "kubekuma",
    shortname = "kpage",
    doc = "A page that shows how some monitors are.",
    selectable = ".spec.slug",
    printcolumn(
        name = "Slug",
        type_ = "string",
        json_path = ".spec.slug",
        description = "Path of the page"
    ),
    printcolumn(
        name = "Published",
        type_ = "boolean",
        json_path = ".spec.published",
        description = "Whether it is served"
    ),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.overallStatus",
        description = "How its monitors are together"
    ),
    printcolumn(
        name = "URL",
        type_ = "string",
        json_path = ".status.publishedUrl",
        description = "Where it is"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct StatusPageSpec {
    /// Path of the page, `/status/<slug>`.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub slug: String,
    /// Title.
    #[schemars(length(min = 1, max = 256))]
    pub title: String,
    /// Whether it is served. Default: `false`.
    pub published: Option<bool>,
    /// How it is reached from outside.
    pub exposure: Option<ExposureSpec>,
    /// What it looks like.
    pub content: Option<ContentSpec>,
    /// What is on it.
    #[schemars(length(max = 100), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub groups: Option<Vec<PageGroupSpec>>,
    /// Badges of its monitors.
    pub badges: Option<BadgesSpec>,
    /// Days of history that are shown. Default: `90`.
    #[schemars(range(min = 1, max = 365))]
    pub history_days: Option<u32>,
    /// Whether incidents are shown. Default: `true`.
    pub show_incidents: Option<bool>,
    /// Who may see it.
    pub access: Option<AccessSpec>,
    /// Texts shown above the monitors. Default: none.
    #[schemars(length(max = 50))]
    pub announcements: Option<Vec<AnnouncementSpec>>,
    /// Origins that may show the page in a frame, such as `https://intranet.example.com`.
    /// Default: none.
    #[schemars(length(max = 32), inner(length(min = 1, max = 512)), extend("x-kubernetes-list-type" = "set"))]
    pub frame_ancestors: Option<Vec<String>>,
}

/// How a page is reached from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExposureSpec {
    /// What leads to it. Default: `manual`.
    pub mode: Option<ExposureMode>,
    /// Host names under which the page is at `/`. Default: none.
    #[schemars(length(max = 32), inner(length(min = 1, max = 253)), extend("x-kubernetes-list-type" = "set"))]
    pub hosts: Option<Vec<String>>,
    /// TLS.
    pub tls: Option<ExposureTlsSpec>,
    /// Whether KubeKuma makes the Ingress or HTTPRoute. Default: `false`, it only checks it.
    pub manage: Option<bool>,
}

/// What leads to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum ExposureMode {
    /// An Ingress.
    Ingress,
    /// An HTTPRoute of the Gateway API.
    GatewayApi,
    /// Whatever you make.
    Manual,
}

/// TLS of an exposed page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExposureTlsSpec {
    /// Secret with the certificate.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,
}

/// What a page looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContentSpec {
    /// Text below the title.
    #[schemars(length(max = 4096))]
    pub description: Option<String>,
    /// Logo and colours.
    pub branding: Option<BrandingSpec>,
    /// CSS added to the page.
    #[schemars(length(max = 65_536))]
    pub custom_css: Option<String>,
    /// Text at the end.
    #[schemars(length(max = 4096))]
    pub footer: Option<String>,
}

/// Logo and colours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BrandingSpec {
    /// Address of the logo.
    #[schemars(length(min = 1, max = 2048))]
    pub logo_url: Option<String>,
    /// Address of the icon.
    #[schemars(length(min = 1, max = 2048))]
    pub favicon_url: Option<String>,
    /// Colours.
    pub theme: Option<ThemeSpec>,
}

/// Colours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.darkMode) || !has(self.colorScheme)",
    "darkMode is the older form of colorScheme; set only one of them",
)])))]
pub struct ThemeSpec {
    /// Colour of links and accents, `#rgb` or `#rrggbb`. Default: the product's.
    #[schemars(length(max = 7), regex(pattern = "^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$"))]
    pub primary_color: Option<String>,
    /// `true` is `colorScheme: dark`, `false` is `light`.
    pub dark_mode: Option<bool>,
    /// Light, dark, or what the reader's system says. Default: `system`.
    pub color_scheme: Option<ColorScheme>,
}

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum ColorScheme {
    /// Light.
    Light,
    /// Dark.
    Dark,
    /// What the reader's system says.
    System,
}

/// A group of monitors on a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageGroupSpec {
    /// Heading.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Text below it.
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
    /// Its monitors, in order.
    #[schemars(length(max = 500))]
    pub monitors: Option<Vec<RefEntry>>,
}

/// Badges of a page's monitors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BadgesSpec {
    /// Whether they are served. Default: `true`.
    pub enabled: Option<bool>,
    /// For every monitor, or for groups only. Default: `all`.
    pub scope: Option<BadgeScope>,
}

/// What badges are served for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum BadgeScope {
    /// Every monitor and group.
    All,
    /// Groups only.
    Group,
    /// Alias of `all`.
    AllMonitors,
    /// Alias of `group`.
    GroupOnly,
}

/// Who may see a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "(has(self.mode) && self.mode == 'password') == has(self.passwordSecretRef)",
    "mode password and passwordSecretRef need each other",
)])))]
pub struct AccessSpec {
    /// Everybody, whoever knows the password, or whoever is signed in. Default: `public`.
    pub mode: Option<AccessMode>,
    /// Secret with the password.
    pub password_secret_ref: Option<SecretKeyRef>,
}

/// Who may see a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum AccessMode {
    /// Everybody.
    Public,
    /// Whoever knows the password.
    Password,
    /// Whoever is signed in.
    Authenticated,
}

/// A text shown above the monitors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnnouncementSpec {
    /// Heading.
    #[schemars(length(min = 1, max = 256))]
    pub title: String,
    /// Text.
    #[schemars(length(max = 4096))]
    pub message: Option<String>,
    /// How it is coloured. Default: `info`.
    pub severity: Option<AnnouncementSeverity>,
    /// From when on it is shown (RFC 3339). Default: at once.
    #[schemars(extend("format" = "date-time", "x-kubernetes-validations" = time_rules()))]
    pub starts_at: Option<String>,
    /// Until when it is shown (RFC 3339). Default: until it is removed.
    #[schemars(extend("format" = "date-time", "x-kubernetes-validations" = time_rules()))]
    pub ends_at: Option<String>,
}

/// How an announcement is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum AnnouncementSeverity {
    /// For information.
    Info,
    /// Something to mind.
    Warning,
    /// Something is broken.
    Critical,
}

/// Where a page is and how its monitors are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusPageStatus {
    /// Generation of the spec that the status is about.
    pub observed_generation: Option<i64>,
    /// `Valid`, `Reconciled` and `Ready`.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
    /// Where the page is.
    #[schemars(length(max = 2048))]
    pub published_url: Option<String>,
    /// Monitors on it.
    pub monitor_count: Option<i64>,
    /// `operational`, `degraded`, `down` or `maintenance`.
    #[schemars(length(max = 32))]
    pub overall_status: Option<String>,
}
