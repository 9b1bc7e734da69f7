//! What a result means.

use std::sync::Arc;
use std::time::Duration;

use super::state::{At, Failing, Indeterminate, Recovering, Standing, is_passive, is_push};
use super::{Next, Step, facts_of};
use crate::engine::notice::{Facts, Notice};
use crate::observation::{Observation, Outcome, micros};
use crate::ports::Heartbeat;
use crate::time::{Timestamp, minus, plus};

/// Slow runs in a row that make a monitor degraded.
const SLOW_RUNS: u32 = 3;

impl Step<'_, '_> {
    pub(super) fn on_attempt(
        &mut self,
        observation: &Observation,
        started: Timestamp,
        ended: Timestamp,
    ) {
        if self.state.paused || self.state.maintenance {
            // It was under way when checks stopped; nobody asked for its answer any more.
            self.effects.next = Next::Stop;
            return;
        }
        if is_push(self.view.monitor) {
            self.push_arrived(ended);
        }
        self.on_result(observation, started, ended);
    }

    /// A result of whatever origin: a probe, an arrival, silence, members.
    pub(super) fn on_result(
        &mut self,
        observation: &Observation,
        started: Timestamp,
        ended: Timestamp,
    ) {
        self.close_gap(ended);
        if let Some(certificate) = &observation.certificate {
            self.notice(Notice::CertificateSeen { certificate: certificate.clone() });
        }
        let failures = self.state.failing.as_ref().map_or(0, |f| f.failures);
        let facts = facts_of(observation, failures.saturating_add(1));
        self.beat(observation, ended, facts.attempts);
        match observation.outcome {
            Outcome::Success => {
                self.verdict_again(ended);
                self.on_success(observation, ended, &facts);
                self.effects.next = Next::Regular;
            }
            Outcome::Failure(_) => {
                self.verdict_again(ended);
                self.on_failure(started, ended, facts);
            }
            Outcome::Indeterminate(_) => self.on_indeterminate(started, ended, facts),
        }
        if is_passive(self.view.monitor) {
            self.effects.next = Next::Stop;
        }
    }

    fn beat(&mut self, observation: &Observation, at: Timestamp, attempts: u32) {
        let sequence = match self.state.beat {
            Some((last, sequence)) if last.0 == at => sequence.saturating_add(1),
            _ => 0,
        };
        self.state.beat = Some((At(at), sequence));
        let hash = fnv1a(&observation.message);
        let message = (self.state.message != Some(hash)).then_some(observation.message.as_str());
        self.state.message = Some(hash);
        let failed = !matches!(observation.outcome, Outcome::Success);
        let evidence = observation
            .evidence
            .as_ref()
            .filter(|_| failed)
            .and_then(|evidence| serde_json::to_string(evidence).ok());
        self.effects.heartbeat = Some(Heartbeat {
            monitor: self.view.id,
            at,
            sequence,
            // Set when the step is done.
            state: self.state.shown(),
            reason: observation.outcome.reason(),
            latency_us: observation.latency.map(micros),
            attempts: u8::try_from(attempts).unwrap_or(u8::MAX),
            message: message.map(Arc::from),
            evidence: evidence.map(Arc::from),
        });
    }

    /// A verdict ends a stretch of attempts without one.
    fn verdict_again(&mut self, at: Timestamp) {
        if let Some(indeterminate) = self.state.indeterminate.take() {
            self.changed();
            if indeterminate.shown {
                self.notice(Notice::UnknownOver { at });
            }
        }
    }

    fn on_success(&mut self, observation: &Observation, ended: Timestamp, facts: &Facts) {
        self.measure(observation, ended);
        if self.state.failing.take().is_some() {
            self.changed();
            self.notice(Notice::FailureOver);
        }
        let well = if self.state.degradation.slow || self.state.degradation.certificate {
            Standing::Degraded
        } else {
            Standing::Up
        };
        if self.state.standing == Standing::Down {
            self.one_success_more(well, ended, facts);
        } else if self.state.standing != well {
            let was_degraded = self.state.standing == Standing::Degraded;
            self.state.standing = well;
            self.changed();
            if well == Standing::Degraded {
                let facts = facts.clone();
                self.notice(Notice::BecameDegraded { at: ended, facts });
            } else if was_degraded {
                self.notice(Notice::DegradedOver { at: ended });
            }
        }
        self.vouched(ended);
    }

    fn one_success_more(&mut self, well: Standing, ended: Timestamp, facts: &Facts) {
        let mut recovering =
            self.state.recovering.unwrap_or(Recovering { since: At(ended), successes: 0 });
        recovering.successes = recovering.successes.saturating_add(1);
        self.state.recovering = Some(recovering);
        self.changed();
        if recovering.successes >= self.view.monitor.schedule.recover_after {
            self.recover(well, recovering.since.0, facts);
        }
    }

