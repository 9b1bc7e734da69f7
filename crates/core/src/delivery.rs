//! What becomes of a message after an attempt to deliver it (`engine.md`, Deliver): again later,
//! never, or by another way. Pure: the pipeline in `crates/notify` asks here and nowhere else.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::digest;

use crate::id::ObjectName;
use crate::policy::Policy;
use crate::ports::{DeliveryEnd, OutboxRow};
use crate::provider::{Provider, ProviderConfig};
use crate::time::{Timestamp, between, plus};

/// A message that could not be delivered is tried again until it is this old.
pub const GIVE_UP_AFTER: Duration = Duration::from_hours(24);
/// The longest that a receiver's `Retry-After` is honoured.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);
/// Wait before the second attempt, doubled with each further one.
pub const FIRST_BACKOFF: Duration = Duration::from_secs(2);
/// The longest wait that doubling leads to.
pub const LONGEST_BACKOFF: Duration = Duration::from_mins(10);
/// How long a provider is left alone after a 429 that does not say.
pub const DEFAULT_PAUSE: Duration = Duration::from_secs(30);
/// Failed attempts in a row after which a provider counts as unhealthy though it may recover.
pub const UNHEALTHY_AFTER: u32 = 3;
/// Longest text of an error that is kept, in bytes.
const LONGEST_DETAIL: usize = 500;

macro_rules! reasons {
    ($($variant:ident = $code:literal, $meaning:literal;)*) => {
        /// Why a delivery did not succeed: log field, metric label and part of the delivery log.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DeliveryReason {
            $(#[doc = $meaning] $variant,)*
        }

        impl DeliveryReason {
            /// Every reason, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What it means, as one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

reasons! {
    Timeout = "TIMEOUT", "The receiver did not answer in time.";
    Connect = "CONNECT", "The receiver cannot be reached.";
    Tls = "TLS", "The TLS connection to the receiver failed.";
    Network = "NETWORK", "The connection broke before the receiver had answered.";
    Throttled = "THROTTLED", "The receiver asks to be left alone for a while.";
    ServerError = "SERVER_ERROR", "The receiver has trouble of its own.";
    BadAnswer = "BAD_ANSWER", "The receiver's answer makes no sense.";
    Rejected = "REJECTED", "The receiver refuses the message for good.";
    Unauthorized = "UNAUTHORIZED", "The receiver does not accept our credentials.";
    Gone = "GONE", "The receiver says that it does not exist any more.";
    Redirected = "REDIRECTED", "The receiver redirects, which is not followed.";
    EgressDenied = "EGRESS_DENIED", "The receiver's address is not one that may be asked.";
    SecretMissing = "SECRET_MISSING", "A Secret that the provider needs is missing or may not be used.";
    Misconfigured = "MISCONFIGURED", "The provider's configuration cannot be used.";
    Unrenderable = "UNRENDERABLE", "The message cannot be put into the provider's form.";
    ProviderMissing = "PROVIDER_MISSING", "The provider does not exist.";
    ProviderDisabled = "PROVIDER_DISABLED", "The provider is disabled.";
    ProviderUnsupported = "PROVIDER_UNSUPPORTED", "This build does not send through providers of this type.";
    Expired = "EXPIRED", "The message could not be delivered within 24 hours.";
}

impl fmt::Display for DeliveryReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// Why an attempt to deliver did not succeed. The detail is for people and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// Not now; the pipeline tries again.
    #[error("{reason}: {detail}")]
    Retryable {
        /// Why.
        reason: DeliveryReason,
        /// What the receiver asked to wait, if it did.
        after: Option<Duration>,
        /// What happened, as one sentence.
        detail: String,
    },
    /// Never, unless somebody changes something.
    #[error("{reason}: {detail}")]
    Permanent {
        /// Why.
        reason: DeliveryReason,
        /// What happened, as one sentence.
        detail: String,
    },
}

impl DeliveryError {
    /// An error that another attempt may mend.
    pub fn retryable(reason: DeliveryReason, detail: impl Into<String>) -> Self {
        Self::Retryable { reason, after: None, detail: shorten(detail.into()) }
    }

    /// An error that no attempt mends.
    pub fn permanent(reason: DeliveryReason, detail: impl Into<String>) -> Self {
        Self::Permanent { reason, detail: shorten(detail.into()) }
    }

    /// The receiver wants to be left alone.
    pub fn throttled(after: Option<Duration>, detail: impl Into<String>) -> Self {
        Self::Retryable { reason: DeliveryReason::Throttled, after, detail: shorten(detail.into()) }
    }

    /// Adds what the receiver asked to wait, if it did and the error may be retried.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        if let Self::Retryable { after, .. } = &mut self {
            *after = wait.or(*after);
        }
        self
    }

    /// Why.
    pub const fn reason(&self) -> DeliveryReason {
        match self {
            Self::Retryable { reason, .. } | Self::Permanent { reason, .. } => *reason,
        }
    }

    /// Whether another attempt may help.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Retryable { .. })
    }
}

/// Cuts a detail to what is worth keeping, at a character's boundary.
fn shorten(mut detail: String) -> String {
    if detail.len() > LONGEST_DETAIL {
        detail.truncate(detail.floor_char_boundary(LONGEST_DETAIL));
        detail.push('…');
    }
    detail
}

/// What is known of a message when an attempt fails.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The message's key; the jitter comes from it.
    pub key: &'a str,
    /// Attempts made, this one included.
    pub attempts: u32,
    /// When the message was enqueued.
    pub created_at: Timestamp,
}

