//! Messages on their way: outbox rows, claims, the delivery log.

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::id::{IncidentId, MonitorId, ObjectName};
use crate::time::Timestamp;

/// A message to deliver, without rendered text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxRow {
    /// `hash(subject, event, sequence, route step, provider)` in lower-case hex: unique, and the
    /// identity that receivers may dedupe by.
    pub key: String,
    /// What the message is about; with the provider it names the stream whose order is kept.
    pub subject: String,
    /// Which monitor; none for messages about ourselves.
    pub monitor: Option<MonitorId>,
    /// The policy, unless it is the default provider's route.
    pub policy: Option<ObjectName>,
    /// The channel.
    pub provider: ObjectName,
    /// Its type, for the delivery log.
    pub provider_type: String,
    /// Not before this.
    pub not_before: Timestamp,
    /// Rows with the same group key and provider travel together.
    pub group_key: Option<String>,
    /// For an up: the key of the down it may be merged into while that was never attempted.
    pub merges: Option<String>,
    /// What happened.
    pub event: Event,
}

/// A message that was decided not to be sent (held and suppressed, deduped, rate limited), for
/// the delivery log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SuppressedRow {
    /// The row that would have been sent.
    pub row: OutboxRow,
    /// Why not, as one sentence.
    pub why: String,
}

/// A row that a worker may deliver now: the head of its stream, or a whole group.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Identity for receivers: the row's key, or the group's.
    pub key: String,
    /// The rows, at least one; several only for a group.
    pub rows: Vec<OutboxRow>,
    /// An up that was merged into the (first) row's down, if any.
    pub merged_up: Option<Event>,
    /// The bytes frozen by an earlier attempt; they are sent again as they are.
    pub frozen: Option<Vec<u8>>,
    /// Attempts made before this one.
    pub attempts: u32,
    /// Whether an earlier attempt may have arrived (its worker died while sending).
    pub may_be_repeat: bool,
    /// When the first row was enqueued.
    pub created_at: Timestamp,
    /// What the provider gave back for earlier messages about the same incidents, oldest first.
    pub earlier: Vec<Earlier>,
}

/// A message that was sent before, as its provider refers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// What it was about.
    pub incident: IncidentId,
    /// What the provider needs to edit it, reply to it or end it: see [`DeliveryEnd::Sent`].
    pub receipt: String,
}

/// The last message that was sent about an incident, for receivers that must be told again and
/// again that it goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The row.
    pub row: OutboxRow,
    /// Its receipt.
    pub receipt: Option<String>,
}

/// Longest receipt that is kept, in bytes.
pub const LONGEST_RECEIPT: usize = 8 * 1024;

/// How an attempt to deliver ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// Arrived.
    Sent {
        /// What the provider needs to refer to the message later; holds no secret. At most
        /// [`LONGEST_RECEIPT`] bytes, a longer one is not kept.
        receipt: Option<String>,
    },
    /// Not now; again at `at`.
    Retry {
        /// When.
        at: Timestamp,
        /// Why.
        error: String,
    },
    /// Never.
    Dead {
        /// Why.
        error: String,
    },
}

/// A row of the delivery log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Running number.
    pub id: i64,
    /// The key.
    pub key: String,
    /// The incident, if any.
    pub incident: Option<IncidentId>,
    /// The monitor's public name; empty for messages about ourselves.
    pub monitor: String,
    /// Event kind.
    pub event: String,
    /// The policy's name; empty for a default provider.
    pub policy: String,
    /// The provider's name.
    pub provider: String,
    /// `pending`, `sending`, `sent`, `failed`, `deduped`.
    pub status: String,
    /// Attempts so far.
    pub attempts: u32,
    /// Last error, or why it was not sent.
    pub last_error: Option<String>,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
