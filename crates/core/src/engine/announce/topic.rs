//! What is remembered of one thing to tell: what it is, whether it is over, and per route who was
//! told and why others were not.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::catalog::Route;
use crate::event::Event;
use crate::id::{IncidentId, ObjectName};
use crate::provider::ProviderType;
use crate::time::{Timestamp, minus};

/// What a topic is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Subject {
    /// An outage.
    Incident(IncidentId),
    /// Slow.
    Degraded,
    /// No verdict.
    Unknown,
    /// Changes too often.
    Flapping,
    /// A certificate about to expire, by fingerprint.
    Certificate {
        /// SHA-256 of the leaf, in hex.
        fingerprint: String,
        /// End of its validity.
        expires_at: Timestamp,
    },
}

/// What kind of thing holds a message back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HoldKind {
    /// A parent that was announced down, or is covered by one.
    Parent,
    /// Parents that have no verdict yet.
    Waiting,
    /// The parent is well again; the monitor itself is checked once more first.
    Recheck,
    /// A maintenance window.
    Maintenance,
    /// A silence.
    Silence,
    /// Flapping.
    Flapping,
    /// A mass-outage message spoke for it.
    MassOutage,
    /// The same was told a moment ago.
    Dedupe,
    /// Something was told a moment ago.
    RateLimit,
}

impl HoldKind {
    /// Whether the message follows soon unless the matter ends first.
    pub const fn is_short(self) -> bool {
        matches!(
            self,
            Self::Waiting | Self::Recheck | Self::MassOutage | Self::Dedupe | Self::RateLimit
        )
    }
}

/// Why a message is not sent yet. Never without a deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// What kind.
    pub kind: HoldKind,
    /// By what: `silence shop/night`, `parent shop/router`, …
    pub reason: String,
    /// When to compare again.
    pub until: Timestamp,
}

impl Hold {
    pub(super) fn new(kind: HoldKind, reason: impl Into<String>, until: Timestamp) -> Self {
        Self { kind, reason: reason.into(), until }
    }
}

/// Somebody who was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    /// Which channel.
    pub(super) provider: ObjectName,
    /// Its type, should it be gone by the end.
    pub(super) provider_type: String,
    /// Key of the row that told it.
    pub(super) key: String,
    /// How urgent: a certificate's threshold in days, else 0; lower is more urgent.
    pub(super) level: u32,
    /// Whether the end is still to be told.
    pub(super) open: bool,
}

/// One route of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Track {
    /// The route's name.
    pub(super) route: ObjectName,
    /// Whether it is a policy's.
    pub(super) is_policy: bool,
    /// Who was told.
    pub(super) told: Vec<Told>,
    /// Why the rest was not.
    pub(super) hold: Option<Hold>,
    /// When the first message went out; escalation counts from it.
    pub(super) announced_at: Option<Timestamp>,
    /// When the last message or repeat went out; resend counts from it.
    pub(super) repeated_at: Option<Timestamp>,
    /// Escalation steps done.
    pub(super) escalated: usize,
}

impl Told {
    /// Whether the end has to be told whatever else was said meanwhile.
    pub(super) fn keeps_alerts(&self) -> bool {
        let is_of = |of: &ProviderType| of.as_str() == self.provider_type;
        ProviderType::ALL.iter().find(|of| is_of(of)).is_some_and(|of| of.keeps_alerts())
    }
}

impl Track {
    fn new(route: &Route) -> Self {
        Self {
            route: route.name().clone(),
            is_policy: route.policy().is_some(),
            told: Vec::new(),
            hold: None,
            announced_at: None,
            repeated_at: None,
            escalated: 0,
        }
    }

    /// Whether this is the memory of `route`.
    pub(super) fn is_of(&self, route: &Route) -> bool {
        self.route == *route.name() && self.is_policy == route.policy().is_some()
    }

    /// Whether somebody waits for the end.
    pub(super) fn is_told(&self) -> bool {
        self.told.iter().any(|told| told.open)
    }

    /// Whether a last check is awaited before anything is told.
    pub(super) fn is_rechecking(&self, now: Timestamp) -> bool {
        let hold = self.hold.as_ref();
        hold.is_some_and(|hold| hold.kind == HoldKind::Recheck && hold.until > now)
    }

    /// Remembers that a provider was told; a more urgent message replaces the memory.
    pub(super) fn remember(&mut self, told: Told) {
        self.told.retain(|old| old.provider != told.provider);
        self.told.push(told);
    }
}

