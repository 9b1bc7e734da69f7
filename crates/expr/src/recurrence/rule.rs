//! RFC 5545 rules, on the wall clock: the library sees the clock's digits as UTC.
//!
//! `COUNT` rules are counted out once; all others are evaluated from a start moved forward by
//! whole intervals, so that a rule that began years ago costs no more than a new one.

use std::iter;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rrule::{Frequency, RRule, RRuleSet, Tz, Unvalidated, Validated};

use crate::ExprError;

/// Most starts of a rule with `COUNT`.
const MAX_COUNT: u32 = 5_000;
/// Most starts within one hour, for hourly rules, or one day.
const MAX_TIMES: usize = 288;
/// Most starts looked at in one evaluation.
const MAX_STEPS: usize = 50_000;

/// A compiled rule.
pub(super) struct Rule {
    start: NaiveDateTime,
    /// The last wall-clock time at which it may start.
    until: Option<NaiveDateTime>,
    starts: Kind,
}

enum Kind {
    /// All starts, of a rule with `COUNT`.
    Counted(Vec<NaiveDateTime>),
    /// A rule without.
    Endless(Box<RRule<Validated>>),
}

impl Rule {
    pub(super) fn compile(
        source: &str,
        start: DateTime,
        zone: &TimeZone,
    ) -> Result<Self, ExprError> {
        let source = source.trim();
        let source = source.strip_prefix("RRULE:").unwrap_or(source);
        // RFC 5545 knows no others here, and the library panics on some.
        if let Some(foreign) = source.chars().find(|found| !found.is_ascii()) {
            return Err(ExprError::Syntax(format!(
                "`{foreign}` cannot stand in a rule; rules are written in ASCII"
            )));
        }
        let (rest, until) = split_until(source, zone)?;
        let rule: RRule<Unvalidated> = rest
            .parse()
            .map_err(|error: rrule::RRuleError| ExprError::Syntax(error.to_string()))?;
        check_bounds(&rule)?;
        let start = to_chrono(start).ok_or_else(|| {
            ExprError::Syntax("the start lies outside the supported years".to_owned())
        })?;
        let count = rule.get_count();
        let rule =
            rule.validate(utc(start)).map_err(|error| ExprError::Syntax(error.to_string()))?;
        let starts = if count.is_some() {
            Kind::Counted(iterate(&rule, start).collect())
        } else {
            Kind::Endless(Box::new(rule))
        };
        let rule = Self { start, until, starts };
        if rule.from(start).next().is_none() {
            return Err(ExprError::Run("the rule never yields a start".to_owned()));
        }
        Ok(rule)
    }

    /// The starts at or after `clock`, earliest first.
    pub(super) fn after(&self, clock: DateTime) -> impl Iterator<Item = DateTime> + '_ {
        let clock = to_chrono(clock).unwrap_or(NaiveDateTime::MAX);
        self.from(clock).filter_map(to_jiff)
    }

    /// The starts at or before `late`, latest first; at least one at or before `early` is among
    /// them if there is one.
    pub(super) fn before(
        &self,
        early: DateTime,
        late: DateTime,
    ) -> impl Iterator<Item = DateTime> + use<> {
        let end = self.until.unwrap_or(NaiveDateTime::MAX);
        let late = to_chrono(late).unwrap_or(NaiveDateTime::MAX).min(end);
        let early = to_chrono(early).unwrap_or(NaiveDateTime::MAX).min(late);
        // How many intervals to look back; leap days, weeks 53 and rare combinations need many.
        let mut starts = Vec::new();
        for intervals in [2, 16, 128, 1024, u32::MAX] {
            let from = self.back(early, intervals);
            starts = self.from(from).take_while(|at| *at <= late).collect::<Vec<_>>();
            if from <= self.start || starts.first().is_some_and(|first| *first <= early) {
                break;
            }
        }
        iter::from_fn(move || starts.pop()).filter_map(to_jiff)
    }

    /// The starts at or after `clock` on the library's clock.
    fn from(&self, clock: NaiveDateTime) -> Box<dyn Iterator<Item = NaiveDateTime> + '_> {
        let until = self.until;
        let within = move |at: &NaiveDateTime| until.is_none_or(|until| *at <= until);
        match &self.starts {
            Kind::Counted(starts) => {
                let first = starts.partition_point(|at| *at < clock);
                Box::new(starts[first..].iter().copied().take_while(within))
            }
            Kind::Endless(_) if until.is_some_and(|until| until < clock) => Box::new(iter::empty()),
            Kind::Endless(rule) => {
                let from = jump(rule, self.start, clock);
                let start = self.start;
                Box::new(
                    iterate(rule, from)
                        .filter(move |at| *at >= clock && *at >= start)
                        .take_while(within),
                )
            }
        }
    }

    /// So many intervals before `clock`, not before the rule's start.
    fn back(&self, clock: NaiveDateTime, intervals: u32) -> NaiveDateTime {
        let Kind::Endless(rule) = &self.starts else {
            return self.start;
        };
        let days = match rule.get_freq() {
            Frequency::Yearly => 366,
            Frequency::Monthly => 31,
            Frequency::Weekly => 7,
            _ => 1,
        };
        let span = i64::from(intervals) * i64::from(rule.get_interval()) * days;
        TimeDelta::try_days(span)
            .and_then(|span| clock.checked_sub_signed(span))
            .map_or(self.start, |at| at.max(self.start))
    }
}

