//! Rates, coalescing, and what is worth a write.

use kuma_core::id::{Kind, ObjectName};
use proptest::prelude::*;

use super::*;

fn key(name: &str) -> ObjectKey {
    ObjectKey { kind: Kind::Monitor, name: ObjectName::new("shop", name) }
}

fn at(ms: u64) -> Mono {
    Mono(ms * 1_000_000)
}

fn status(state: &str, latency: u32, uptime: f64) -> Value {
    serde_json::json!({
        "lastResult": {"state": state, "latencyMs": latency},
        "uptime": {"last24h": uptime},
        "observedGeneration": 1,
    })
}

fn seen(planner: &mut Planner, name: &str, status: Value) {
    planner.observe(&key(name), Observed { uid: "u".to_owned(), status });
}

#[test]
fn a_check_alone_is_worth_no_write() {
    let mut planner = Planner::new(Rates::default());
    seen(&mut planner, "web", status("up", 12, 99.91));
    planner.desire(&key("web"), status("up", 80, 99.94));
    assert_eq!(planner.next(at(5000)), None);
    assert_eq!(planner.wake_at(at(5000)), None);
}

#[test]
fn a_transition_goes_before_uptime() {
    let mut planner = Planner::new(Rates::default());
    for name in ["a", "b"] {
        seen(&mut planner, name, status("up", 12, 99.9));
    }
    planner.desire(&key("a"), status("up", 12, 99.7));
    planner.desire(&key("b"), status("down", 12, 99.9));
    assert_eq!(planner.next(at(5000)).unwrap().0, key("b"));
    assert_eq!(planner.next(at(5000)).unwrap().0, key("a"));
    assert_eq!(planner.next(at(5000)), None);
}

#[test]
fn only_the_newest_is_written_and_a_return_needs_no_write() {
    let mut planner = Planner::new(Rates::default());
    seen(&mut planner, "web", status("up", 1, 100.0));
    planner.desire(&key("web"), status("down", 1, 100.0));
    planner.desire(&key("web"), status("up", 1, 100.0));
    assert_eq!(planner.next(at(5000)), None);
}

#[test]
fn nothing_is_written_to_what_was_never_seen() {
    let mut planner = Planner::new(Rates::default());
    planner.desire(&key("web"), status("down", 1, 100.0));
    assert_eq!(planner.next(at(5000)), None);
}

proptest! {
    #[test]
    fn rates_hold_and_the_last_desired_is_written(
        changes in proptest::collection::vec((0_usize..30, any::<bool>(), 0_u8..20), 1..400),
    ) {
        let mut planner = Planner::new(Rates::default());
        let name = |number: usize| format!("m{number}");
        for number in 0..30 {
            seen(&mut planner, &name(number), status("up", 1, 100.0));
        }
        let mut last = BTreeMap::new();
        let mut writes: Vec<(u64, bool)> = Vec::new();
        let mut written: BTreeMap<ObjectKey, Value> = BTreeMap::new();
        let mut step = |planner: &mut Planner, ms: u64, writes: &mut Vec<(u64, bool)>| {
            while let Some((key, _, status)) = planner.next(at(ms)) {
                let before = planner.status(&key).cloned().unwrap();
                writes.push((ms, quick(&before) != quick(&status)));
                planner.written(&key, status.clone());
                written.insert(key, status);
            }
        };
        let mut ms = 1000;
        for (number, down, uptime) in changes {
            let wanted = status(if down { "down" } else { "up" }, 1, f64::from(uptime));
            planner.desire(&key(&name(number)), wanted.clone());
            last.insert(number, wanted);
            ms += 25;
            step(&mut planner, ms, &mut writes);
        }
        for _ in 0..4000 {
            ms += 25;
            step(&mut planner, ms, &mut writes);
        }
        for (number, wanted) in last {
            prop_assert_eq!(planner.status(&key(&name(number))).map(patient), Some(patient(&wanted)));
        }
        prop_assert_eq!(planner.waiting(), 0);
        for (from, _) in &writes {
            let within: Vec<_> = writes.iter().filter(|(at, _)| at >= from && *at < from + 1000).collect();
            let urgent = within.iter().filter(|(_, urgent)| *urgent).count();
            prop_assert!(urgent <= 41 && within.len() - urgent <= 3, "{} and {}", urgent, within.len() - urgent);
        }
    }
}
