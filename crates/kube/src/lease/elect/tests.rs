//! Sentences of the rule one by one, then whole worlds of replicas with wrong clocks and pauses.

mod properties;

use super::*;

fn at(seconds: u64) -> Mono {
    Mono::default() + Duration::from_secs(seconds)
}

fn after(seconds: u64, more_ms: u64) -> Mono {
    at(seconds) + Duration::from_millis(more_ms)
}

fn lease(holder: &str, renewed: i64) -> Record {
    Record {
        holder: Some(holder.to_owned()),
        renewed: Some(Timestamp::from_second(renewed).unwrap()),
        duration: Duration::from_secs(15),
        transitions: 3,
        ..Record::default()
    }
}

fn elector() -> Elector {
    Elector::new("me", Terms::default())
}

#[test]
fn a_lease_that_nobody_has_is_taken() {
    assert_eq!(elector().observe(None, at(0)), Step::Acquire { transitions: 0 });
    let released = Record { holder: Some(String::new()), ..lease("x", 0) };
    assert_eq!(elector().observe(Some(&released), at(0)), Step::Acquire { transitions: 4 });
    let released = Record { holder: None, ..lease("x", 0) };
    assert_eq!(elector().observe(Some(&released), at(0)), Step::Acquire { transitions: 4 });
}

#[test]
fn another_holder_is_waited_for_as_long_as_it_shows_that_it_lives() {
    let mut elector = elector();
    assert_eq!(elector.observe(Some(&lease("other", 0)), at(0)), Step::Wait(after(0, 500)));
    assert_eq!(elector.observe(Some(&lease("other", 0)), after(14, 600)), Step::Wait(at(15)));
    let renewed = lease("other", 5);
    assert_eq!(elector.observe(Some(&renewed), after(14, 800)), Step::Wait(after(15, 300)));
    assert_eq!(elector.observe(Some(&renewed), after(29, 500)), Step::Wait(after(29, 800)));
    let taken = elector.observe(Some(&renewed), after(29, 800));
    assert_eq!(taken, Step::Acquire { transitions: 4 });
}

#[test]
fn the_times_written_in_a_lease_are_not_compared_with_a_clock() {
    // Renewed in the distant past or future by its own clock: it lives as long as it changes.
    for start in [-1_000_000_000, 4_000_000_000] {
        let mut elector = elector();
        for round in 0..100 {
            let now = at(round * 5);
            let seen = lease("other", start + i64::try_from(round).unwrap());
            assert!(matches!(elector.observe(Some(&seen), now), Step::Wait(_)));
        }
    }
    // A clock that was set back is a change too.
    let mut elector = elector();
    elector.observe(Some(&lease("other", 100)), at(0));
    assert!(matches!(elector.observe(Some(&lease("other", 50)), at(15)), Step::Wait(_)));
}

#[test]
fn a_holder_renews_in_time_and_not_more_often() {
    let mut elector = elector();
    assert_eq!(elector.observe(None, at(0)), Step::Acquire { transitions: 0 });
    elector.written(at(1));
    assert!(elector.holds());
    assert_eq!(elector.observe(Some(&lease("me", 0)), at(2)), Step::Wait(at(6)));
    assert_eq!(elector.observe(Some(&lease("me", 0)), at(6)), Step::Renew);
}

#[test]
fn a_write_whose_answer_was_lost_still_counts() {
    let mut elector = elector();
    elector.observe(None, at(0));
    assert_eq!(elector.observe(Some(&lease("me", 0)), at(3)), Step::Renew);
}

#[test]
fn a_holder_keeps_it_however_long_the_api_server_is_away() {
    let mut elector = elector();
    elector.observe(None, at(0));
    elector.written(at(0));
    assert_eq!(elector.retry_at(at(600)), after(600, 500));
    assert!(elector.holds());
    assert_eq!(elector.observe(Some(&lease("me", 0)), at(3600)), Step::Renew);
}

#[test]
fn a_holder_that_sees_another_one_has_lost_it_for_good() {
    let mut elector = elector();
    elector.observe(None, at(0));
    elector.written(at(0));
    let lost = Step::Lost { to: "thief".to_owned() };
    assert_eq!(elector.observe(Some(&lease("thief", 0)), at(60)), lost);
    assert!(!elector.holds());
    assert_eq!(elector.observe(None, at(61)), lost);
    assert_eq!(elector.observe(Some(&lease("me", 0)), at(62)), lost);
}

#[test]
fn a_holder_whose_lease_was_deleted_or_emptied_writes_it_again() {
    let mut elector = elector();
    elector.observe(None, at(0));
    elector.written(at(0));
    assert!(matches!(elector.observe(None, at(5)), Step::Acquire { .. }));
    let released = Record { holder: None, ..lease("x", 0) };
    assert!(matches!(elector.observe(Some(&released), at(5)), Step::Acquire { .. }));
    assert!(elector.holds());
}

#[test]
fn a_lease_that_is_to_last_for_ever_does_not() {
    let mut elector = elector();
    let eternal = Record { duration: Duration::MAX, ..lease("other", 0) };
    assert!(matches!(elector.observe(Some(&eternal), at(0)), Step::Wait(_)));
    assert!(matches!(elector.observe(Some(&eternal), at(3600)), Step::Acquire { .. }));
}