/// What follows a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// For the store.
    pub end: DeliveryEnd,
    /// Why, for log and metrics.
    pub reason: DeliveryReason,
    /// Until when nothing is sent through the provider, if it asked for that.
    pub pause_until: Option<Timestamp>,
}

impl Decision {
    /// Whether the message is given up, so that fallback providers are told instead.
    pub const fn is_dead(&self) -> bool {
        matches!(self.end, DeliveryEnd::Dead { .. })
    }
}

/// Decides what follows a failed attempt at `now`: again after a backoff while the message is
/// younger than 24 h, else never. A 429 pauses the whole provider.
pub fn after_failure(error: &DeliveryError, attempt: Attempt<'_>, now: Timestamp) -> Decision {
    let DeliveryError::Retryable { reason, after, .. } = error else {
        return Decision {
            end: DeliveryEnd::Dead { error: error.to_string() },
            reason: error.reason(),
            pause_until: None,
        };
    };
    let asked = after.map(|wait| wait.min(LONGEST_RETRY_AFTER));
    let pause = (*reason == DeliveryReason::Throttled).then(|| asked.unwrap_or(DEFAULT_PAUSE));
    let pause_until = pause.map(|wait| plus(now, wait));
    let wait = backoff(attempt.key, attempt.attempts)
        .max(asked.unwrap_or_default())
        .max(pause.unwrap_or_default());
    if between(attempt.created_at, plus(now, wait)) > GIVE_UP_AFTER {
        return Decision {
            end: DeliveryEnd::Dead {
                error: format!(
                    "{}: not delivered within 24 h in {} attempts, last {error}",
                    DeliveryReason::Expired,
                    attempt.attempts
                ),
            },
            reason: DeliveryReason::Expired,
            pause_until,
        };
    }
    Decision {
        end: DeliveryEnd::Retry { at: plus(now, wait), error: error.to_string() },
        reason: *reason,
        pause_until,
    }
}

/// The wait after the `attempts`-th attempt: doubling from [`FIRST_BACKOFF`] to
/// [`LONGEST_BACKOFF`], within ±25 % that depend on key and attempt only, so that messages that
/// failed together are not all sent together again and a replay waits the same.
pub fn backoff(key: &str, attempts: u32) -> Duration {
    let doubled = FIRST_BACKOFF
        .saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)))
        .min(LONGEST_BACKOFF);
    let hash = digest::digest(&digest::SHA256, format!("{key}\n{attempts}").as_bytes());
    let byte = u32::from(hash.as_ref().first().copied().unwrap_or_default());
    // 768 … 1278 of 1024: three quarters to five quarters.
    doubled.saturating_mul(768 + byte * 2) / 1024
}

/// Whether the provider may be used at all; `None` is a provider that the catalog does not know.
pub fn usable<'a>(
    provider: Option<&'a Provider>,
    name: &ObjectName,
) -> Result<&'a Provider, DeliveryError> {
    let Some(provider) = provider else {
        return Err(DeliveryError::permanent(
            DeliveryReason::ProviderMissing,
            format!("there is no NotificationProvider {name}"),
        ));
    };
    if !provider.enabled {
        return Err(DeliveryError::permanent(
            DeliveryReason::ProviderDisabled,
            format!("NotificationProvider {name} has `enabled: false`"),
        ));
    }
    if let ProviderConfig::Unsupported(provider_type) = &provider.config {
        return Err(DeliveryError::permanent(
            DeliveryReason::ProviderUnsupported,
            format!("this build does not send through providers of type {provider_type}"),
        ));
    }
    Ok(provider)
}

/// The rows that take the place of dead ones: one per fallback provider of the policy. A row that
/// was itself for a fallback provider goes nowhere else, so fallbacks never chase each other.
pub fn fallback_rows(
    dead: &[OutboxRow],
    why: &str,
    policy: Option<&Policy>,
    provider_type: impl Fn(&ObjectName) -> Option<String>,
    now: Timestamp,
) -> Vec<OutboxRow> {
    let Some(policy) = policy else {
        return Vec::new();
    };
    dead.iter()
        .filter(|row| !policy.fallback_providers.contains(&row.provider))
        .flat_map(|row| {
            policy.fallback_providers.iter().map(|provider| OutboxRow {
                key: fallback_key(&row.key, provider),
                subject: row.subject.clone(),
                monitor: row.monitor,
                policy: row.policy.clone(),
                provider: provider.clone(),
                provider_type: provider_type(provider).unwrap_or_default(),
                not_before: now,
                group_key: row.group_key.clone(),
                merges: row.merges.as_deref().map(|key| fallback_key(key, provider)),
                event: fallback_event(row, why),
            })
        })
        .collect()
}

fn fallback_event(row: &OutboxRow, why: &str) -> crate::event::Event {
    let mut event = row.event.clone();
    let here = format!("sent here because {} failed: {why}", row.provider);
    event.note = Some(match event.note.take() {
        Some(note) => format!("{note}; {here}"),
        None => here,
    });
    event
}

/// The key of a message that falls back to `provider`: derived, so that enqueuing it twice is
/// enqueuing it once.
pub fn fallback_key(key: &str, provider: &ObjectName) -> String {
    let hash = digest::digest(&digest::SHA256, format!("{key}\nfallback\n{provider}").as_bytes());
    let length = key.len().clamp(16, 64);
    let mut text = String::with_capacity(64);
    for byte in hash.as_ref() {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text.truncate(length);
    text
}

#[cfg(test)]
mod tests;
