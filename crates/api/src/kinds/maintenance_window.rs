//! `MaintenanceWindow`: planned work.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Condition, MonitorSelector};
use super::rules::rules;

/// Planned work, once or again and again.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "monitoring.kubekuma.io",
    version = "v1",
    kind = "MaintenanceWindow",
    plural = "maintenancewindows",
    namespaced,
    status = "MaintenanceWindowStatus",
    derive = "PartialEq",
    category = "kubekuma",
    shortname = "kmw",
    doc = "Planned work on the monitors that it matches, once or again and again.",
    printcolumn(
        name = "Active",
        type_ = "boolean",
        json_path = ".status.isActive",
        description = "Whether it is open"
    ),
    printcolumn(
        name = "Next",
        type_ = "string",
        json_path = ".status.nextOccurrence",
        description = "When it opens next"
    ),
    printcolumn(
        name = "Monitors",
        type_ = "integer",
        json_path = ".status.monitorCount",
        description = "Monitors that it matches"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceWindowSpec {
    /// Whether the window does anything. Default: `true`.
    pub enabled: Option<bool>,
    /// For people.
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
    /// When it happens.
    pub schedule: WindowScheduleSpec,
    /// Monitors that are worked on. Default: all of the window's namespace, or all of the
    /// installation for windows in KubeKuma's own namespace.
    #[serde(rename = "match")]
    pub match_: Option<MonitorSelector>,
    /// What happens meanwhile.
    pub behavior: Option<WindowBehaviorSpec>,
}

/// When a window is open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    ("has(self.end) != has(self.durationMinutes)", "set either end or durationMinutes"),
    (
        "has(self.start) || (has(self.recurrence) && has(self.recurrence.cron))",
        "set start (only a cron recurrence does without)",
    ),
    (
        "!has(self.end) || has(self.start)",
        "end needs start; a window without start takes durationMinutes",
    ),
])))]
pub struct WindowScheduleSpec {
    /// When it opens, first if it recurs: RFC 3339 (`2026-03-01T02:00:00Z`), or without offset
    /// (`2026-03-01T02:00`) in `timeZone`. A cron recurrence may do without.
    #[schemars(length(min = 10, max = 64))]
    pub start: Option<String>,
    /// When it closes, first if it recurs; written as `start`.
    #[schemars(length(min = 10, max = 64))]
    pub end: Option<String>,
    /// Minutes for which it is open, instead of `end`.
    #[schemars(range(min = 1, max = 525_600))]
    pub duration_minutes: Option<u32>,
    /// How it recurs. Default: it does not.
    pub recurrence: Option<RecurrenceSpec>,
    /// IANA time zone of `start`, `end` and the recurrence. Default: `UTC`.
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,
}

/// How a window recurs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "has(self.rrule) != has(self.cron)",
    "set either rrule or cron",
)])))]
pub struct RecurrenceSpec {
    /// RFC 5545 rule, such as `FREQ=WEEKLY;BYDAY=SU`.
    #[schemars(length(min = 1, max = 1024))]
    pub rrule: Option<String>,
    /// Cron line of five fields, such as `0 2 * * 0`.
    #[schemars(length(min = 1, max = 256))]
    pub cron: Option<String>,
}

/// What happens while a window is open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WindowBehaviorSpec {
    /// Whether messages are held back until it closes. Default: `true`.
    pub suppress_notifications: Option<bool>,
    /// Whether checks stop. Default: `false`.
    pub pause_checks: Option<bool>,
    /// Whether its time counts in uptime; the settings' `uptime.countMaintenance` turns that on
    /// for all windows. Default: `false`.
    pub count_in_uptime: Option<bool>,
    /// What status pages show.
    pub status_page: Option<WindowBannerSpec>,
}

/// What status pages show while a window is open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WindowBannerSpec {
    /// Whether there is a banner. Default: `true`.
    pub show_banner: Option<bool>,
    /// Its text. Default: the description, else the window's name.
    #[schemars(length(min = 1, max = 1024))]
    pub banner_text: Option<String>,
}

/// Whether a window is open.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceWindowStatus {
    /// Generation of the spec that the status is about.
    pub observed_generation: Option<i64>,
    /// `Valid`, `Reconciled` and `Ready`.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
    /// Whether it is open.
    pub is_active: Option<bool>,
    /// When it opens next (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub next_occurrence: Option<String>,
    /// Monitors that it matches.
    pub monitor_count: Option<i64>,
}
