//! The ten kinds of `monitoring.kubekuma.io/v1`, one file each, as they are written.
//!
//! Every field is optional unless it is required for the object to mean anything: defaults are
//! filled in by [`crate::convert`], never by the API server, so that "not set" stays visible to
//! `MonitorSet.defaults` and to the rules about aliases. Descriptions name the defaults.

#![expect(
    clippy::duplicated_attributes,
    reason = "each printer column of the derive repeats the keys of the others"
)]

pub mod api_key;
pub mod common;
pub mod local_user;
pub mod maintenance_window;
pub mod monitor;
pub mod monitor_set;
pub mod notification_policy;
pub mod notification_provider;
mod rules;
pub mod settings;
pub mod silence;
pub mod status_page;

pub use api_key::{ApiKey, ApiKeySpec};
pub use local_user::{LocalUser, LocalUserSpec};
pub use maintenance_window::{MaintenanceWindow, MaintenanceWindowSpec};
pub use monitor::{Monitor, MonitorSpec};
pub use monitor_set::{MonitorSet, MonitorSetSpec};
pub use notification_policy::{NotificationPolicy, NotificationPolicySpec};
pub use notification_provider::{NotificationProvider, NotificationProviderSpec};
pub use settings::{KubeKumaSettings, KubeKumaSettingsSpec};
pub use silence::{Silence, SilenceSpec};
pub use status_page::{StatusPage, StatusPageSpec};

/// The API group of all kinds.
pub const GROUP: &str = "monitoring.kubekuma.io";
/// The version of all kinds.
pub const VERSION: &str = "v1";
/// `apiVersion` of all kinds.
pub const API_VERSION: &str = "monitoring.kubekuma.io/v1";