/// The starts of a rule as if it had begun at `start`, bounded in work.
fn iterate(
    rule: &RRule<Validated>,
    start: NaiveDateTime,
) -> impl Iterator<Item = NaiveDateTime> + use<> {
    let set = RRuleSet::new(utc(start)).rrule(rule.clone()).limit();
    set.into_iter().take(MAX_STEPS).map(|at| at.naive_utc())
}

/// The rule's start moved forward by whole intervals, to at least one interval before `clock`.
fn jump(rule: &RRule<Validated>, start: NaiveDateTime, clock: NaiveDateTime) -> NaiveDateTime {
    let interval = i64::from(rule.get_interval());
    let moved = match rule.get_freq() {
        Frequency::Yearly => {
            let years = i64::from(clock.year()) - i64::from(start.year());
            months_later(start, whole(years, interval) * 12)
        }
        Frequency::Monthly => {
            let years = i64::from(clock.year()) - i64::from(start.year());
            let months = years * 12 + i64::from(clock.month()) - i64::from(start.month());
            months_later(start, whole(months, interval))
        }
        Frequency::Weekly => later(start, clock, interval, 7 * 86_400),
        Frequency::Daily => later(start, clock, interval, 86_400),
        Frequency::Hourly => later(start, clock, interval, 3_600),
        Frequency::Minutely => later(start, clock, interval, 60),
        Frequency::Secondly => later(start, clock, interval, 1),
    };
    moved.unwrap_or(start)
}

/// The largest multiple of `interval` that stays two intervals below `distance`, or 0.
fn whole(distance: i64, interval: i64) -> i64 {
    ((distance / interval.max(1)) - 2).max(0) * interval
}

fn later(
    start: NaiveDateTime,
    clock: NaiveDateTime,
    interval: i64,
    seconds: i64,
) -> Option<NaiveDateTime> {
    let distance = clock.signed_duration_since(start).num_seconds() / seconds;
    let span = TimeDelta::try_seconds(whole(distance, interval) * seconds)?;
    start.checked_add_signed(span)
}

/// The first day of the month so many months later, at the same time. What the rule took from
/// its start's day is part of the compiled rule already.
fn months_later(start: NaiveDateTime, months: i64) -> Option<NaiveDateTime> {
    if months == 0 {
        return Some(start);
    }
    let first = start.date().with_day(1)?;
    let date = first.checked_add_months(chrono::Months::new(u32::try_from(months).ok()?))?;
    Some(date.and_time(start.time()))
}

