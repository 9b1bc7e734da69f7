//! A monitor under test and short words for what happens to it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::check::{
    Check, Criteria, GroupCheck, GroupMembers, GroupRule, PushCheck, TcpCheck, TlsOptions,
};
use crate::engine::notice::Notice;
use crate::engine::verdict::{VerdictEffects, VerdictInput, VerdictState, VerdictView, step};
use crate::id::{MonitorId, ObjectName};
use crate::monitor::{Alerting, Monitor, MonitorOrigin, Schedule};
use crate::observation::{Certificate, Observation};
use crate::ports::{Heartbeat, Incident, IntervalWrite};
use crate::reason::Reason;
use crate::secret::SecretText;
use crate::settings::Settings;
use crate::state::MonitorState;
use crate::time::{Timestamp, from_ms, to_ms};

/// Noon of a day in 2026; tests count seconds from it.
pub(super) const NOON: i64 = 1_780_000_000_000;

pub(super) fn at(seconds: i64) -> Timestamp {
    from_ms(NOON + seconds * 1000)
}

pub(super) fn secs(at: Timestamp) -> i64 {
    (to_ms(at) - NOON) / 1000
}

pub(super) fn monitor(check: Check) -> Monitor {
    Monitor {
        name: ObjectName::new("shop", "api"),
        origin: MonitorOrigin::Monitor,
        generation: 1,
        labels: BTreeMap::new(),
        enabled: true,
        check,
        criteria: Criteria::default(),
        schedule: Schedule {
            interval: Duration::from_secs(60),
            timeout: Some(Duration::from_secs(10)),
            retries: 0,
            retry_interval: None,
            initial_delay: Duration::ZERO,
            grace_down: Duration::ZERO,
            recover_after: 1,
            jitter_percent: Some(0),
        },
        alerting: Alerting::default(),
        depends_on: Vec::new(),
        tags: Vec::new(),
        annotations: BTreeMap::new(),
    }
}

pub(super) fn tcp() -> Check {
    Check::Tcp(Box::new(TcpCheck {
        host: "db.example".to_owned(),
        port: 5432,
        send: None,
        expect: None,
        tls: None,
        starttls: None,
        banner_contains: None,
    }))
}

pub(super) fn tcp_with_tls(warn_before_days: Option<u32>) -> Check {
    let Check::Tcp(mut check) = tcp() else {
        panic!("tcp");
    };
    check.tls = Some(TlsOptions { warn_before_days, ..TlsOptions::default() });
    Check::Tcp(check)
}

pub(super) fn push(interval: u64, grace: u64) -> Check {
    Check::Push(Box::new(PushCheck {
        token: SecretText::parse("t").unwrap(),
        interval: Duration::from_secs(interval),
        grace: Duration::from_secs(grace),
    }))
}

pub(super) fn group(rule: GroupRule) -> Check {
    Check::Group(Box::new(GroupCheck {
        members: GroupMembers::Names(Vec::new()),
        rule,
        suppress_members: false,
    }))
}

/// A monitor, its state, and everything it has caused so far.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) monitor: Monitor,
    pub(super) settings: Settings,
    pub(super) guard_until: Option<Timestamp>,
    pub(super) state: VerdictState,
    pub(super) log: Vec<VerdictEffects>,
}

impl Case {
    pub(super) fn new(check: Check) -> Self {
        Self {
            monitor: monitor(check),
            settings: Settings::default(),
            guard_until: None,
            state: VerdictState::default(),
            log: Vec::new(),
        }
    }

    /// A TCP monitor that has been up since second 0.
    pub(super) fn up() -> Self {
        Self::up_with(|_| {})
    }

    pub(super) fn up_with(change: impl FnOnce(&mut Monitor)) -> Self {
        let mut case = Self::new(tcp());
        change(&mut case.monitor);
        case.catalog(0);
        case.ok(0);
        assert_eq!(case.shown(), MonitorState::Up);
        case.log.clear();
        case
    }

