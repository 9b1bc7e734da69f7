//! Invariants that hold whatever happens in whatever order.

use std::collections::HashSet;

use proptest::prelude::*;

use super::kit::{World, closed, facts, incident, opened, parent};
use crate::catalog::Route;
use crate::engine::announce::{AnnounceEffects, AnnounceInput, Operator};
use crate::engine::notice::{Closing, Notice};
use crate::engine::testkit::{at, name, policy, route, secs, silence};
use crate::event::EventKind;
use crate::policy::EscalationStep;
use crate::ports::OutboxRow;
use crate::state::MonitorState;

/// One thing that happens some time after the one before it.
#[derive(Debug, Clone)]
enum Act {
    Toggle,
    Pause,
    Silence(u8),
    Unsilence,
    Routes(u8),
    Parent(bool),
    Flap(u8),
    Stable,
    Acknowledge(bool),
    Wait,
}

fn acts() -> impl Strategy<Value = Vec<(u16, Act)>> {
    let act = prop_oneof![
        4 => Just(Act::Toggle),
        1 => Just(Act::Pause),
        2 => any::<u8>().prop_map(Act::Silence),
        1 => Just(Act::Unsilence),
        2 => (0..5_u8).prop_map(Act::Routes),
        2 => any::<bool>().prop_map(Act::Parent),
        1 => any::<u8>().prop_map(Act::Flap),
        1 => Just(Act::Stable),
        1 => any::<bool>().prop_map(Act::Acknowledge),
        1 => Just(Act::Wait),
    ];
    proptest::collection::vec((0..400_u16, act), 1..60)
}

fn routes(choice: u8) -> Vec<Route> {
    let plain = || route(policy("plain", &["chat"]));
    let mut strict = policy("strict", &["mail", "chat"]);
    strict.rate_limit = secs(300);
    strict.dedupe_window = secs(600);
    let mut loud = policy("loud", &["mail"]);
    loud.resend_interval = secs(120);
    loud.escalation = vec![EscalationStep { after: secs(90), providers: vec![name("boss")] }];
    match choice {
        0 => vec![plain()],
        1 => vec![plain(), route(strict)],
        2 => vec![route(loud), plain()],
        3 => vec![route(loud)],
        _ => Vec::new(),
    }
}

/// A world in which acts happen, and what must be so after each step.
struct Play {
    world: World,
    now: i64,
    wake: Option<i64>,
    /// Number and start of the open incident.
    open: Option<(u32, i64)>,
    incidents: u32,
    flapping: bool,
    log: Vec<AnnounceEffects>,
}

impl Play {
    fn new() -> Self {
        let mut world = World::new(routes(0));
        world.parents = vec![parent("router")];
        world.parents[0].verdict_begun = Some(at(1_000_000_000));
        Self {
            world,
            now: 0,
            wake: None,
            open: None,
            incidents: 0,
            flapping: false,
            log: Vec::new(),
        }
    }

    fn step(&mut self, input: AnnounceInput<'_>) {
        let effects = self.world.step(input, self.now);
        self.check(&effects);
        let wake = self.world.state.wake_at();
        self.wake = wake.map(|wake| wake.duration_since(at(0)).as_secs());
        self.log.push(effects);
    }

    fn check(&self, effects: &AnnounceEffects) {
        let now = at(self.now);
        if let Some(wake) = effects.wake_at {
            assert!(wake > now, "a wake-up that is already over would spin");
        }
        let muted = self.world.entry.silences.iter().any(|s| s.is_active(now));
        let begins = |row: &&OutboxRow| !row.event.kind.is_recovery();
        let begun: Vec<_> = effects.outbox.iter().filter(begins).collect();
        assert!(!muted || begun.is_empty(), "told during a silence: {begun:?}");
        if self.world.parents[0].announced_down {
            assert!(
                begun.iter().all(|row| row.event.kind == EventKind::Flapping),
                "told although the parent is down: {begun:?}"
            );
        }
        if effects.suppressed_by.as_deref().is_some_and(|by| by != "unrouted") {
            assert!(effects.wake_at.is_some(), "a hold without deadline");
        }
    }

    /// Lets time pass up to `second`, waking when asked for.
    fn advance(&mut self, second: i64) {
        while let Some(wake) = self.wake.filter(|wake| *wake <= second) {
            self.now = wake;
            self.step(AnnounceInput::Timer);
        }
        self.now = second;
    }

    fn notices(&mut self, notices: &[Notice]) {
        self.step(AnnounceInput::Notices(notices));
    }