fn check_bounds(rule: &RRule<Unvalidated>) -> Result<(), ExprError> {
    let times = |list: &[u8]| list.len().max(1);
    let (minutes, seconds) = (times(rule.get_by_minute()), times(rule.get_by_second()));
    let per_hour = minutes * seconds;
    let (count, most, per) = match rule.get_freq() {
        Frequency::Secondly => {
            return Err(ExprError::TooLarge(
                "FREQ=SECONDLY is more often than a window can start".to_owned(),
            ));
        }
        Frequency::Minutely => {
            let sparse = !rule.get_by_month().is_empty()
                || !rule.get_by_month_day().is_empty()
                || !rule.get_by_year_day().is_empty()
                || !rule.get_by_week_no().is_empty()
                || !rule.get_by_set_pos().is_empty();
            if sparse {
                return Err(ExprError::TooLarge(
                    "FREQ=MINUTELY cannot be limited to months, weeks or days of the month; \
                     write FREQ=DAILY with BYHOUR and BYMINUTE"
                        .to_owned(),
                ));
            }
            (seconds, 1, "minute")
        }
        Frequency::Hourly => (per_hour, MAX_TIMES, "hour"),
        Frequency::Daily => (per_hour * times(rule.get_by_hour()), MAX_TIMES, "day"),
        _ => (per_hour * times(rule.get_by_hour()), 24, "day"),
    };
    if count > most {
        return Err(ExprError::TooLarge(format!(
            "the rule starts {count} times each {per}, at most {most} are possible"
        )));
    }
    if rule.get_interval() == 0 {
        return Err(ExprError::Syntax("INTERVAL must be at least 1".to_owned()));
    }
    if rule.get_count().is_some_and(|count| count > MAX_COUNT) {
        return Err(ExprError::TooLarge(format!("COUNT must be at most {MAX_COUNT}")));
    }
    Ok(())
}

/// Takes `UNTIL` out of a rule and reads it on the wall clock: with `Z` it is an instant, without
/// a local time, and a date alone includes that day.
fn split_until(
    source: &str,
    zone: &TimeZone,
) -> Result<(String, Option<NaiveDateTime>), ExprError> {
    let mut until = None;
    let mut rest = Vec::new();
    for part in source.split(';').filter(|part| !part.trim().is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        if !name.trim().eq_ignore_ascii_case("UNTIL") {
            rest.push(part.trim());
            continue;
        }
        let parsed = read_until(value.trim(), zone).ok_or_else(|| {
            ExprError::Syntax(format!(
                "UNTIL={value} is no date (20261231) or time (20261231T235959Z)"
            ))
        })?;
        if until.replace(parsed).is_some() {
            return Err(ExprError::Syntax("UNTIL is given twice".to_owned()));
        }
    }
    let counted = rest.iter().any(|part| part.to_ascii_uppercase().starts_with("COUNT="));
    if until.is_some() && counted {
        return Err(ExprError::Syntax("COUNT and UNTIL cannot be given together".to_owned()));
    }
    Ok((rest.join(";"), until))
}

fn read_until(value: &str, zone: &TimeZone) -> Option<NaiveDateTime> {
    if let Some(utc) = value.strip_suffix(['Z', 'z']) {
        let clock = NaiveDateTime::parse_from_str(utc, "%Y%m%dT%H%M%S").ok()?;
        let instant = jiff::Timestamp::from_second(clock.and_utc().timestamp()).ok()?;
        return to_chrono(zone.to_datetime(instant));
    }
    NaiveDateTime::parse_from_str(value, "%Y%m%dT%H%M%S").ok().or_else(|| {
        let date = NaiveDate::parse_from_str(value, "%Y%m%d").ok()?;
        date.and_hms_opt(23, 59, 59)
    })
}

fn utc(clock: NaiveDateTime) -> chrono::DateTime<Tz> {
    clock.and_utc().with_timezone(&Tz::UTC)
}

fn to_chrono(civil: DateTime) -> Option<NaiveDateTime> {
    let part = |value: i8| u32::try_from(value).ok();
    let date =
        NaiveDate::from_ymd_opt(i32::from(civil.year()), part(civil.month())?, part(civil.day())?)?;
    let time =
        NaiveTime::from_hms_opt(part(civil.hour())?, part(civil.minute())?, part(civil.second())?)?;
    Some(date.and_time(time))
}

fn to_jiff(clock: NaiveDateTime) -> Option<DateTime> {
    let part = |value: u32| i8::try_from(value).ok();
    DateTime::new(
        i16::try_from(clock.year()).ok()?,
        part(clock.month())?,
        part(clock.day())?,
        part(clock.hour())?,
        part(clock.minute())?,
        part(clock.second())?,
        0,
    )
    .ok()
}
