//! The key of the hot table. `migrations/0003_chunks.sql` has the same in SQL.

pub(super) use crate::code::{
    LAST_PART, chunk_id, chunk_parts, chunk_range, heartbeat, slot_of, verdict,
};

/// 2020-01-01T00:00:00Z, where the times of the hot table begin.
const EPOCH_MS: i64 = 1_577_836_800_000;
const MONITOR_BITS: u32 = 22;
const TIME_BITS: u32 = 41;

/// The key of a heartbeat in the hot table; none when it does not fit (before 2020, after 2089,
/// or a surrogate above four million).
pub(super) fn key(at: i64, monitor: i64) -> Option<i64> {
    let time = at.checked_sub(EPOCH_MS).filter(|time| (1..1 << TIME_BITS).contains(time))?;
    (0..1 << MONITOR_BITS).contains(&monitor).then_some(time << MONITOR_BITS | monitor)
}

/// The smallest key at or after a time; no key is smaller than 0 or larger than the largest.
pub(super) fn key_from(at: i64) -> i64 {
    let time = at.saturating_sub(EPOCH_MS).max(0);
    if time >= 1 << TIME_BITS { i64::MAX } else { time << MONITOR_BITS }
}

/// Milliseconds since the epoch of a key.
pub(super) const fn at_of(key: i64) -> i64 {
    (key >> MONITOR_BITS) + EPOCH_MS
}

/// The surrogate of a key.
pub(super) const fn monitor_of(key: i64) -> i64 {
    key & ((1 << MONITOR_BITS) - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_fit_has_no_key() {
        assert_eq!(key(EPOCH_MS, 1), None);
        assert_eq!(key(i64::MIN, 1), None);
        assert_eq!(key(i64::MAX, 1), None);
        assert_eq!(key(EPOCH_MS + (1 << 41), 1), None);
        assert_eq!(key(EPOCH_MS + 1, 1 << 22), None);
        assert_eq!(key_from(i64::MIN), 0);
        assert_eq!(key_from(i64::MAX), i64::MAX);
    }

    proptest! {
        #[test]
        fn keys_come_apart_again(
            at in EPOCH_MS + 1..EPOCH_MS + (1 << 41),
            monitor in 0_i64..1 << 22,
        ) {
            let key = key(at, monitor).unwrap();
            prop_assert_eq!((at_of(key), monitor_of(key)), (at, monitor));
            prop_assert!(key_from(at) <= key && key < key_from(at + 1));
        }
    }
}
