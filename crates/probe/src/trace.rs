//! What an attempt has seen so far: the stage it is in, where the time went, whom it asked. It
//! outlives the attempt, so that a timeout can say how far things came.

use std::net::IpAddr;
use std::time::Duration;

use kuma_core::observation::{Certificate, Phases, micros};
use kuma_core::particulars::Particulars;
use kuma_core::reason::Reason;
use kuma_core::time::{Clock, Mono};

use crate::fault::Fault;
use crate::words;

/// A stage of an attempt. Redirects pass through the stages again, and each phase is the sum over
/// all passes, so that the phases add up to the attempt's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing asked yet, or everything done.
    Idle,
    /// Name to address.
    Resolve,
    /// Address to connection.
    Connect,
    /// Talking a proxy into a connection; counts as connecting.
    Proxy,
    /// TLS handshake.
    Tls,
    /// Asked, and waiting for the first byte.
    FirstByte,
    /// Reading the answer.
    Transfer,
}

/// The running record of an attempt.
pub(crate) struct Trace<'a> {
    clock: &'a dyn Clock,
    started: Mono,
    stage: Stage,
    stage_started: Mono,
    /// Finished phases.
    pub(crate) phases: Phases,
    /// The address asked last.
    pub(crate) peer: Option<IpAddr>,
    /// The certificate shown last.
    pub(crate) certificate: Option<Box<Certificate>>,
    /// Facts for a person, shown when the attempt fails.
    pub(crate) facts: Vec<(String, String)>,
    /// Bytes of the answer read so far.
    pub(crate) received: u64,
    /// The proxy being dialled or asked; `None` once it has opened the way to the target.
    pub(crate) proxy: Option<String>,
    /// Collected only for a caller that asked for them.
    pub(crate) particulars: Option<Box<Particulars>>,
    /// Time spent on what is not the target's.
    aside: Duration,
}

/// What was known of the target before something else was asked.
pub(crate) struct Aside {
    since: Mono,
    phases: Phases,
    peer: Option<IpAddr>,
    certificate: Option<Box<Certificate>>,
}

impl<'a> Trace<'a> {
    /// Starts the clock.
    pub(crate) fn start(clock: &'a dyn Clock) -> Self {
        let now = clock.mono();
        Self {
            clock,
            started: now,
            stage: Stage::Idle,
            stage_started: now,
            phases: Phases::default(),
            peer: None,
            certificate: None,
            facts: Vec::new(),
            received: 0,
            proxy: None,
            particulars: None,
            aside: Duration::ZERO,
        }
    }

    /// Begins to ask somebody else, whose times, address and certificate are not the target's.
    pub(crate) fn set_aside(&mut self) -> Aside {
        self.enter(Stage::Idle);
        Aside {
            since: self.stage_started,
            phases: self.phases,
            peer: self.peer,
            certificate: self.certificate.take(),
        }
    }

    /// Comes back to the target.
    pub(crate) fn resume(&mut self, aside: Aside) {
        self.enter(Stage::Idle);
        self.aside += self.stage_started.since(aside.since);
        (self.phases, self.peer, self.certificate) = (aside.phases, aside.peer, aside.certificate);
    }

    /// Time since the start without what was spent on others.
    pub(crate) fn measured(&self) -> Duration {
        self.elapsed().saturating_sub(self.aside)
    }

    /// Ends the present stage and begins another one.
    pub(crate) fn enter(&mut self, stage: Stage) {
        let now = self.clock.mono();
        let spent = micros(now.since(self.stage_started));
        if let Some(phase) = self.phase_mut(self.stage) {
            *phase = Some(phase.unwrap_or(0).saturating_add(spent));
        }
        self.stage = stage;
        self.stage_started = now;
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.mono().since(self.started)
    }

    /// Adds a fact, shown only when the attempt fails.
    pub(crate) fn note(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.facts.push((name.into(), value.into()));
    }

