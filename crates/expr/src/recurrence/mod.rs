//! Recurring starts: RFC 5545 rules and cron lines, each in its own time zone.
//!
//! Both are evaluated on the wall clock (civil time without a zone) and mapped to instants here,
//! so that one rule says what happens when clocks change.

mod cron;
mod rule;
mod zone;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::ExprError;
use cron::Cron;
use rule::Rule;

/// Longest rule accepted, in bytes.
const MAX_SOURCE_BYTES: usize = 1024;

/// A rule that yields starts. A start in a skipped hour moves to the next valid instant, one in
/// a repeated hour happens once (the first time). Cheap to clone; asking again for a time between
/// the same two starts costs no evaluation.
#[derive(Clone)]
pub struct Recurrence {
    source: Arc<str>,
    start: Option<DateTime>,
    zone: TimeZone,
    starts: Arc<Starts>,
    around: Arc<Mutex<Option<Around>>>,
}

enum Starts {
    Rule(Box<Rule>),
    Cron(Box<Cron>),
}

/// The two starts around the times asked last.
#[derive(Clone, Copy)]
struct Around {
    from: Timestamp,
    until: Timestamp,
    last: Option<Timestamp>,
    next: Option<Timestamp>,
}

impl fmt::Debug for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recurrence")
            .field("source", &self.source)
            .field("start", &self.start)
            .field("zone", &self.zone.iana_name())
            .finish_non_exhaustive()
    }
}

impl PartialEq for Recurrence {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
            && self.start == other.start
            && self.zone == other.zone
            && matches!(
                (&*self.starts, &*other.starts),
                (Starts::Rule(_), Starts::Rule(_)) | (Starts::Cron(_), Starts::Cron(_))
            )
    }
}

impl Recurrence {
    /// An RFC 5545 rule (`FREQ=WEEKLY;BYDAY=SU`) whose first start is `start` in `zone`. A start
    /// that the rule itself does not yield is not one.
    ///
    /// # Errors
    /// What cannot be read, never happens, or is more than a window needs (`FREQ=SECONDLY`).
    pub fn rrule(source: &str, start: DateTime, zone: TimeZone) -> Result<Self, ExprError> {
        check_length(source)?;
        let rule = Rule::compile(source, start, &zone)?;
        Ok(Self::new(source, Some(start), zone, Starts::Rule(Box::new(rule))))
    }

    /// A cron line of five fields in `zone`, with no starts before `not_before`.
    ///
    /// # Errors
    /// What cannot be read or never happens.
    pub fn cron(
        source: &str,
        not_before: Option<DateTime>,
        zone: TimeZone,
    ) -> Result<Self, ExprError> {
        check_length(source)?;
        let cron = Cron::compile(source, not_before)?;
        Ok(Self::new(source, not_before, zone, Starts::Cron(Box::new(cron))))
    }

    fn new(source: &str, start: Option<DateTime>, zone: TimeZone, starts: Starts) -> Self {
        Self {
            source: source.into(),
            start,
            zone,
            starts: Arc::new(starts),
            around: Arc::default(),
        }
    }

    /// The latest start that is not after `now`.
    pub fn last_at_or_before(&self, now: Timestamp) -> Option<Timestamp> {
        self.around(now).last
    }

    /// The earliest start after `now`.
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        self.around(now).next
    }

    /// The source.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    fn around(&self, now: Timestamp) -> Around {
        let mut cached = self.around.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(around) = *cached
            && around.from <= now
            && now < around.until
        {
            return around;
        }
        let around = self.evaluate(now);
        *cached = Some(around);
        around
    }

    fn evaluate(&self, now: Timestamp) -> Around {
        // Clock changes move a start by hours at most, so a day of margin on the wall clock
        // holds every start that may fall on the other side of `now`.
        let clock = self.zone.to_datetime(now);
        let day = SignedDuration::from_hours(25);
        let early = clock.saturating_sub(day);
        let late = clock.saturating_add(day);
        let instant = |civil: DateTime| zone::instant(&self.zone, civil);
        let last = self.starts.before(early, late).filter_map(instant).find(|at| *at <= now);
        let next = self.starts.after(early).filter_map(instant).find(|at| *at > now);
        Around {
            from: last.unwrap_or(now),
            until: next.unwrap_or_else(|| {
                now.checked_add(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MAX)
            }),
            last,
            next,
        }
    }
}

impl Starts {
    /// The starts on the wall clock at or before `late`, latest first, reaching back to at least
    /// one at or before `early`.
    fn before(&self, early: DateTime, late: DateTime) -> Box<dyn Iterator<Item = DateTime> + '_> {
        match self {
            Self::Rule(rule) => Box::new(rule.before(early, late)),
            Self::Cron(cron) => Box::new(cron.before(late)),
        }
    }

    /// The starts on the wall clock at or after `clock`, earliest first.
    fn after(&self, clock: DateTime) -> Box<dyn Iterator<Item = DateTime> + '_> {
        match self {
            Self::Rule(rule) => Box::new(rule.after(clock)),
            Self::Cron(cron) => Box::new(cron.after(clock)),
        }
    }
}

fn check_length(source: &str) -> Result<(), ExprError> {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(ExprError::TooLarge(format!(
            "the recurrence is longer than {MAX_SOURCE_BYTES} bytes"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