    pub(super) fn give(&mut self, input: VerdictInput<'_>, now: i64) -> &VerdictEffects {
        let view = VerdictView {
            id: MonitorId(7),
            monitor: &self.monitor,
            settings: &self.settings,
            guard_until: self.guard_until,
        };
        let effects = step(&mut self.state, input, &view, at(now));
        self.log.push(effects);
        self.log.last().unwrap()
    }

    /// An attempt that took a second and ended at `ended`.
    pub(super) fn saw(&mut self, observation: &Observation, ended: i64) -> &VerdictEffects {
        self.give(
            VerdictInput::Attempt { observation, started: at(ended - 1), ended: at(ended) },
            ended,
        )
    }

    pub(super) fn ok(&mut self, ended: i64) -> &VerdictEffects {
        self.saw(&Observation::success("connected"), ended)
    }

    pub(super) fn took(&mut self, millis: u64, ended: i64) -> &VerdictEffects {
        let mut observation = Observation::success("connected");
        observation.latency = Some(Duration::from_millis(millis));
        self.saw(&observation, ended)
    }

    pub(super) fn fail(&mut self, ended: i64) -> &VerdictEffects {
        let refused = Observation::failure(Reason::ConnectionRefused, "connection refused");
        self.saw(&refused, ended)
    }

    pub(super) fn unsure(&mut self, ended: i64) -> &VerdictEffects {
        self.saw(&Observation::indeterminate(Reason::ResolverDown, "no resolver"), ended)
    }

    pub(super) fn timer(&mut self, now: i64) -> &VerdictEffects {
        self.give(VerdictInput::Timer, now)
    }

    pub(super) fn catalog(&mut self, now: i64) -> &VerdictEffects {
        self.give(VerdictInput::Catalog, now)
    }

    pub(super) fn window(&mut self, open: bool, now: i64) -> &VerdictEffects {
        self.give(VerdictInput::Window { paused_by_maintenance: open }, now)
    }

    pub(super) fn members(&mut self, up: u32, total: u32, unknown: u32, now: i64) {
        self.give(VerdictInput::Members { up, total, unknown }, now);
    }

    /// Through a restart: the state is stored and read back.
    pub(super) fn restart(&mut self) {
        let blob = serde_json::to_vec(&self.state).unwrap();
        self.state = serde_json::from_slice(&blob).unwrap();
    }

    pub(super) fn resume(&mut self, last: Option<&Heartbeat>) {
        let view = VerdictView {
            id: MonitorId(7),
            monitor: &self.monitor,
            settings: &self.settings,
            guard_until: None,
        };
        self.state.resume(last, &view);
    }

    pub(super) fn shown(&self) -> MonitorState {
        self.state.shown()
    }

    pub(super) fn last(&self) -> &VerdictEffects {
        self.log.last().unwrap()
    }

    pub(super) fn notices(&self) -> Vec<&Notice> {
        self.log.iter().flat_map(|effects| &effects.notices).collect()
    }

    /// Names of all notices so far, in order.
    pub(super) fn told(&self) -> Vec<String> {
        self.notices()
            .into_iter()
            .map(|notice| {
                let text = format!("{notice:?}");
                text.split([' ', '{']).next().unwrap().to_owned()
            })
            .collect()
    }

    /// Changes of the time line so far as `(state, second)`.
    pub(super) fn line(&self) -> Vec<(MonitorState, i64)> {
        self.log
            .iter()
            .flat_map(|effects| &effects.intervals)
            .filter_map(|write| match write {
                IntervalWrite::Enter { state, at, .. } => Some((*state, secs(*at))),
                IntervalWrite::Vouch { .. } => None,
            })
            .collect()
    }

    pub(super) fn incident(&self) -> &Incident {
        self.log.iter().rev().find_map(|effects| effects.incident.as_ref()).expect("an incident")
    }
}

pub(super) fn certificate(expires_at: Timestamp) -> Box<Certificate> {
    Box::new(Certificate {
        fingerprint: "ab".to_owned(),
        subject: "CN=api".to_owned(),
        issuer: "CN=ca".to_owned(),
        serial: "01".to_owned(),
        names: Vec::new(),
        not_before: at(-1000),
        expires_at,
        chain_expires_at: expires_at,
        valid: true,
        problem: None,
        warnings: Vec::new(),
    })
}