    /// What it means that the attempt's time ran out in the present stage.
    pub(crate) fn timed_out(&self, timeout: Duration) -> Fault {
        let after = words::duration(timeout);
        if let Some(fault) = self.proxy.as_deref().and_then(|at| self.proxy_timed_out(at, &after)) {
            return fault;
        }
        let (reason, what) = match self.stage {
            Stage::Resolve => (Reason::DnsTimeout, format!("no DNS answer after {after}")),
            Stage::Connect => (Reason::ConnectTimeout, format!("no connection after {after}")),
            Stage::Tls => {
                (Reason::TlsTimeout, format!("the TLS handshake did not finish within {after}"))
            }
            Stage::FirstByte => (Reason::Timeout, format!("no answer after {after}")),
            Stage::Transfer => (
                Reason::Timeout,
                format!(
                    "the answer was not complete after {after}; {} bytes of its body had come",
                    self.received
                ),
            ),
            Stage::Idle | Stage::Proxy => (Reason::Timeout, format!("not finished after {after}")),
        };
        Fault::target(reason, format!("{what}{}", self.how_far()))
    }

    /// While the way is not open, silence is the proxy's. An answer that it passes on may be late
    /// because of either, and a proxy that gives up on the target says so with 504.
    fn proxy_timed_out(&self, proxy: &str, after: &str) -> Option<Fault> {
        let (reason, what) = match self.stage {
            Stage::Resolve => (
                Reason::ProxyConnect,
                format!("the proxy {proxy} cannot be reached: no DNS answer after {after}"),
            ),
            Stage::Connect => (
                Reason::ProxyConnect,
                format!("the proxy {proxy} cannot be reached: no connection after {after}"),
            ),
            Stage::Proxy => (
                Reason::ProxyConnect,
                format!("the proxy {proxy} opened no way to the target within {after}"),
            ),
            Stage::FirstByte => (
                Reason::Timeout,
                format!(
                    "no answer after {after} through the proxy {proxy}; it or the target is silent"
                ),
            ),
            Stage::Idle | Stage::Tls | Stage::Transfer => return None,
        };
        Some(Fault::target(reason, format!("{what}{}", self.how_far())))
    }

    fn how_far(&self) -> String {
        let done = [
            ("name resolved in", self.phases.resolve),
            ("connected in", self.phases.connect),
            ("TLS in", self.phases.tls),
        ];
        let mut text = String::new();
        for (what, micros) in done {
            if let Some(micros) = micros {
                text.push_str(if text.is_empty() { "; " } else { ", " });
                text.push_str(what);
                text.push(' ');
                text.push_str(&words::duration(Duration::from_micros(micros.into())));
            }
        }
        text
    }

    fn phase_mut(&mut self, stage: Stage) -> Option<&mut Option<u32>> {
        match stage {
            Stage::Idle => None,
            Stage::Resolve => Some(&mut self.phases.resolve),
            Stage::Connect | Stage::Proxy => Some(&mut self.phases.connect),
            Stage::Tls => Some(&mut self.phases.tls),
            Stage::FirstByte => Some(&mut self.phases.first_byte),
            Stage::Transfer => Some(&mut self.phases.transfer),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use kuma_core::observation::Outcome;
    use kuma_core::time::{Now, Timestamp};

    use super::*;

    /// A clock that advances by a millisecond each time it is read.
    struct Ticking(AtomicU64);

    impl Clock for Ticking {
        fn now(&self) -> Now {
            let tick = self.0.fetch_add(1, Ordering::Relaxed);
            Now { mono: Mono(tick * 1_000_000), wall: Timestamp::UNIX_EPOCH }
        }
    }

    #[test]
    fn phases_are_summed_over_hops() {
        let clock = Ticking(AtomicU64::new(0));
        let mut trace = Trace::start(&clock);
        for _ in 0..2 {
            trace.enter(Stage::Connect);
            trace.enter(Stage::Proxy);
            trace.enter(Stage::FirstByte);
        }
        trace.enter(Stage::Idle);
        assert_eq!(trace.phases.connect, Some(4_000));
        assert_eq!(trace.phases.first_byte, Some(2_000));
        assert_eq!(trace.phases.tls, None);
    }

    #[test]
    fn a_timeout_names_the_stage_and_how_far_it_came() {
        let clock = Ticking(AtomicU64::new(0));
        let mut trace = Trace::start(&clock);
        trace.enter(Stage::Connect);
        let fault = trace.timed_out(Duration::from_secs(10));
        assert_eq!(fault.outcome, Outcome::Failure(Reason::ConnectTimeout));
        trace.enter(Stage::FirstByte);
        let fault = trace.timed_out(Duration::from_secs(10));
        assert_eq!(fault.outcome, Outcome::Failure(Reason::Timeout));
        assert_eq!(fault.message, "no answer after 10 s; connected in 1 ms");
    }
}
