//! One monitor, its routes and parents, and what it was told.

use crate::catalog::{Catalog, Entry, Route};
use crate::engine::announce::{
    self, AnnounceEffects, AnnounceInput, AnnounceState, AnnounceView, Operator, Related,
};
use crate::engine::notice::{Closing, Facts, Notice};
use crate::engine::testkit::{at, catalog, entry, monitor, name, secs};
use crate::id::{IncidentId, MonitorId};
use crate::ports::OutboxRow;
use crate::reason::Reason;
use crate::state::MonitorState;

pub(super) struct World {
    pub(super) state: AnnounceState,
    pub(super) entry: Entry,
    pub(super) catalog: Catalog,
    pub(super) parents: Vec<Related>,
    pub(super) shown: MonitorState,
    pub(super) sent: Vec<OutboxRow>,
}

impl World {
    pub(super) fn new(routes: Vec<Route>) -> Self {
        Self {
            state: AnnounceState::default(),
            entry: entry(7, monitor("api"), routes),
            catalog: catalog(Vec::new()),
            parents: Vec::new(),
            shown: MonitorState::Up,
            sent: Vec::new(),
        }
    }

    pub(super) fn step(&mut self, input: AnnounceInput<'_>, second: i64) -> AnnounceEffects {
        let view = AnnounceView {
            id: MonitorId(7),
            entry: Some(&self.entry),
            catalog: &self.catalog,
            parents: &self.parents,
            state: self.shown,
        };
        let effects = announce::step(&mut self.state, input, &view, at(second));
        self.sent.extend(effects.outbox.iter().cloned());
        effects
    }

    pub(super) fn notice(&mut self, notice: Notice, second: i64) -> AnnounceEffects {
        self.step(AnnounceInput::Notices(&[notice]), second)
    }

    pub(super) fn timer(&mut self, second: i64) -> AnnounceEffects {
        self.step(AnnounceInput::Timer, second)
    }

    /// Down since `second`, confirmed then.
    pub(super) fn down(&mut self, number: u32, second: i64) -> AnnounceEffects {
        self.shown = MonitorState::Down;
        self.notice(opened(number, second), second)
    }

    pub(super) fn up(&mut self, number: u32, start: i64, second: i64) -> AnnounceEffects {
        self.shown = MonitorState::Up;
        self.notice(closed(number, start, second, Closing::Recovered), second)
    }

    pub(super) fn acknowledge(&mut self, second: i64) {
        let by = "eve".to_owned();
        self.step(AnnounceInput::Operator(Operator::Acknowledge { by }), second);
    }
}

pub(super) fn incident(number: u32) -> IncidentId {
    IncidentId::new(MonitorId(7), number)
}

pub(super) fn facts() -> Facts {
    Facts {
        reason: Some(Reason::ConnectionRefused),
        message: "connection refused".to_owned(),
        latency_ms: Some(3),
        attempts: 1,
    }
}

pub(super) fn opened(number: u32, second: i64) -> Notice {
    Notice::Opened {
        incident: incident(number),
        started_at: at(second),
        previous: MonitorState::Up,
        facts: facts(),
    }
}

pub(super) fn closed(number: u32, start: i64, second: i64, closing: Closing) -> Notice {
    Notice::Closed {
        incident: incident(number),
        started_at: at(start),
        ended_at: at(second),
        closing,
        now: if closing == Closing::Recovered { MonitorState::Up } else { MonitorState::Paused },
        facts: Facts::default(),
    }
}

/// A parent that is well and answered a moment before the world began.
pub(super) fn parent(text: &str) -> Related {
    Related {
        id: MonitorId(1),
        name: name(text),
        state: MonitorState::Up,
        announced_down: false,
        covered: false,
        waits_until: None,
        verdict_begun: Some(at(-30)),
        enabled: true,
        muted: false,
        budget: secs(10),
        interval: secs(60),
    }
}

/// Rows as `second kind provider`, in order.
pub(super) fn brief(effects: &AnnounceEffects) -> Vec<String> {
    let rows = effects.outbox.iter();
    rows.map(|row| format!("{} {}", row.event.kind, row.provider.name)).collect()
}

/// Suppressed rows as `kind provider: why`.
pub(super) fn unsaid(effects: &AnnounceEffects) -> Vec<String> {
    let rows = effects.suppressed.iter();
    rows.map(|row| format!("{} {}: {}", row.row.event.kind, row.row.provider.name, row.why))
        .collect()
}

pub(super) fn wake(effects: &AnnounceEffects) -> Option<i64> {
    effects.wake_at.map(|wake| wake.duration_since(at(0)).as_secs())
}
