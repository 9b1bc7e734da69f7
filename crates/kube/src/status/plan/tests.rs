//! Rates, order, refusals, and that in the end everything is written as it should be.

use kuma_core::id::ObjectName;
use proptest::prelude::*;

use super::*;

const SOON: Option<Urgency> = Some(Urgency::Soon);
const SLOW: Option<Urgency> = Some(Urgency::Slow);

fn key(name: &str) -> ObjectKey {
    ObjectKey { kind: Kind::Monitor, name: ObjectName::new("shop", name) }
}

fn at(ms: u64) -> Mono {
    Mono(ms * 1_000_000)
}

fn planner(names: &[&str]) -> Planner {
    let mut planner = Planner::new(Rates::default());
    for name in names {
        let observed = Observed { uid: "u".to_owned(), version: 1, status: Value::Null };
        assert!(planner.observe(&key(name), observed));
    }
    planner
}

fn written() -> Sent {
    Sent::Written { version: 1, status: Value::Null }
}

/// The names of what may be written at an instant, written at once.
fn write(planner: &mut Planner, ms: u64) -> Vec<String> {
    let mut names = Vec::new();
    while let Some((key, urgency)) = planner.next(at(ms)) {
        planner.sent(&key, urgency, written(), at(ms));
        names.push(key.name.name.to_string());
    }
    names
}

/// What happens to the next write.
fn fail(planner: &mut Planner, ms: u64, sent: Sent) -> ObjectKey {
    let (key, urgency) = planner.next(at(ms)).unwrap();
    planner.sent(&key, urgency, sent, at(ms));
    key
}

#[test]
fn transitions_are_written_in_their_order_and_spread_over_the_second() {
    let names = ["d", "c", "b", "a"];
    let mut planner = planner(&names);
    for name in names {
        planner.want(&key(name), SOON);
    }
    assert_eq!(write(&mut planner, 1000), ["d"]);
    assert_eq!(write(&mut planner, 1049), [""; 0]);
    assert_eq!(planner.wake_at(), Some(at(1050)));
    assert_eq!(write(&mut planner, 1050), ["c"]);
    // One that is wanted again keeps its place.
    planner.want(&key("b"), SOON);
    assert_eq!(write(&mut planner, 1100), ["b"]);
    assert_eq!(write(&mut planner, 1150), ["a"]);
}

#[test]
fn a_new_object_waits_once_and_briefly_to_have_more_to_say() {
    let mut planner = planner(&["a", "b"]);
    planner.want_with_more(&key("a"), at(1000));
    planner.want_with_more(&key("b"), at(1000));
    assert_eq!(write(&mut planner, 2000), [""; 0]);
    planner.want(&key("b"), SOON);
    assert_eq!(write(&mut planner, 2000), ["b"]);
    // Asking again does not put it off, and a watch that brings it does not hurry it.
    planner.want_with_more(&key("a"), at(4000));
    let observed = Observed { uid: "u".to_owned(), version: 2, status: Value::Null };
    assert!(!planner.observe(&key("a"), observed));
    assert_eq!(write(&mut planner, 5999), [""; 0]);
    assert_eq!(planner.wake_at(), Some(at(6000)));
    assert_eq!(write(&mut planner, 6000), ["a"]);
    planner.want_with_more(&key("a"), at(7000));
    assert_eq!(write(&mut planner, 7000), ["a"]);
}

#[test]
fn the_trickle_is_one_a_second_and_nobody_in_it_is_passed_over() {
    let mut planner = planner(&["a", "z", "m"]);
    planner.want(&key("z"), SLOW);
    planner.want(&key("m"), SLOW);
    assert_eq!(write(&mut planner, 1000), ["z"]);
    planner.want(&key("a"), SLOW);
    assert_eq!(write(&mut planner, 1999), [""; 0]);
    assert_eq!(write(&mut planner, 2000), ["m"]);
    assert_eq!(write(&mut planner, 3000), ["a"]);
}

#[test]
fn what_need_not_be_written_any_more_takes_nobodys_turn() {
    let mut planner = planner(&["a", "b", "c"]);
    for name in ["a", "b", "c"] {
        planner.want(&key(name), SOON);
    }
    assert_eq!(fail(&mut planner, 1000, Sent::Unneeded), key("a"));
    assert_eq!(write(&mut planner, 1000), ["b"]);
    assert_eq!(write(&mut planner, 1049), [""; 0]);
    assert_eq!(write(&mut planner, 1050), ["c"]);
}

