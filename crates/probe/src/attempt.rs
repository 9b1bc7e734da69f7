//! One attempt: what every check type has at hand, and how its end becomes an observation.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use kuma_core::check::Criteria;
use kuma_core::monitor::Monitor;
use kuma_core::observation::{Evidence, Observation};
use kuma_core::reason::Reason;
use kuma_core::secret::SecretString;
use kuma_core::settings::Settings;

use crate::condition::Given;
use crate::fault::Fault;
use crate::mask::Mask;
use crate::prober::Shared;
use crate::trace::{Stage, Trace};
use crate::words;

/// What a check has at hand while it runs.
pub(crate) struct Attempt<'a> {
    /// What all attempts share.
    pub(crate) shared: &'a Shared,
    /// The monitor that is checked.
    pub(crate) monitor: &'a Monitor,
    /// The settings.
    pub(crate) settings: &'a Settings,
    /// How long it may take.
    pub(crate) timeout: Duration,
    /// What counts as the latency, where that is not the time of the whole attempt.
    pub(crate) latency: Option<Duration>,
    /// What the monitor's condition may look at; only filled where there is one.
    pub(crate) given: Given,
    /// Secrets that came up on the way, such as tokens, to be hidden like those of the check.
    pub(crate) secrets: Vec<SecretString>,
    /// Stages, timings and facts.
    pub(crate) trace: Trace<'a>,
}

/// How a check ends: a sentence about the success, or what went wrong.
pub(crate) type Verdict = Result<String, Fault>;

impl<'a> Attempt<'a> {
    /// Begins an attempt; its time starts to run.
    pub(crate) fn start(
        shared: &'a Shared,
        monitor: &'a Monitor,
        settings: &'a Settings,
        timeout: Duration,
    ) -> Self {
        Self {
            shared,
            monitor,
            settings,
            timeout,
            latency: None,
            given: Given::default(),
            secrets: Vec::new(),
            trace: Trace::start(shared.clock.as_ref()),
        }
    }

    /// The time left, less what a check needs to say itself how far it came.
    pub(crate) fn left(&self) -> Duration {
        /// Enough to come to a verdict before the attempt is cut off.
        const MARGIN: Duration = Duration::from_millis(50);
        let margin = MARGIN.min(self.timeout / 20);
        self.timeout.saturating_sub(self.trace.elapsed()).saturating_sub(margin)
    }

    /// Gives the monitor's condition, if there is one, what it may look at.
    pub(crate) fn give(&mut self, given: impl FnOnce() -> Given) {
        if self.monitor.criteria.condition.is_some() {
            self.given = given();
        }
    }

    /// The namespace in which the monitor's Secrets are looked up.
    pub(crate) fn namespace(&self) -> &'a str {
        &self.monitor.name.namespace
    }

    /// The monitor's criteria that hold for every type.
    fn criteria(&self) -> &'a Criteria {
        &self.monitor.criteria
    }

    /// Turns the end of the check into what the engine sees.
    pub(crate) fn conclude(mut self, verdict: Verdict) -> Observation {
        self.trace.enter(Stage::Idle);
        let latency = self.latency.unwrap_or_else(|| self.trace.measured());
        let verdict = verdict.and_then(|message| self.within_latency(latency, message));
        let mut observation = match verdict {
            Ok(message) => Observation::success(message),
            Err(fault) => self.explain(fault),
        };
        observation.latency = Some(latency);
        observation.phases = self.trace.phases;
        observation.certificate = self.trace.certificate.take();
        observation.peer = self.trace.peer;
        if self.criteria().upside_down {
            observation = observation.inverted();
        }
        observation
    }

    fn within_latency(&self, latency: Duration, message: String) -> Verdict {
        match self.criteria().max_latency {
            Some(most) if latency > most => Err(Fault::target(
                Reason::Latency,
                format!(
                    "{message}, but in {}; at most {} is accepted",
                    words::duration(latency),
                    words::duration(most)
                ),
            )),
            _ => Ok(message),
        }
    }

    fn explain(&mut self, fault: Fault) -> Observation {
        let mask = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let source = self.shared.secrets.as_ref();
            Mask::of(&self.monitor.check, self.namespace(), source, &self.secrets)
        }));
        let Ok(mask) = mask else {
            // Without knowing the secrets nothing can be shown that may hold one.
            let meaning = fault.outcome.reason().map_or("", Reason::meaning);
            return Observation::new(fault.outcome, meaning);
        };
        let mut evidence = Evidence::default();
        if fault.facts.iter().all(|(name, _)| name != "url") {
            evidence.add("target", mask.apply(self.monitor.check.target()));
        }
        let facts = fault.facts.into_iter().chain(self.trace.facts.drain(..));
        for (name, value) in facts {
            evidence.add(mask.apply(name), mask.apply(value));
        }
        let mut observation = Observation::new(fault.outcome, mask.apply(fault.message));
        observation.evidence = Some(Box::new(evidence));
        observation
    }
}
