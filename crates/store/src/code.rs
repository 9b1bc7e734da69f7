//! How a heartbeat becomes numbers, the same in every store: the verdict, the slot of a chunk and
//! the chunk's id. The migrations have the same in SQL.

use kuma_core::id::MonitorId;
use kuma_core::ports::Heartbeat;
use kuma_core::reason::{Class, Reason};
use kuma_core::state::MonitorState;
use kuma_core::time::from_ms;

use crate::chunk::SLOT_MS;

/// Milliseconds of an hour.
pub(crate) const HOUR_MS: i64 = 3_600_000;
/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// State, attempts and reason in one number: 1 for "up at the first attempt".
pub(crate) fn verdict(beat: &Heartbeat) -> u32 {
    let reason = beat.reason.map_or(0, |reason| u32::from(reason as u16));
    reason << 11 | u32::from(beat.attempts.wrapping_sub(1)) << 3 | u32::from(beat.state as u8)
}

/// A heartbeat out of stored numbers, without words.
pub(crate) fn heartbeat(
    monitor: i64,
    at: i64,
    sequence: u16,
    verdict: u32,
    latency_us: Option<u32>,
) -> sqlx::Result<Heartbeat> {
    let [low, high, ..] = (verdict >> 11).to_le_bytes();
    let [attempts, ..] = (verdict >> 3).to_le_bytes();
    let number = u16::from_le_bytes([low, high]);
    let known = if number == 0 { Some(None) } else { Reason::from_number(number).map(Some) };
    Ok(Heartbeat {
        monitor: MonitorId(monitor),
        at: from_ms(at),
        sequence,
        state: u8::try_from(verdict & 7)
            .ok()
            .and_then(MonitorState::from_code)
            .ok_or_else(|| damaged("state", verdict & 7))?,
        reason: known.ok_or_else(|| damaged("reason", number))?,
        latency_us,
        attempts: attempts.wrapping_add(1),
        message: None,
        evidence: None,
    })
}

/// The latency of a success; failures would make a target that times out look slow.
pub(crate) fn counted_latency(beat: &Heartbeat) -> Option<u32> {
    let success = beat.reason.is_none_or(|reason| reason.class() == Class::Lifecycle);
    beat.latency_us.filter(|_| success)
}

/// A stored state.
pub(crate) fn state(code: u8) -> sqlx::Result<MonitorState> {
    MonitorState::from_code(code).ok_or_else(|| damaged("state", code))
}

/// A stored reason.
pub(crate) fn reason(number: Option<u16>) -> sqlx::Result<Option<Reason>> {
    number
        .map(|number| Reason::from_number(number).ok_or_else(|| damaged("reason", number)))
        .transpose()
}

/// A stored value that no version of ours writes.
pub(crate) fn damaged(what: &str, value: impl std::fmt::Display) -> sqlx::Error {
    sqlx::Error::Decode(format!("{what} {value} is not one that is stored").into())
}

/// Where the bits of a chunk's id are.
const PART_BITS: u32 = 8;
const SLOT_SHIFT: u32 = 44;
/// The largest part of a slot and monitor.
pub(crate) const LAST_PART: i64 = (1 << PART_BITS) - 1;

/// Two hours, counted from the epoch.
pub(crate) const fn slot_of(at: i64) -> i64 {
    at.div_euclid(SLOT_MS)
}

/// The id of a chunk; none when it does not fit (after 2089, or before 1970).
pub(crate) fn chunk_id(slot: i64, monitor: i64, part: i64) -> Option<i64> {
    let fits = (0..1 << 19).contains(&slot)
        && (0..1 << (SLOT_SHIFT - PART_BITS)).contains(&monitor)
        && (0..=LAST_PART).contains(&part);
    fits.then_some(slot << SLOT_SHIFT | monitor << PART_BITS | part)
}

/// The ids of a slot's chunks, from and before.
pub(crate) const fn chunk_range(slot: i64) -> (i64, i64) {
    (slot << SLOT_SHIFT, (slot + 1) << SLOT_SHIFT)
}

/// Slot, monitor and part of a chunk's id.
pub(crate) const fn chunk_parts(id: i64) -> (i64, i64, i64) {
    let monitor = id >> PART_BITS & ((1 << (SLOT_SHIFT - PART_BITS)) - 1);
    (id >> SLOT_SHIFT, monitor, id & LAST_PART)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: i64 = 1_577_836_800_005;

    fn beat(state: usize, reason: Option<Reason>, attempts: u8) -> Heartbeat {
        Heartbeat {
            monitor: MonitorId(3),
            at: from_ms(AT),
            sequence: 9,
            state: MonitorState::ALL[state],
            reason,
            latency_us: Some(1),
            attempts,
            message: None,
            evidence: None,
        }
    }

    #[test]
    fn the_usual_verdict_is_one() {
        assert_eq!(verdict(&beat(1, None, 1)), 1);
    }

    #[test]
    fn what_does_not_fit_has_no_id() {
        assert_eq!(chunk_id(1 << 19, 1, 0), None);
        assert_eq!(chunk_id(-1, 1, 0), None);
    }

    #[test]
    fn a_number_that_is_no_reason_is_damage() {
        assert!(heartbeat(1, 1, 0, 0xffff << 11, None).is_err());
    }

    proptest! {
        #[test]
        fn ids_come_apart_again(
            at in 0..1_i64 << 41,
            monitor in 0_i64..1 << 22,
            part in 0_i64..256,
        ) {
            if let Some(id) = chunk_id(slot_of(at), monitor, part) {
                prop_assert_eq!(chunk_parts(id), (slot_of(at), monitor, part));
                let (from, to) = chunk_range(slot_of(at));
                prop_assert!(from <= id && id < to);
            }
        }

        #[test]
        fn verdicts_come_apart_again(
            state in 0_usize..8,
            reason in prop::option::of(prop::sample::select(Reason::ALL)),
            attempts: u8,
        ) {
            let beat = beat(state, reason, attempts);
            let back = heartbeat(3, AT, 9, verdict(&beat), Some(1)).unwrap();
            prop_assert_eq!(back, beat);
        }
    }
}
