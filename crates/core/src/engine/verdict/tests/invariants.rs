//! What holds whatever happens.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::kit::{Case, at, group, push, tcp_with_tls};
use crate::check::GroupRule;
use crate::engine::notice::Notice;
use crate::engine::verdict::{VerdictEffects, VerdictInput, VerdictView, step};
use crate::id::MonitorId;
use crate::observation::Observation;
use crate::ports::IntervalWrite;
use crate::reason::Reason;
use crate::state::MonitorState;
use crate::time::Timestamp;

#[derive(Debug, Clone)]
enum Act {
    Success(u64),
    Failure,
    Unsure,
    Timer,
    Wake,
    Enable(bool),
    Retarget,
    Window(bool),
    Members(u32, u32),
    Guard(Option<u16>),
    Delete,
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0_u64..1000).prop_map(Act::Success),
        6 => Just(Act::Failure),
        2 => Just(Act::Unsure),
        2 => Just(Act::Timer),
        3 => Just(Act::Wake),
        1 => any::<bool>().prop_map(Act::Enable),
        1 => Just(Act::Retarget),
        1 => any::<bool>().prop_map(Act::Window),
        2 => (0_u32..4, 0_u32..3).prop_map(|(up, unknown)| Act::Members(up, unknown)),
        1 => prop::option::of(0_u16..200).prop_map(Act::Guard),
        1 => Just(Act::Delete),
        1 => Just(Act::Restart),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    (0..3_u8, 0_u32..3, 0_u64..90, 1_u32..3, 1_u32..5).prop_map(
        |(kind, retries, grace, recover_after, threshold)| {
            let mut case = Case::new(match kind {
                0 => tcp_with_tls(Some(14)),
                1 => push(60, 10),
                _ => group(GroupRule::AtLeast(2)),
            });
            case.monitor.schedule.retries = retries;
            case.monitor.schedule.grace_down = Duration::from_secs(grace);
            case.monitor.schedule.recover_after = recover_after;
            case.monitor.criteria.degraded_latency = Some(Duration::from_millis(500));
            case.settings.scheduler.flapping.toggle_threshold = threshold;
            case.catalog(0);
            case
        },
    )
}

fn run(case: &mut Case, acts: &[(u16, Act)]) {
    let mut now = 0;
    for (wait, act) in acts {
        now += i64::from(*wait);
        match act {
            Act::Success(millis) => drop(case.took(*millis, now).clone()),
            Act::Failure => drop(case.fail(now).clone()),
            Act::Unsure => drop(case.unsure(now).clone()),
            Act::Timer => drop(case.timer(now).clone()),
            Act::Wake => {
                if let Some(due) = case.last().wake_at {
                    now = now.max(super::kit::secs(due) + 1);
                    case.timer(now);
                }
            }
            Act::Enable(enabled) => {
                case.monitor.enabled = *enabled;
                case.catalog(now);
            }
            Act::Retarget => {
                if let crate::check::Check::Tcp(check) = &mut case.monitor.check {
                    check.port += 1;
                }
                case.catalog(now);
            }
            Act::Window(open) => drop(case.window(*open, now).clone()),
            Act::Members(up, unknown) => case.members(*up, 5, *unknown, now),
            Act::Guard(hold) => case.guard_until = hold.map(|hold| at(now + i64::from(hold))),
            Act::Delete => drop(case.give(VerdictInput::Deleted, now).clone()),
            Act::Restart => {
                case.restart();
                case.catalog(now);
            }
        }
    }
}

fn one_incident_at_a_time(log: &[VerdictEffects]) {
    let mut open = None;
    let mut flaps = false;
    let mut newest = None;
    for notice in log.iter().flat_map(|effects| &effects.notices) {
        match notice {
            Notice::Opened { incident, .. } => {
                assert_eq!(open, None, "opened while open");
                assert!(newest < Some(*incident), "numbers go up");
                newest = Some(*incident);
                open = Some(*incident);
            }
            Notice::Reopened { incident, .. } => {
                assert_eq!(open, None, "reopened while open");
                assert_eq!(newest, Some(*incident), "only the latest");
                open = Some(*incident);
            }
            Notice::Closed { incident, started_at, ended_at, .. } => {
                assert_eq!(open, Some(*incident), "closed what is not open");
                assert!(started_at <= ended_at);
                open = None;
            }
            Notice::FlappingStarted { incident, .. } => {
                assert_eq!(open, Some(*incident));
                assert!(!std::mem::replace(&mut flaps, true), "started twice");
            }
            Notice::FlappingOver => assert!(std::mem::replace(&mut flaps, false)),
            _ => {}
        }
    }
}

fn rows_follow_notices(log: &[VerdictEffects]) {
    let mut rows = HashMap::new();
    for effects in log {
        if let Some(incident) = &effects.incident {
            assert!(effects.dirty, "a row without its state");
            rows.insert(incident.id, incident.ended_at);
        }
        for notice in &effects.notices {
            match notice {
                Notice::Opened { incident, .. } | Notice::Reopened { incident, .. } => {
                    assert_eq!(rows[incident], None);
                }
                Notice::Closed { incident, ended_at, .. } => {
                    assert_eq!(rows[incident], Some(*ended_at));
                }
                _ => {}
            }
        }
    }
    assert!(rows.values().filter(|ended| ended.is_none()).count() <= 1);
}