    fn close(&mut self, closing: Closing) {
        let Some((number, start)) = self.open.take() else {
            return;
        };
        self.world.shown =
            if closing == Closing::Recovered { MonitorState::Up } else { MonitorState::Paused };
        let mut notices = vec![closed(number, start, self.now, closing)];
        if std::mem::take(&mut self.flapping) {
            notices.push(Notice::FlappingOver);
        }
        self.notices(&notices);
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Toggle if self.open.is_some() => self.close(Closing::Recovered),
            Act::Toggle => {
                self.incidents += 1;
                self.open = Some((self.incidents, self.now));
                self.world.shown = MonitorState::Down;
                self.notices(&[opened(self.incidents, self.now)]);
            }
            Act::Pause => self.close(Closing::Paused),
            Act::Silence(length) => {
                let end = self.now + 1 + i64::from(*length) * 4;
                self.world.entry.silences = vec![silence("s", self.now, end)];
                self.step(AnnounceInput::Catalog);
            }
            Act::Unsilence => {
                self.world.entry.silences.clear();
                self.step(AnnounceInput::Catalog);
            }
            Act::Routes(choice) => {
                self.world.entry.routes = routes(*choice);
                self.step(AnnounceInput::Catalog);
            }
            Act::Parent(down) => {
                self.world.parents[0].announced_down = *down;
                self.step(AnnounceInput::Related);
            }
            Act::Flap(length) => self.flap(i64::from(*length)),
            Act::Stable => {
                self.flapping = false;
                self.notices(&[Notice::FlappingOver]);
            }
            Act::Acknowledge(yes) => {
                let operator = if *yes {
                    let by = "eve".to_owned();
                    Operator::Acknowledge { by }
                } else {
                    Operator::Unacknowledge
                };
                self.step(AnnounceInput::Operator(operator));
            }
            Act::Wait => self.step(AnnounceInput::Timer),
        }
    }

    /// Flapping reopens the latest incident, or appends to the open one.
    fn flap(&mut self, length: i64) {
        if self.flapping || self.incidents == 0 {
            return;
        }
        self.flapping = true;
        let mut notices = Vec::new();
        if self.open.is_none() {
            self.open = Some((self.incidents, self.now));
            notices.push(Notice::Reopened {
                incident: incident(self.incidents),
                at: at(self.now),
                facts: facts(),
            });
        }
        self.world.shown = MonitorState::Flapping;
        notices.push(Notice::FlappingStarted {
            incident: incident(self.incidents),
            at: at(self.now),
            toggles: 6,
            quiet_until: at(self.now + 1 + length * 8),
        });
        self.notices(&notices);
    }

    fn run(acts: &[(u16, Act)]) -> Self {
        let mut play = Self::new();
        for (wait, act) in acts {
            let second = play.now + i64::from(*wait);
            play.advance(second);
            play.act(act);
        }
        play
    }

    /// Nothing stands in the way any more; the longest hold ends within the hour.
    fn let_go(&mut self) {
        self.world.parents[0].announced_down = false;
        self.step(AnnounceInput::Related);
        self.advance(self.now + 3600);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_announced_down_gets_exactly_one_end(acts in acts()) {
        let mut play = Play::run(&acts);
        play.close(Closing::Recovered);
        let rows = &play.world.sent;
        let ends: Vec<_> = rows
            .iter()
            .filter(|row| row.event.kind.is_recovery())
            .collect();
        for down in rows.iter().filter(|row| row.event.kind == EventKind::Down) {
            let answers: Vec<_> = ends
                .iter()
                .filter(|end| end.merges.as_ref() == Some(&down.key))
                .collect();
            prop_assert_eq!(answers.len(), 1, "{:?}", down);
            prop_assert_eq!(&answers[0].provider, &down.provider);
            prop_assert_eq!(&answers[0].subject, &down.subject);
        }
        for end in &ends {
            let begin = rows.iter().position(|row| Some(&row.key) == end.merges.as_ref());
            let own = rows.iter().position(|row| row.key == end.key);
            prop_assert!(begin.is_some() && begin < own, "an end of nothing: {:?}", end);
        }
        prop_assert!(play.world.state.is_idle() || play.flapping);
    }

    #[test]
    fn every_hold_ends_and_then_everybody_knows(acts in acts()) {
        let mut play = Play::run(&acts);
        if play.open.is_none() {
            play.act(&Act::Toggle);
        }
        play.let_go();
        let (number, _) = play.open.unwrap();
        let told: HashSet<_> = play
            .world
            .sent
            .iter()
            .filter(|row| row.event.incident == Some(incident(number)))
            .filter(|row| matches!(row.event.kind, EventKind::Down | EventKind::Escalation))
            .map(|row| row.provider.clone())
            .collect();
        for route in &play.world.entry.routes {
            for provider in &route.providers {
                prop_assert!(told.contains(provider), "{} was never told", provider);
            }
        }
        let is_routed = !play.world.entry.routes.is_empty();
        prop_assert!(!is_routed || play.world.state.announced_down());
        prop_assert!(!is_routed || play.world.state.suppressed_by().is_none());
    }

    #[test]
    fn keys_are_unique_and_the_same_log_gives_the_same_effects(acts in acts()) {
        let one = Play::run(&acts);
        let other = Play::run(&acts);
        prop_assert_eq!(&one.log, &other.log);
        prop_assert_eq!(&one.world.state, &other.world.state);
        let mut keys = HashSet::new();
        for effects in &one.log {
            let unsaid = effects.suppressed.iter().map(|suppressed| &suppressed.row);
            for row in effects.outbox.iter().chain(unsaid) {
                prop_assert!(keys.insert(row.key.clone()), "{:?}", row);
            }
        }
    }

    #[test]
    fn a_restart_between_any_two_steps_changes_nothing(acts in acts(), cut in 0..60_usize) {
        let whole = Play::run(&acts);
        let mut play = Play::new();
        for (index, (wait, act)) in acts.iter().enumerate() {
            let second = play.now + i64::from(*wait);
            play.advance(second);
            if index == cut {
                let stored = serde_json::to_vec(&play.world.state).unwrap();
                play.world.state = serde_json::from_slice(&stored).unwrap();
            }
            play.act(act);
        }
        prop_assert_eq!(&whole.world.sent, &play.world.sent);
    }
}
