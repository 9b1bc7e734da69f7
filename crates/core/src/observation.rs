//! What one attempt saw: the only thing a probe returns.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::reason::Reason;
use crate::time::Timestamp;

/// How an attempt ended (`engine.md`, from an attempt to a state).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// The target answered as asked.
    Success,
    /// The target did not.
    Failure(Reason),
    /// Nothing can be said about the target: our own side was at fault.
    Indeterminate(Reason),
}

impl Outcome {
    /// The reason, if it was no success.
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Success => None,
            Self::Failure(reason) | Self::Indeterminate(reason) => Some(reason),
        }
    }
}

/// Where the time went, each in whole microseconds, absent when the phase was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Phases {
    /// Name to address.
    #[serde(rename = "resolveUs", skip_serializing_if = "Option::is_none")]
    pub resolve: Option<u32>,
    /// Address to connection, proxy included.
    #[serde(rename = "connectUs", skip_serializing_if = "Option::is_none")]
    pub connect: Option<u32>,
    /// TLS handshake.
    #[serde(rename = "tlsUs", skip_serializing_if = "Option::is_none")]
    pub tls: Option<u32>,
    /// Request sent to first byte of the answer.
    #[serde(rename = "firstByteUs", skip_serializing_if = "Option::is_none")]
    pub first_byte: Option<u32>,
    /// First byte to last.
    #[serde(rename = "transferUs", skip_serializing_if = "Option::is_none")]
    pub transfer: Option<u32>,
}

impl Phases {
    /// The phases by name, in order, without the absent ones.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u32)> {
        [
            ("resolve", self.resolve),
            ("connect", self.connect),
            ("tls", self.tls),
            ("first_byte", self.first_byte),
            ("transfer", self.transfer),
        ]
        .into_iter()
        .filter_map(|(name, micros)| Some((name, micros?)))
    }
}

/// The certificate that a server showed; the leaf unless said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// SHA-256 of the leaf's DER, in lower-case hex: the identity that warnings are counted by.
    pub fingerprint: String,
    /// The leaf's subject.
    pub subject: String,
    /// The leaf's issuer.
    pub issuer: String,
    /// The leaf's serial number, in lower-case hex.
    pub serial: String,
    /// Names the leaf is valid for (DNS names and addresses), at most 20.
    pub names: Vec<String>,
    /// Start of validity of the leaf.
    pub not_before: Timestamp,
    /// End of validity of the leaf.
    pub expires_at: Timestamp,
    /// The earliest end of validity in the chain as sent.
    pub chain_expires_at: Timestamp,
    /// Whether the chain was verified and found good for the name.
    pub valid: bool,
    /// What is wrong with it, when it is not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What is odd about it and no reason to refuse it, such as a stapled OCSP response that has
    /// expired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What a person needs to see why an attempt failed: ordered facts, bounded in size, without
/// secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence(pub Vec<(String, String)>);

impl Evidence {
    /// Longest value kept; the rest is cut and marked.
    pub const MAX_VALUE_BYTES: usize = 2048;
    /// Most facts kept.
    pub const MAX_FACTS: usize = 40;

    /// Adds a fact, cut to the limits.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        if self.0.len() < Self::MAX_FACTS {
            self.0.push((name.into(), bounded(value.into(), Self::MAX_VALUE_BYTES)));
        }
    }
}

/// Cuts a text to `max` bytes at a character boundary, marking the cut.
pub fn bounded(mut text: String, max: usize) -> String {
    if text.len() > max {
        let mut end = max.saturating_sub('…'.len_utf8());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The result of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// How it ended.
    pub outcome: Outcome,
    /// One sentence for people, at most [`Observation::MAX_MESSAGE_BYTES`] bytes, no secrets.
    pub message: String,
    /// Time of the whole attempt; for a ping the mean round trip; for a push what the job said, if it
    /// did.
    pub latency: Option<Duration>,
    /// Where the time went.
    pub phases: Phases,
    /// The certificate, where there was one.
    pub certificate: Option<Box<Certificate>>,
    /// Facts for a person, on failure.
    pub evidence: Option<Box<Evidence>>,
    /// The address that was asked.
    pub peer: Option<IpAddr>,
}

impl Observation {
    /// Longest message kept.
    pub const MAX_MESSAGE_BYTES: usize = 512;

    /// An observation without details.
    pub fn new(outcome: Outcome, message: impl Into<String>) -> Self {
        Self {
            outcome,
            message: bounded(message.into(), Self::MAX_MESSAGE_BYTES),
            latency: None,
            phases: Phases::default(),
            certificate: None,
            evidence: None,
            peer: None,
        }
    }

    /// A success.
    pub fn success(message: impl Into<String>) -> Self {
        Self::new(Outcome::Success, message)
    }

    /// A failure of the target.
    pub fn failure(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Outcome::Failure(reason), message)
    }

    /// No verdict.
    pub fn indeterminate(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Outcome::Indeterminate(reason), message)
    }

    /// Swaps success and failure, for `upsideDown`. No verdict stays no verdict.
    #[must_use]
    pub fn inverted(mut self) -> Self {
        self.outcome = match self.outcome {
            Outcome::Success => Outcome::Failure(Reason::UpsideDown),
            Outcome::Failure(reason) => {
                self.message = bounded(
                    format!("fails as it should: {reason} {}", self.message),
                    Self::MAX_MESSAGE_BYTES,
                );
                Outcome::Success
            }
            Outcome::Indeterminate(reason) => Outcome::Indeterminate(reason),
        };
        self
    }
}

/// Whole microseconds of a duration, saturating.
pub fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}
