//! Recurring starts: RFC 5545 rules and cron lines, each in its own time zone.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::ExprError;

/// A rule that yields starts. A start in a skipped hour moves to the next valid instant, one in
/// a repeated hour happens once.
#[derive(Debug, Clone, PartialEq)]
pub struct Recurrence {
    source: String,
    start: Option<DateTime>,
    zone: TimeZone,
}

impl Recurrence {
    /// An RFC 5545 rule (`FREQ=WEEKLY;BYDAY=SU`) whose first start is `start` in `zone`.
    pub fn rrule(source: &str, start: DateTime, zone: TimeZone) -> Result<Self, ExprError> {
        Ok(Self {
            source: source.to_owned(),
            start: Some(start),
            zone,
        })
    }

    /// A cron line of five fields in `zone`, with no starts before `not_before`.
    pub fn cron(
        source: &str,
        not_before: Option<DateTime>,
        zone: TimeZone,
    ) -> Result<Self, ExprError> {
        Ok(Self {
            source: source.to_owned(),
            start: not_before,
            zone,
        })
    }

    /// The latest start that is not after `now`.
    pub fn last_at_or_before(&self, _now: Timestamp) -> Option<Timestamp> {
        let _ = (&self.start, &self.zone);
        None
    }

    /// The earliest start after `now`.
    pub fn next_after(&self, _now: Timestamp) -> Option<Timestamp> {
        None
    }

    /// The source.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}
