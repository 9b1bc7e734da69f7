//! Starts across clock changes, years and odd rules.

use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The next starts after a time, as instants.
fn starts(recurrence: &Recurrence, after: &str, count: usize) -> Vec<String> {
    let mut now = at(after);
    let mut out = Vec::new();
    for _ in 0..count {
        let Some(next) = recurrence.next_after(now) else {
            break;
        };
        assert!(recurrence.last_at_or_before(next) == Some(next), "{next} is a start");
        out.push(next.to_string());
        now = next;
    }
    out
}

fn rule(source: &str, start: DateTime, zone_name: &str) -> Recurrence {
    Recurrence::rrule(source, start, zone(zone_name)).unwrap()
}

#[test]
fn a_start_in_a_skipped_hour_moves_to_the_next_valid_instant() {
    let daily = rule("FREQ=DAILY", date(2026, 3, 27).at(2, 30, 0, 0), "Europe/Berlin");
    assert_eq!(
        starts(&daily, "2026-03-27T12:00:00Z", 3),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
    );
    let cron = Recurrence::cron("30 2 * * *", None, zone("America/New_York")).unwrap();
    assert_eq!(
        starts(&cron, "2026-03-07T12:00:00Z", 2),
        ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]
    );
}

#[test]
fn a_start_in_a_repeated_hour_happens_once() {
    let daily = rule("FREQ=DAILY", date(2026, 10, 24).at(2, 30, 0, 0), "Europe/Berlin");
    assert_eq!(
        starts(&daily, "2026-10-24T12:00:00Z", 2),
        ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
    );
    let cron = Recurrence::cron("30 1 * * *", None, zone("America/New_York")).unwrap();
    assert_eq!(
        starts(&cron, "2026-10-31T12:00:00Z", 2),
        ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]
    );
}

#[test]
fn count_and_until_end_a_rule() {
    let start = date(2026, 1, 1).at(22, 0, 0, 0);
    let three = rule("FREQ=DAILY;COUNT=3", start, "UTC");
    assert_eq!(starts(&three, "2025-01-01T00:00:00Z", 9).len(), 3);
    assert_eq!(
        three.last_at_or_before(at("2030-01-01T00:00:00Z")),
        Some(at("2026-01-03T22:00:00Z"))
    );
    assert_eq!(three.last_at_or_before(at("2026-01-01T21:59:59Z")), None);

    // 20:00Z on the 4th is 21:00 in Berlin: that day's start is past it.
    let until = rule("FREQ=DAILY;UNTIL=20260104T200000Z", start, "Europe/Berlin");
    assert_eq!(starts(&until, "2025-01-01T00:00:00Z", 9).len(), 3);
    assert_eq!(
        until.last_at_or_before(at("2036-01-01T00:00:00Z")),
        Some(at("2026-01-03T21:00:00Z"))
    );
    let day = rule("FREQ=DAILY;UNTIL=20260104", start, "Europe/Berlin");
    assert_eq!(starts(&day, "2025-01-01T00:00:00Z", 9).len(), 4);
}

#[test]
fn weekdays_intervals_and_positions_are_understood() {
    let start = date(2026, 1, 5).at(9, 0, 0, 0);
    let weekly = rule("RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH", start, "UTC");
    assert_eq!(
        starts(&weekly, "2026-01-05T09:00:00Z", 3),
        ["2026-01-08T09:00:00Z", "2026-01-19T09:00:00Z", "2026-01-22T09:00:00Z"]
    );
    let last_friday = rule("FREQ=MONTHLY;BYDAY=-1FR", start, "Europe/Berlin");
    assert_eq!(
        starts(&last_friday, "2026-03-01T00:00:00Z", 3),
        ["2026-03-27T08:00:00Z", "2026-04-24T07:00:00Z", "2026-05-29T07:00:00Z"]
    );
    let leap = rule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", start, "UTC");
    assert_eq!(leap.next_after(at("2026-01-01T00:00:00Z")), Some(at("2028-02-29T09:00:00Z")));
    assert_eq!(
        leap.last_at_or_before(at("2040-02-01T00:00:00Z")),
        Some(at("2036-02-29T09:00:00Z"))
    );
    let month_end = rule("FREQ=MONTHLY", date(2020, 1, 31).at(1, 0, 0, 0), "UTC");
    assert_eq!(
        starts(&month_end, "2026-03-01T00:00:00Z", 2),
        ["2026-03-31T01:00:00Z", "2026-05-31T01:00:00Z"]
    );
}

#[test]
fn the_last_start_is_found_across_a_gap_of_days() {
    let sundays = rule("FREQ=HOURLY;BYDAY=SU", date(2026, 1, 1).at(0, 0, 0, 0), "UTC");
    assert_eq!(
        sundays.last_at_or_before(at("2026-01-17T23:30:00Z")),
        Some(at("2026-01-11T23:00:00Z"))
    );
}