#[test]
fn one_that_became_a_transition_waits_in_that_line_and_one_that_is_right_again_in_none() {
    let mut planner = planner(&["a", "b"]);
    planner.want(&key("a"), SLOW);
    planner.want(&key("b"), SLOW);
    planner.want(&key("b"), SOON);
    planner.want(&key("a"), None);
    assert_eq!(write(&mut planner, 1000), ["b"]);
    assert_eq!((planner.waiting(), planner.wake_at()), (0, None));
}

#[test]
fn what_changes_while_it_is_written_is_written_again() {
    let mut planner = planner(&["a"]);
    planner.want(&key("a"), SOON);
    let (under_way, urgency) = planner.next(at(1000)).unwrap();
    planner.want(&key("a"), SLOW);
    assert_eq!(planner.next(at(1500)), None, "not twice at once");
    let written = Sent::Written { version: 2, status: Value::Null };
    planner.sent(&under_way, urgency, written, at(1600));
    assert_eq!(write(&mut planner, 2000), ["a"]);
}

#[test]
fn nothing_is_written_to_what_was_never_seen_or_is_gone() {
    let mut planner = planner(&["a", "b"]);
    planner.want(&key("c"), SOON);
    planner.want(&key("a"), SOON);
    planner.forget(&key("a"));
    planner.want(&key("b"), SOON);
    assert_eq!(fail(&mut planner, 1000, Sent::Gone("u".to_owned())), key("b"));
    planner.want(&key("b"), SOON);
    assert_eq!(write(&mut planner, 9000), [""; 0]);
    assert_eq!(planner.waiting(), 0);
}

#[test]
fn what_took_the_place_of_another_while_that_was_written_is_not_forgotten() {
    let mut planner = planner(&["a"]);
    planner.want(&key("a"), SOON);
    let (sent, urgency) = planner.next(at(1000)).unwrap();
    let observed = Observed { uid: "new".to_owned(), version: 2, status: Value::Null };
    assert!(planner.observe(&key("a"), observed));
    planner.sent(&sent, urgency, Sent::Gone("u".to_owned()), at(1000));
    assert_eq!(planner.uid(&key("a")).as_deref(), Some("new"));
    assert_eq!(write(&mut planner, 2000), ["a"]);
}

#[test]
fn a_refused_object_waits_longer_each_time_and_the_others_do_not() {
    let mut planner = planner(&["a", "b"]);
    planner.want(&key("a"), SOON);
    planner.want(&key("b"), SOON);
    assert_eq!(fail(&mut planner, 1000, Sent::Refused), key("a"));
    assert_eq!(write(&mut planner, 1050), ["b"]);
    assert_eq!(write(&mut planner, 5999), [""; 0]);
    assert_eq!(fail(&mut planner, 6000, Sent::Refused), key("a"));
    assert_eq!(write(&mut planner, 15_999), [""; 0]);
    // Somebody changed the object.
    planner.observe(&key("a"), Observed { uid: "u".into(), version: 7, status: Value::Null });
    assert_eq!(write(&mut planner, 15_999), ["a"]);
}

#[test]
fn what_is_forbidden_for_a_kind_in_a_namespace_is_not_tried_for_each_object() {
    let mut planner = planner(&["a", "b", "c"]);
    let other = ObjectKey { kind: Kind::Silence, name: ObjectName::new("shop", "s") };
    planner.observe(&other, Observed { uid: "u".into(), version: 1, status: Value::Null });
    for name in ["a", "b", "c"] {
        planner.want(&key(name), SOON);
    }
    planner.want(&other, SOON);
    assert_eq!(fail(&mut planner, 1000, Sent::Forbidden), key("a"));
    assert_eq!(write(&mut planner, 1050), ["s"]);
    assert_eq!(planner.wake_at(), Some(at(6000)));
    assert_eq!(fail(&mut planner, 6000, Sent::Forbidden).kind, Kind::Monitor);
    assert_eq!(planner.next(at(15_999)), None);
    let (first, urgency) = planner.next(at(16_000)).unwrap();
    let written = Sent::Written { version: 2, status: Value::Null };
    planner.sent(&first, urgency, written, at(16_000));
    assert_eq!(write(&mut planner, 16_050).len(), 1);
    assert_eq!(write(&mut planner, 16_100).len(), 1);
}

