//! What happened, from heartbeats: results, time line and incidents as our engine would have
//! written them. Pure: time comes from the rows.
//!
//! Importing twice adds nothing: only results after the newest one that is stored count, and the
//! database's own results are never touched.

use std::sync::Arc;

use kuma_core::id::{IncidentId, MonitorId, ObjectName};
use kuma_core::observation::bounded;
use kuma_core::ports::{Batch, Heartbeat, Incident, IntervalWrite};
use kuma_core::reason::Reason;
use kuma_core::state::MonitorState;
use kuma_core::time::{Timestamp, from_ms, to_ms};

/// Longest message kept, in bytes.
const MAX_MESSAGE_BYTES: usize = 512;
/// A gap up to so many intervals is a late result, a longer one is not known time.
const LATE_INTERVALS: i64 = 3;

/// A row of `heartbeat`.
#[derive(Debug, Clone, PartialEq)]
pub struct Beat {
    /// Milliseconds since the epoch.
    pub at_ms: i64,
    /// 0 down, 1 up, 2 pending, 3 maintenance.
    pub status: i64,
    /// Milliseconds.
    pub ping_ms: Option<f64>,
    /// What was said.
    pub message: Option<String>,
}

/// Reads `2024-05-01 02:03:04.567` (UTC), as the database has it.
pub fn at_ms(text: &str) -> Option<i64> {
    let civil: jiff::civil::DateTime = text.trim().replacen(' ', "T", 1).parse().ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// Turns a monitor's beats, fed in order, into what is written.
#[derive(Debug)]
pub struct Replay {
    monitor: MonitorId,
    name: ObjectName,
    interval_ms: i64,
    /// Nothing at or before this is taken.
    after_ms: i64,
    sequence: u32,
    state: Option<MonitorState>,
    last_ms: Option<i64>,
    /// Since when it has been failing without a verdict.
    failing_since: Option<i64>,
    open: Option<Incident>,
    message: Option<Arc<str>>,
    /// Covered by statistics: `(from, to)` in order, for results that were thrown away.
    covered: Vec<(i64, i64)>,
}

impl Replay {
    /// For a monitor whose newest stored result is at `after`, with `incidents` stored so far.
    pub fn new(
        monitor: MonitorId,
        name: ObjectName,
        interval: u32,
        after: Option<Timestamp>,
        incidents: u32,
    ) -> Self {
        Self {
            monitor,
            name,
            interval_ms: i64::from(interval.max(1)) * 1000,
            after_ms: after.map_or(i64::MIN, to_ms),
            sequence: incidents,
            state: None,
            last_ms: None,
            failing_since: None,
            open: None,
            message: None,
            covered: Vec::new(),
        }
    }

    /// Spans in which there were results that are not there any more, in order.
    pub fn cover(&mut self, spans: Vec<(i64, i64)>) {
        self.covered = spans;
    }

    /// Takes the next beat; says whether it was written.
    pub fn feed(&mut self, beat: &Beat, batch: &mut Batch) -> bool {
        if beat.at_ms <= self.after_ms || self.last_ms.is_some_and(|last| beat.at_ms <= last) {
            return false;
        }
        self.gap(beat.at_ms, batch);
        let state = match beat.status {
            0 => MonitorState::Down,
            1 => MonitorState::Up,
            2 => MonitorState::Pending,
            3 => MonitorState::Maintenance,
            _ => return false,
        };
        self.heartbeat(beat, state, batch);
        match state {
            MonitorState::Pending => {
                self.failing_since.get_or_insert(beat.at_ms);
            }
            other => self.decided(other, beat, batch),
        }
        self.last_ms = Some(beat.at_ms);
        true
    }

    /// Ends the time line: what comes after the last beat is not known. Says whether an incident
    /// was still open.
    pub fn finish(&mut self, batch: &mut Batch) -> bool {
        let Some(last) = self.last_ms else {
            return false;
        };
        let until = from_ms(last + self.interval_ms);
        batch.intervals.push(IntervalWrite::Vouch { monitor: self.monitor, until });
        match self.open.take() {
            Some(incident) => {
                batch.incidents.push(Incident {
                    ended_at: Some(from_ms(last)),
                    closed_reason: Some(Reason::Paused),
                    ..incident
                });
                true
            }
            None => false,
        }
    }

    /// Between the last beat and the next nothing may have been checked.
    fn gap(&mut self, next_ms: i64, batch: &mut Batch) {
        let (Some(last), Some(state)) = (self.last_ms, self.state) else {
            return;
        };
        let vouched = last + self.interval_ms * LATE_INTERVALS;
        if next_ms <= vouched {
            return;
        }
        let (from, to) = (last + self.interval_ms, next_ms);
        let monitor = self.monitor;
        let mut enter = |state, at| {
            batch.intervals.push(IntervalWrite::Enter { monitor, state, at: from_ms(at) });
        };
        let mut known_until = from;
        for (start, end) in self.covered.iter().filter(|(start, end)| *end > from && *start < to) {
            if *start > known_until {
                enter(MonitorState::Unknown, known_until);
                enter(state, *start);
            }
            known_until = known_until.max(*end);
        }
        if known_until < to {
            enter(MonitorState::Unknown, known_until);
            self.state = None;
        }
    }

    fn heartbeat(&mut self, beat: &Beat, state: MonitorState, batch: &mut Batch) {
        let message: Option<Arc<str>> =
            beat.message.as_deref().map(|text| bounded(text.to_owned(), MAX_MESSAGE_BYTES).into());
        let changed = message != self.message;
        self.message.clone_from(&message);
        batch.heartbeats.push(Heartbeat {
            monitor: self.monitor,
            at: from_ms(beat.at_ms),
            sequence: 0,
            state,
            reason: matches!(state, MonitorState::Down | MonitorState::Pending)
                .then(|| reason(beat.message.as_deref().unwrap_or_default())),
            latency_us: beat.ping_ms.and_then(micros),
            attempts: 1,
            message: message.filter(|_| changed),
            evidence: None,
        });
    }

    /// A verdict. A confirmed failure began with the first failed attempt.
    fn decided(&mut self, state: MonitorState, beat: &Beat, batch: &mut Batch) {
        let since = self.failing_since.take().filter(|_| state == MonitorState::Down);
        let began = since.unwrap_or(beat.at_ms);
        if self.state != Some(state) {
            let (monitor, at) = (self.monitor, from_ms(began));
            batch.intervals.push(IntervalWrite::Enter { monitor, state, at });
            self.state = Some(state);
        }
        match (state, self.open.take()) {
            (MonitorState::Down, None) => self.open = Some(self.incident(began, beat)),
            (MonitorState::Up, Some(incident)) => batch.incidents.push(Incident {
                ended_at: Some(from_ms(beat.at_ms)),
                closed_reason: Some(Reason::Recovered),
                ..incident
            }),
            (_, open) => self.open = open,
        }
    }

    fn incident(&mut self, began: i64, beat: &Beat) -> Incident {
        self.sequence += 1;
        let message = beat.message.as_deref().unwrap_or_default();
        Incident {
            id: IncidentId::new(self.monitor, self.sequence),
            monitor: self.monitor,
            monitor_name: self.name.clone(),
            started_at: from_ms(began),
            ended_at: None,
            reason: Some(reason(message)),
            message: Some(bounded(message.to_owned(), MAX_MESSAGE_BYTES)),
            closed_reason: None,
            suppressed: false,
            suppress_reason: None,
            acknowledged: None,
            toggles: Vec::new(),
        }
    }
}

/// Our code for what Uptime Kuma wrote down in words.
fn reason(message: &str) -> Reason {
    const WORDS: [(&str, Reason); 13] = [
        ("status code", Reason::HttpStatus),
        ("ECONNREFUSED", Reason::ConnectionRefused),
        ("ECONNRESET", Reason::ConnectionReset),
        ("socket hang up", Reason::ConnectionClosed),
        ("ENOTFOUND", Reason::DnsNxdomain),
        ("EAI_AGAIN", Reason::DnsServfail),
        ("EHOSTUNREACH", Reason::HostUnreachable),
        ("ENETUNREACH", Reason::NetworkUnreachable),
        ("certificate has expired", Reason::TlsExpired),
        ("certificate", Reason::TlsUntrusted),
        ("keyword", Reason::BodyMismatch),
        ("No heartbeat", Reason::PushMissing),
        ("JSON query", Reason::JsonQuery),
    ];
    let found = WORDS.iter().find(|(word, _)| message.contains(word));
    found.map_or(Reason::Timeout, |(_, reason)| *reason)
}

fn micros(ms: f64) -> Option<u32> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped first")]
    let micros = (ms * 1000.0).clamp(0.0, f64::from(u32::MAX)) as u32;
    (ms.is_finite() && ms >= 0.0).then_some(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay() -> Replay {
        Replay::new(MonitorId(7), ObjectName::new("kubekuma", "web"), 60, None, 0)
    }

    fn beat(minute: i64, status: i64) -> Beat {
        Beat { at_ms: minute * 60_000, status, ping_ms: Some(12.5), message: None }
    }

    fn line(batch: &Batch) -> String {
        let minute = |at: &Timestamp| to_ms(*at) / 60_000;
        let parts: Vec<String> = batch
            .intervals
            .iter()
            .map(|write| match write {
                IntervalWrite::Enter { state, at, .. } => format!("{state}@{}", minute(at)),
                IntervalWrite::Vouch { until, .. } => format!("vouch@{}", minute(until)),
            })
            .collect();
        parts.join(" ")
    }

    fn fed(replay: &mut Replay, beats: &[(i64, i64)]) -> Batch {
        let mut batch = Batch::default();
        for (minute, status) in beats {
            replay.feed(&beat(*minute, *status), &mut batch);
        }
        replay.finish(&mut batch);
        batch
    }

    #[test]
    fn a_confirmed_failure_began_with_its_first_attempt() {
        let batch = fed(&mut replay(), &[(1, 1), (2, 2), (3, 2), (4, 0), (5, 0), (6, 1)]);
        assert_eq!(line(&batch), "up@1 down@2 up@6 vouch@7");
        let [incident] = batch.incidents.as_slice() else { unreachable!("one incident") };
        assert_eq!(incident.started_at, from_ms(120_000));
        assert_eq!(incident.ended_at, Some(from_ms(360_000)));
        assert_eq!(batch.heartbeats.len(), 6);
        assert_eq!(batch.heartbeats[0].latency_us, Some(12_500));
    }

    #[test]
    fn attempts_that_ended_well_leave_the_state_as_it_was() {
        let batch = fed(&mut replay(), &[(1, 1), (2, 2), (3, 1)]);
        assert_eq!((line(&batch).as_str(), batch.incidents.len()), ("up@1 vouch@4", 0));
    }

    #[test]
    fn what_nobody_checked_is_not_known_unless_statistics_say_so() {
        let beats = [(1, 1), (60, 1), (61, 0)];
        assert_eq!(line(&fed(&mut replay(), &beats)), "up@1 unknown@2 up@60 down@61 vouch@62");
        let mut covered = replay();
        covered.cover(vec![(0, 30 * 60_000), (30 * 60_000, 60 * 60_000)]);
        assert_eq!(line(&fed(&mut covered, &beats)), "up@1 down@61 vouch@62");
    }

    #[test]
    fn only_what_is_newer_than_what_is_stored_is_taken() {
        let name = ObjectName::new("kubekuma", "web");
        let mut again = Replay::new(MonitorId(7), name, 60, Some(from_ms(180_000)), 1);
        let batch = fed(&mut again, &[(1, 1), (2, 0), (3, 1), (4, 0)]);
        assert_eq!(batch.heartbeats.len(), 1);
        assert_eq!(batch.incidents[0].id, IncidentId::new(MonitorId(7), 2));
        assert_eq!(batch.incidents[0].closed_reason, Some(Reason::Paused));
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(at_ms("1970-01-02 00:00:01.500"), Some(86_401_500));
        assert_eq!(at_ms("1970-01-02 00:00:01"), Some(86_401_000));
        assert_eq!(at_ms("soon"), None);
    }
}