#[test]
fn a_rule_that_began_long_ago_agrees_with_one_counted_from_its_start() {
    for source in [
        "FREQ=DAILY;INTERVAL=3",
        "FREQ=WEEKLY;INTERVAL=3;BYDAY=SU,WE",
        "FREQ=MONTHLY;INTERVAL=5;BYMONTHDAY=-1",
        "FREQ=YEARLY;INTERVAL=3;BYDAY=2TU",
        "FREQ=HOURLY;INTERVAL=7",
        "FREQ=MINUTELY;INTERVAL=613",
    ] {
        let start = date(1999, 11, 3).at(4, 5, 6, 0);
        let endless = rule(source, start, "Europe/Berlin");
        let late = rule(&format!("{source};COUNT=5000"), start, "Europe/Berlin");
        // Where COUNT ends differs by rule; look at a time all of them reach.
        for now in ["2000-03-01T00:00:00Z", "2003-07-11T12:13:14Z"] {
            assert_eq!(endless.next_after(at(now)), late.next_after(at(now)), "{source}");
            assert_eq!(
                endless.last_at_or_before(at(now)),
                late.last_at_or_before(at(now)),
                "{source}"
            );
        }
    }
}

#[test]
fn cron_lines_have_five_fields_and_a_first_day() {
    let weekdays = Recurrence::cron("0 2 * * MON-FRI", None, TimeZone::UTC).unwrap();
    assert_eq!(weekdays.next_after(at("2026-11-20T12:00:00Z")), Some(at("2026-11-23T02:00:00Z")));
    assert_eq!(
        weekdays.last_at_or_before(at("2026-11-22T12:00:00Z")),
        Some(at("2026-11-20T02:00:00Z"))
    );
    let from = Some(date(2026, 12, 1).at(0, 0, 0, 0));
    let later = Recurrence::cron("0 2 * * *", from, TimeZone::UTC).unwrap();
    assert_eq!(later.last_at_or_before(at("2026-11-30T12:00:00Z")), None);
    assert_eq!(later.next_after(at("2026-11-20T12:00:00Z")), Some(at("2026-12-01T02:00:00Z")));
    for bad in ["", "* * * *", "0 0 2 * * *", "61 * * * *", "* * * * FUNDAY"] {
        let error = Recurrence::cron(bad, None, TimeZone::UTC).unwrap_err();
        assert!(matches!(error, ExprError::Syntax(_)), "{bad}: {error:?}");
    }
    assert!(Recurrence::cron("0 0 31 2 *", None, TimeZone::UTC).is_err());
}

#[test]
fn wrong_rules_are_refused_with_a_reason() {
    let start = date(2026, 1, 1).at(0, 0, 0, 0);
    for (bad, reason) in [
        ("", "FREQ"),
        ("FREQ=SOMETIMES", "SOMETIMES"),
        ("FREQ=DAILY;BYHOUR=25", "BYHOUR"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL"),
        ("FREQ=DAILY;UNTIL=20250101", "never"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "together"),
        ("FREQ=DAILY;COUNT=1000000", "COUNT"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
        ("FREQ=SECONDLY", "SECONDLY"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31", "never"),
        ("FREQ=MINUTELY;BYMONTH=2", "MINUTELY"),
    ] {
        let error = Recurrence::rrule(bad, start, TimeZone::UTC).unwrap_err().to_string();
        assert!(error.contains(reason), "{bad}: {error}");
    }
}

#[test]
fn recurrences_are_equal_by_what_they_say() {
    let start = date(2026, 1, 1).at(0, 0, 0, 0);
    let one = rule("FREQ=DAILY", start, "UTC");
    one.next_after(at("2026-02-01T00:00:00Z"));
    assert_eq!(one, rule("FREQ=DAILY", start, "UTC"));
    assert_ne!(one, rule("FREQ=DAILY", start, "Europe/Berlin"));
    assert_ne!(one, rule("FREQ=WEEKLY", start, "UTC"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_two_starts_enclose_every_time(
        seconds in 1_767_225_600_i64..2_000_000_000,
        index in 0_usize..5,
    ) {
        let sources = [
            "FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,30",
            "FREQ=WEEKLY;BYDAY=SU;BYHOUR=2",
            "FREQ=HOURLY;INTERVAL=5",
            "FREQ=MONTHLY;BYDAY=-1SU",
            "FREQ=YEARLY",
        ];
        let recurrence = rule(sources[index], date(2020, 1, 1).at(2, 30, 0, 0), "Europe/Berlin");
        let now = Timestamp::from_second(seconds).unwrap();
        let last = recurrence.last_at_or_before(now).unwrap();
        let next = recurrence.next_after(now).unwrap();
        prop_assert!(last <= now && now < next);
        prop_assert_eq!(recurrence.last_at_or_before(next), Some(next));
        let fresh = rule(sources[index], date(2020, 1, 1).at(2, 30, 0, 0), "Europe/Berlin");
        let before_next = next - SignedDuration::from_secs(1);
        prop_assert_eq!(fresh.last_at_or_before(before_next), Some(last));
    }

    #[test]
    fn no_source_panics(source in "(FREQ=|DAILY|HOURLY|YEARLY|;|INTERVAL=|COUNT=|BYDAY=|BYMONTH=|MO|-1|[0-9]{1,4}|=|,|UNTIL=|Z|\\PC){0,8}") {
        let start = date(2026, 1, 31).at(2, 30, 0, 0);
        if let Ok(rule) = Recurrence::rrule(&source, start, TimeZone::UTC) {
            rule.next_after(at("2026-06-01T00:00:00Z"));
        }
        if let Ok(cron) = Recurrence::cron(&source, None, TimeZone::UTC) {
            cron.next_after(at("2026-06-01T00:00:00Z"));
        }
    }
}
