//! Sums of the time line, the same in every store.

use std::collections::BTreeMap;

use kuma_core::ports::UptimeSums;
use kuma_core::state::MonitorState;

use crate::code::DAY_MS;

/// Adds a stretch of time to the sum that its state counts in.
pub(crate) fn add(sums: &mut UptimeSums, state: MonitorState, ms: i64) {
    let ms = u64::try_from(ms).unwrap_or(0);
    match state.counts_as_up() {
        Some(true) => sums.up_ms += ms,
        Some(false) => sums.down_ms += ms,
        None if state == MonitorState::Maintenance => sums.maintenance_ms += ms,
        None => {}
    }
}

/// Adds what lies in the span of a day's sums: the day, up, down, maintenance.
pub(crate) fn add_day(
    sums: &mut UptimeSums,
    (day, up, down, maintenance): (i64, i64, i64, i64),
    (from, to): (i64, i64),
) {
    let share = share_of_day(day, from, to);
    sums.up_ms += part(up, share);
    sums.down_ms += part(down, share);
    sums.maintenance_ms += part(maintenance, share);
}

/// How much of a UTC day lies in the span, in milliseconds.
fn share_of_day(day: i64, from: i64, to: i64) -> i64 {
    let start = day * DAY_MS;
    (to.min(start + DAY_MS) - from.max(start)).clamp(0, DAY_MS)
}

/// A day's sum in proportion: within a compacted day it is not known when what was.
fn part(sum: i64, share: i64) -> u64 {
    u64::try_from(sum * share / DAY_MS).unwrap_or(0)
}

/// Sums by UTC day.
pub(crate) type Days = BTreeMap<(i64, i64), UptimeSums>;

/// Adds an interval of a monitor to the sums of the UTC days that it lies in.
pub(crate) fn spread(days: &mut Days, monitor: i64, state: MonitorState, start: i64, until: i64) {
    let mut from = start;
    while from < until {
        let day = from.div_euclid(DAY_MS);
        let to = until.min((day + 1) * DAY_MS);
        add(days.entry((monitor, day)).or_default(), state, to - from);
        from = to;
    }
}

/// A sum as it is stored.
pub(crate) fn stored(sum: u64) -> i64 {
    i64::try_from(sum).unwrap_or(i64::MAX)
}