    /// Slowness and the certificate of a success.
    fn measure(&mut self, observation: &Observation, ended: Timestamp) {
        let before = self.state.degradation;
        let degradation = &mut self.state.degradation;
        let slow = match (self.view.monitor.criteria.degraded_latency, observation.latency) {
            (Some(limit), Some(latency)) => latency > limit,
            _ => false,
        };
        if slow {
            degradation.fast_runs = 0;
            degradation.slow_runs = (degradation.slow_runs + 1).min(SLOW_RUNS);
            degradation.slow |= degradation.slow_runs >= SLOW_RUNS;
        } else {
            degradation.slow_runs = 0;
            if degradation.slow {
                degradation.fast_runs = degradation.fast_runs.saturating_add(1);
                if degradation.fast_runs >= self.view.monitor.schedule.recover_after {
                    degradation.slow = false;
                    degradation.fast_runs = 0;
                }
            }
        }
        match (self.view.monitor.warn_before_days(), &observation.certificate) {
            (None, _) => degradation.certificate = false,
            (Some(days), Some(certificate)) => {
                let before = Duration::from_secs(u64::from(days) * 86_400);
                degradation.certificate = ended >= minus(certificate.expires_at, before);
            }
            // A success without a look at the certificate says nothing new about it.
            (Some(_), None) => {}
        }
        if *degradation != before {
            self.changed();
        }
    }

    fn on_failure(&mut self, started: Timestamp, ended: Timestamp, facts: Facts) {
        // "In a row" is over, whatever comes of the failure.
        if self.state.degradation.slow_runs > 0 || self.state.degradation.fast_runs > 0 {
            self.state.degradation.slow_runs = 0;
            self.state.degradation.fast_runs = 0;
            self.changed();
        }
        if self.state.standing == Standing::Down {
            if self.state.recovering.take().is_some() {
                self.changed();
            }
            self.effects.next = Next::Regular;
        } else {
            self.one_failure_more(started, ended, facts);
        }
        self.vouched(ended);
    }

    fn one_failure_more(&mut self, started: Timestamp, ended: Timestamp, facts: Facts) {
        self.changed();
        let failing = if let Some(failing) = self.state.failing.take() {
            Failing {
                failures: failing.failures.saturating_add(1),
                last: At(ended),
                facts,
                ..failing
            }
        } else {
            self.notice(Notice::FirstFailure { at: ended });
            Failing {
                since: At(ended),
                last: At(ended),
                failures: 1,
                retry_at: At(ended),
                held_until: None,
                facts,
            }
        };
        self.state.failing = Some(failing);
        self.plan_retry(started);
        self.confirm_if_due(ended);
        if self.state.standing == Standing::Down {
            self.effects.next = Next::Regular;
        }
    }

    /// Plans the next attempt of a failing monitor: a retry interval after the last start, but,
    /// once the attempts are exhausted, not later than the end of the grace.
    fn plan_retry(&mut self, started: Timestamp) {
        let schedule = &self.view.monitor.schedule;
        let Some(failing) = &mut self.state.failing else {
            return;
        };
        let mut at = plus(started, schedule.retry_interval());
        let grace_over = plus(failing.since.0, schedule.grace_down);
        if failing.failures > schedule.retries && grace_over > self.now {
            at = at.min(grace_over);
        }
        // Nobody else waits between the attempts of a passive monitor.
        let passive = is_passive(self.view.monitor);
        let soonest = if passive { plus(self.now, Duration::from_secs(1)) } else { self.now };
        let planned = At(at.max(soonest));
        let moved = std::mem::replace(&mut failing.retry_at, planned) != planned;
        self.effects.next = Next::RetryAt(planned.0);
        if moved {
            self.changed();
        }
    }

    /// Confirms a failure whose attempts are exhausted and whose grace is over, unless the
    /// own-fault guard holds it.
    pub(super) fn confirm_if_due(&mut self, at: Timestamp) {
        let schedule = &self.view.monitor.schedule;
        let Some(failing) = &mut self.state.failing else {
            return;
        };
        let exhausted = failing.failures > schedule.retries;
        if !exhausted || at < plus(failing.since.0, schedule.grace_down) {
            return;
        }
        if failing.held_until.is_none() {
            // The deadline of the first hold stays: a guard that trips again holds others.
            failing.held_until = self.view.guard_until.filter(|until| *until > self.now).map(At);
        }
        let held = failing
            .held_until
            .is_some_and(|until| self.now < until.0 && self.view.guard_until.is_some());
        self.changed();
        if !held {
            self.go_down(at);
        }
    }

    fn on_indeterminate(&mut self, started: Timestamp, ended: Timestamp, facts: Facts) {
        self.effects.next = Next::Regular;
        if self.state.failing.is_some() {
            self.plan_retry(started);
        }
        if let Some(indeterminate) = &mut self.state.indeterminate {
            indeterminate.facts = facts;
        } else {
            self.state.indeterminate =
                Some(Indeterminate { since: At(ended), facts, shown: false });
            self.changed();
        }
    }
}

/// FNV-1a of 64 bits: small, and the same for ever, as what is stored needs.
pub(super) fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