/// How a topic ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Over {
    /// The event to tell: `up` or `closed`.
    pub(super) event: Event,
    /// People know enough already: it is told only where alerts stay open until they are told the
    /// end.
    pub(super) is_quiet: bool,
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Topic {
    /// What it is about.
    pub(super) subject: Subject,
    /// The event as it is told.
    pub(super) event: Event,
    /// Since when, on the clock that holds are measured with.
    pub(super) since: Timestamp,
    /// Its end, until that was told.
    pub(super) over: Option<Over>,
    /// A certificate that was replaced: kept so that its return tells nothing twice.
    pub(super) resting: bool,
    /// Who takes care of it.
    pub(super) acknowledged: Option<(Timestamp, String)>,
    /// Whether it was counted as taken by no route.
    pub(super) unrouted: bool,
    /// Per route what was told.
    pub(super) tracks: Vec<Track>,
}

impl Topic {
    pub(super) fn new(subject: Subject, event: Event, since: Timestamp) -> Self {
        Self {
            subject,
            event,
            since,
            over: None,
            resting: false,
            acknowledged: None,
            unrouted: false,
            tracks: Vec::new(),
        }
    }

    /// Whether it is an outage.
    pub(super) fn is_incident(&self) -> bool {
        matches!(self.subject, Subject::Incident(_))
    }

    /// Whether it is about a certificate.
    pub(super) fn is_certificate(&self) -> bool {
        matches!(self.subject, Subject::Certificate { .. })
    }

    /// Whether somebody waits for the end.
    pub(super) fn is_told(&self) -> bool {
        self.tracks.iter().any(Track::is_told)
    }

    /// Whether anybody was told at all.
    pub(super) fn was_told(&self) -> bool {
        self.tracks.iter().any(|track| !track.told.is_empty())
    }

    /// The memory of a route, made on first use.
    pub(super) fn track(&mut self, route: &Route) -> &mut Track {
        let known = self.tracks.iter().position(|track| track.is_of(route));
        let index = known.unwrap_or_else(|| {
            self.tracks.push(Track::new(route));
            self.tracks.len() - 1
        });
        &mut self.tracks[index]
    }

    /// The subject as it names the stream whose order is kept.
    pub(super) fn stream(&self) -> String {
        match &self.subject {
            Subject::Incident(incident) => format!("{}#{}", self.event.monitor, incident.0),
            Subject::Degraded | Subject::Unknown | Subject::Flapping => {
                format!("{}#{}", self.event.monitor, self.event.kind)
            }
            Subject::Certificate { fingerprint, .. } => {
                format!("{}#certificate {fingerprint}", self.event.monitor)
            }
        }
    }

    pub(super) fn rebase(&mut self, by: SignedDuration) {
        shift(&mut self.since, by);
        for track in &mut self.tracks {
            if let Some(hold) = &mut track.hold {
                shift(&mut hold.until, by);
            }
            shift_option(&mut track.announced_at, by);
            shift_option(&mut track.repeated_at, by);
        }
    }
}

/// What limits the next message of a route, whatever it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RouteMemory {
    /// The route's name.
    pub(super) route: ObjectName,
    /// When the last message that counts went out.
    pub(super) last_sent: Option<Timestamp>,
    /// Digests of effective keys and when they were last used.
    pub(super) keys: Vec<(String, Timestamp)>,
}

impl RouteMemory {
    /// Most effective keys remembered; the oldest go first.
    const MAX_KEYS: usize = 16;

    pub(super) fn new(route: ObjectName) -> Self {
        Self { route, last_sent: None, keys: Vec::new() }
    }

    /// Remembers that a message went out.
    pub(super) fn sent(&mut self, key: Option<String>, window: Duration, now: Timestamp) {
        self.last_sent = Some(now);
        let oldest = minus(now, window);
        self.keys.retain(|(_, at)| *at > oldest);
        if let Some(key) = key {
            self.keys.retain(|(known, _)| *known != key);
            if self.keys.len() == Self::MAX_KEYS {
                self.keys.remove(0);
            }
            self.keys.push((key, now));
        }
    }

    pub(super) fn rebase(&mut self, by: SignedDuration) {
        shift_option(&mut self.last_sent, by);
        for (_, at) in &mut self.keys {
            shift(at, by);
        }
    }
}

fn shift(at: &mut Timestamp, by: SignedDuration) {
    *at = at.checked_add(by).unwrap_or(*at);
}

/// Moves an instant, if there is one.
pub(super) fn shift_option(at: &mut Option<Timestamp>, by: SignedDuration) {
    if let Some(at) = at {
        shift(at, by);
    }
}