/// Only a confirmed down, its end and a vouched-for verdict may reach back, and never behind the
/// start of the last known interval.
fn time_line_goes_forward(log: &[VerdictEffects]) {
    let mut last: Option<(MonitorState, Timestamp)> = None;
    let mut floor = Timestamp::MIN;
    for write in log.iter().flat_map(|effects| &effects.intervals) {
        let IntervalWrite::Enter { state, at, .. } = write else {
            continue;
        };
        assert!(*at >= floor, "{state} at {at} reaches behind {floor}");
        if let Some((before, since)) = last {
            assert_ne!(before, *state, "nothing changed");
            assert!(*at >= since || before == MonitorState::Unknown, "{before} to {state}");
        }
        assert_ne!(*state, MonitorState::Flapping);
        if *state != MonitorState::Unknown {
            floor = *at;
        }
        last = Some((*state, *at));
    }
}

fn transitions_are_a_chain(log: &[VerdictEffects]) {
    let mut shown = MonitorState::Pending;
    for effects in log {
        if let Some((from, to)) = effects.transition {
            assert_eq!(from, shown);
            shown = to;
        }
        if let Some(heartbeat) = &effects.heartbeat {
            assert_eq!(heartbeat.state, shown);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn incidents_rows_time_line_and_transitions_hold_together(
        mut case in case(),
        acts in prop::collection::vec((0_u16..400, act()), 0..80),
    ) {
        run(&mut case, &acts);
        one_incident_at_a_time(&case.log);
        rows_follow_notices(&case.log);
        time_line_goes_forward(&case.log);
        transitions_are_a_chain(&case.log);
    }

    #[test]
    fn the_same_log_gives_the_same_effects_and_a_stored_state_goes_on_alike(
        mut case in case(),
        acts in prop::collection::vec((0_u16..400, act()), 0..60),
    ) {
        let mut again = Case::new(case.monitor.check.clone());
        again.monitor = case.monitor.clone();
        again.settings = case.settings.clone();
        again.catalog(0);
        run(&mut case, &acts);
        run(&mut again, &acts);
        prop_assert_eq!(&case.log, &again.log);
        let blob = serde_json::to_string(&case.state).unwrap();
        let back: crate::engine::verdict::VerdictState = serde_json::from_str(&blob).unwrap();
        prop_assert_eq!(serde_json::to_string(&back).unwrap(), blob);
        prop_assert_eq!(back.shown(), case.state.shown());
    }

    #[test]
    fn a_wake_up_that_is_answered_lies_in_the_future(
        mut case in case(),
        acts in prop::collection::vec((0_u16..400, act()), 0..60),
    ) {
        run(&mut case, &acts);
        let mut now = i64::try_from(case.log.len()).unwrap() * 4000;
        for _ in 0..6 {
            case.timer(now);
            let Some(wake) = case.last().wake_at else { break };
            prop_assert!(wake > at(now), "{wake} is not after {}", at(now));
            now = super::kit::secs(wake) + 1;
        }
    }

    #[test]
    fn what_decides_is_written_when_it_changes(
        mut case in case(),
        acts in prop::collection::vec((0_u16..400, act()), 1..40),
    ) {
        run(&mut case, &acts[..acts.len() - 1]);
        let decides = |case: &Case| {
            let mut value = serde_json::to_value(&case.state).unwrap();
            for volatile in ["vouched_until", "push_due", "beat"] {
                value[volatile] = serde_json::Value::Null;
            }
            // The words of the last attempt may be old.
            value["indeterminate"]["facts"] = serde_json::Value::Null;
            value
        };
        let before = decides(&case);
        let logged = case.log.len();
        let last = [(0, acts[acts.len() - 1].1.clone())];
        // `run` counts from second 0; go on after everything before.
        let mut later = vec![(u16::MAX, Act::Guard(None))];
        later.extend(last);
        run(&mut case, &later);
        let dirty = case.log[logged..].iter().any(|effects| effects.dirty);
        if !dirty {
            prop_assert_eq!(before, decides(&case));
        }
    }

    #[test]
    fn no_instant_is_too_extreme(
        mut case in case(),
        times in prop::collection::vec((any::<i64>(), 0_u8..7), 0..30),
    ) {
        for (ms, what) in times {
            let now = crate::time::from_ms(ms);
            let view = VerdictView {
                id: MonitorId(7),
                monitor: &case.monitor,
                settings: &case.settings,
                guard_until: (what == 6).then_some(Timestamp::MAX),
            };
            let failure = Observation::failure(Reason::Timeout, "late");
            let success = Observation::success("fine");
            let observation = if what % 2 == 0 { &failure } else { &success };
            let input = match what {
                0 | 1 => VerdictInput::Attempt { observation, started: now, ended: now },
                2 => VerdictInput::Attempt {
                    observation,
                    started: Timestamp::MAX,
                    ended: Timestamp::MIN,
                },
                3 => VerdictInput::Timer,
                4 => VerdictInput::Deleted,
                5 => VerdictInput::Catalog,
                _ => VerdictInput::Members { up: 1, total: 3, unknown: 0 },
            };
            step(&mut case.state, input, &view, now);
        }
    }
}
