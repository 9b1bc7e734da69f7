//! Cron lines of five fields, on the wall clock.

use std::iter;

use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;

use crate::ExprError;

/// A compiled line.
pub(super) struct Cron {
    line: croner::Cron,
    not_before: Option<DateTime>,
}

impl Cron {
    pub(super) fn compile(source: &str, not_before: Option<DateTime>) -> Result<Self, ExprError> {
        let fields = source.split_whitespace().count();
        if fields != 5 && !source.trim().starts_with('@') {
            return Err(ExprError::Syntax(format!(
                "a cron line has five fields (minute hour day month weekday), this one has {fields}"
            )));
        }
        let line = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(source)
            .map_err(|error| ExprError::Syntax(error.to_string()))?;
        let cron = Self { line, not_before };
        let from = not_before.unwrap_or(jiff::civil::date(2000, 1, 1).at(0, 0, 0, 0));
        if cron.after(from).next().is_none() {
            return Err(ExprError::Run("the line never yields a start".to_owned()));
        }
        Ok(cron)
    }

    pub(super) fn after(&self, clock: DateTime) -> impl Iterator<Item = DateTime> + '_ {
        let from = self.not_before.map_or(clock, |start| start.max(clock));
        let first = self.line.find_next_occurrence(&from, true).ok();
        iter::successors(first, |at| self.line.find_next_occurrence(at, false).ok())
    }

    pub(super) fn before(&self, clock: DateTime) -> impl Iterator<Item = DateTime> + '_ {
        let first = self.line.find_previous_occurrence(&clock, true).ok();
        iter::successors(first, |at| self.line.find_previous_occurrence(at, false).ok())
            .take_while(|at| self.not_before.is_none_or(|start| start <= *at))
    }
}
