//! Names and surrogates: how things are called outside and inside.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The public name of an object, `namespace/name`. Cluster-scoped kinds have an empty namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ObjectName {
    /// The namespace; empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// The name within the namespace.
    pub name: Arc<str>,
}

impl ObjectName {
    /// Builds a name from its two parts.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

impl fmt::Debug for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<ObjectName> for String {
    fn from(name: ObjectName) -> Self {
        name.to_string()
    }
}

/// A text that is not `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form namespace/name")]
pub struct NotAName(pub String);

impl FromStr for ObjectName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        match text.split_once('/') {
            Some((namespace, name))
                if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
            {
                Ok(Self::new(namespace, name))
            }
            None if !text.is_empty() => Ok(Self::new("", text)),
            _ => Err(NotAName(text.to_owned())),
        }
    }
}

impl TryFrom<String> for ObjectName {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, NotAName> {
        text.parse()
    }
}

/// The ten kinds of `monitoring.kubekuma.io/v1` and the two foreign ones a folder may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A single check.
    Monitor,
    /// Many monitors written once.
    MonitorSet,
    /// A channel that messages go through.
    NotificationProvider,
    /// Who is told what.
    NotificationPolicy,
    /// A public page.
    StatusPage,
    /// Planned work.
    MaintenanceWindow,
    /// Ad-hoc muting.
    Silence,
    /// A person who signs in with a password.
    LocalUser,
    /// A key for programs.
    ApiKey,
    /// The one settings object.
    KubeKumaSettings,
    /// `v1/Secret`, read from folders.
    Secret,
    /// `v1/Namespace`, read from folders for its grants.
    Namespace,
}

impl Kind {
    /// The ten kinds of our own group, in the order of the documentation.
    pub const OURS: [Self; 10] = [
        Self::Monitor,
        Self::MonitorSet,
        Self::NotificationProvider,
        Self::NotificationPolicy,
        Self::StatusPage,
        Self::MaintenanceWindow,
        Self::Silence,
        Self::LocalUser,
        Self::ApiKey,
        Self::KubeKumaSettings,
    ];

    /// The name as written in `kind:`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Monitor => "Monitor",
            Self::MonitorSet => "MonitorSet",
            Self::NotificationProvider => "NotificationProvider",
            Self::NotificationPolicy => "NotificationPolicy",
            Self::StatusPage => "StatusPage",
            Self::MaintenanceWindow => "MaintenanceWindow",
            Self::Silence => "Silence",
            Self::LocalUser => "LocalUser",
            Self::ApiKey => "ApiKey",
            Self::KubeKumaSettings => "KubeKumaSettings",
            Self::Secret => "Secret",
            Self::Namespace => "Namespace",
        }
    }

    /// Whether objects of the kind live outside namespaces.
    pub const fn is_cluster_scoped(self) -> bool {
        matches!(self, Self::KubeKumaSettings | Self::Namespace)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An object's identity across all kinds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// What it is.
    pub kind: Kind,
    /// How it is called.
    pub name: ObjectName,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// The store's surrogate for a monitor, stable for its public name (`engine.md`, time and identity).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct MonitorId(pub i64);

/// A map by surrogate. Surrogates are ours, so nobody can choose them to collide, and a good hash
/// of eight bytes is not worth its price where every attempt looks things up twenty times.
pub type IdMap<T> = HashMap<MonitorId, T, BuildHasherDefault<IdHasher>>;

/// The hash of [`IdMap`]: one multiplication, which spreads small numbers over all bits.
#[derive(Debug, Default, Clone, Copy)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_i64(&mut self, number: i64) {
        self.write_u64(number.cast_unsigned());
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio's fraction; the high bits are the well mixed ones, and tables use both.
        let product = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ product.rotate_left(32);
    }
}

/// An incident's number: its monitor's surrogate and a sequence within it, so that it is derived
/// and not drawn, and fits the 53 bits that JSON readers keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IncidentId(pub i64);

impl IncidentId {
    const SEQUENCE_BITS: u32 = 20;

    /// The id of the `sequence`-th incident of a monitor, counted from 1.
    pub const fn new(monitor: MonitorId, sequence: u32) -> Self {
        Self(
            (monitor.0 << Self::SEQUENCE_BITS)
                | (sequence as i64 & ((1 << Self::SEQUENCE_BITS) - 1)),
        )
    }

    /// Its number among the incidents of its monitor, counted from 1.
    pub fn sequence(self) -> u32 {
        u32::try_from(self.0 & ((1 << Self::SEQUENCE_BITS) - 1)).unwrap_or_default()
    }

    /// The monitor that the incident is about.
    pub const fn monitor(self) -> MonitorId {
        MonitorId(self.0 >> Self::SEQUENCE_BITS)
    }
}