#[test]
fn while_the_api_server_is_away_nothing_is_tried_but_now_and_then() {
    let mut planner = planner(&["a", "b"]);
    planner.want(&key("a"), SOON);
    planner.want(&key("b"), SOON);
    let mut tries = Vec::new();
    for ms in (1000..120_000).step_by(50) {
        if let Some((key, urgency)) = planner.next(at(ms)) {
            planner.sent(&key, urgency, Sent::Away, at(ms));
            tries.push(ms / 1000);
        }
    }
    assert_eq!(tries, [1, 2, 4, 8, 16, 31, 46, 61, 76, 91, 106]);
    assert_eq!(planner.waiting(), 2);
}

#[test]
fn fields_of_another_manager_are_left_to_it_for_ten_minutes() {
    let mut planner = planner(&["a"]);
    planner.want(&key("a"), SOON);
    let field = Foreign { path: ".status.cert".to_owned(), owner: "somebody".to_owned() };
    fail(&mut planner, 1000, Sent::Foreign(vec![field.clone()]));
    assert_eq!(planner.foreign(&key("a"), at(1001)), std::slice::from_ref(&field));
    assert_eq!(fail(&mut planner, 1050, Sent::Foreign(vec![field])), key("a"));
    assert_eq!(planner.next(at(1100)), None, "it was left out, and that did not help");
    assert_eq!(planner.foreign(&key("a"), at(602_000)), []);
}

#[test]
fn what_the_watch_brings_late_is_no_news() {
    let mut planner = planner(&["a"]);
    planner.want(&key("a"), SOON);
    let (written, urgency) = planner.next(at(1000)).unwrap();
    let status = serde_json::json!({"isActive": true});
    let sent = Sent::Written { version: 9, status: status.clone() };
    planner.sent(&written, urgency, sent, at(1000));
    let seen = |version, uid: &str, status: &Value| Observed {
        uid: uid.to_owned(),
        version,
        status: status.clone(),
    };
    assert!(!planner.observe(&key("a"), seen(8, "u", &Value::Null)));
    assert!(!planner.observe(&key("a"), seen(9, "u", &status)));
    assert_eq!(planner.before(&key("a")).unwrap().1, status);
    assert!(!planner.observe(&key("a"), seen(10, "u", &status)), "only its spec changed");
    assert!(planner.observe(&key("a"), seen(3, "another", &Value::Null)));
}

/// What may happen to a write.
fn outcome() -> impl Strategy<Value = u8> {
    prop_oneof![8 => Just(0_u8), 1 => Just(1), 1 => Just(2), 1 => Just(3), 2 => Just(4)]
}

proptest! {
    #[test]
    fn rates_hold_and_everything_wanted_is_written_in_the_end(
        steps in proptest::collection::vec((0_usize..20, 0_u8..3, 0_u64..200, outcome()), 1..300),
    ) {
        let names: Vec<String> = (0..20).map(|number| format!("m{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut planner = planner(&names);
        let mut wanted = BTreeSet::new();
        let mut tried: Vec<(u64, Urgency)> = Vec::new();
        let mut ms = 1000;
        let mut pass = |planner: &mut Planner, wanted: &mut BTreeSet<ObjectKey>, ms: u64, outcome: u8| {
            while let Some((key, urgency)) = planner.next(at(ms)) {
                if outcome != 4 {
                    tried.push((ms, urgency));
                }
                let sent = match outcome {
                    0 => { wanted.remove(&key); written() }
                    4 => { wanted.remove(&key); Sent::Unneeded }
                    1 => Sent::Refused,
                    2 => Sent::Forbidden,
                    _ => Sent::Away,
                };
                planner.sent(&key, urgency, sent, at(ms));
            }
        };
        for (name, how, wait, outcome) in steps {
            match how {
                0 => planner.want(&key(names[name]), SLOW),
                1 => planner.want(&key(names[name]), SOON),
                _ => planner.want_with_more(&key(names[name]), at(ms)),
            }
            wanted.insert(key(names[name]));
            ms += wait;
            pass(&mut planner, &mut wanted, ms, outcome);
        }
        while let Some(next) = planner.wake_at() {
            ms = ms.max(next.0.div_ceil(1_000_000));
            prop_assert!(ms < 3_600_000, "it never comes to an end");
            pass(&mut planner, &mut wanted, ms, 0);
        }
        prop_assert_eq!(wanted, BTreeSet::new());
        prop_assert_eq!(planner.waiting(), 0);
        for (from, urgency) in &tried {
            let within = tried.iter().filter(|(at, of)| of == urgency && at >= from && *at < from + 1000);
            let most = match urgency { Urgency::Soon => 20, Urgency::Slow => 1 };
            prop_assert!(within.count() <= most, "more than {} of {:?}", most, urgency);
        }
    }
}
