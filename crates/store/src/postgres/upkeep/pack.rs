//! Rows of heartbeats as chunks, sketches and last ones. Pure.

use std::collections::{BTreeMap, HashSet};

use kuma_core::sketch::Sketch;

use crate::chunk::{self, Beat, MAX_BEATS, SLOT_MS};
use crate::code::{self, HOUR_MS, LAST_PART, chunk_id, counted_latency, slot_of};

/// A row: monitor, time, sequence, verdict, latency.
pub(super) type Raw = (i64, i64, i32, i32, Option<i32>);
/// Whose heartbeat has words: monitor, time, sequence.
pub(super) type Worded = HashSet<(i64, i64, i32)>;

/// A chunk to be stored.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) id: i64,
    pub(super) beats: i32,
    pub(super) data: Vec<u8>,
}

/// What rows become.
#[derive(Debug, Default)]
pub(super) struct Packed {
    pub(super) chunks: Vec<Chunk>,
    /// By hour and monitor.
    pub(super) sketches: BTreeMap<(i64, i64), Sketch>,
    /// The newest row of each monitor.
    pub(super) last: BTreeMap<i64, Raw>,
}

impl Packed {
    /// Adds the rows of one monitor in one slot, which are in the order of time. Chunks are numbered
    /// from `part` on, and left out when the slot is `expired`. False, and nothing is added, when
    /// there are no numbers left.
    pub(super) fn add(
        &mut self,
        rows: &[Raw],
        worded: &Worded,
        part: i64,
        expired: bool,
    ) -> sqlx::Result<bool> {
        let mut rows = rows.to_vec();
        rows.dedup_by_key(|row| (row.1, row.2));
        let Some(&(monitor, at, ..)) = rows.first() else { return Ok(true) };
        let slot = slot_of(at);
        let pieces = i64::try_from(rows.len().div_ceil(MAX_BEATS)).unwrap_or(i64::MAX);
        if !expired && part.saturating_add(pieces) > LAST_PART + 1 {
            return Ok(false);
        }
        for row in &rows {
            let beat = heartbeat(row)?;
            if let Some(latency) = counted_latency(&beat) {
                let hour = row.1.div_euclid(HOUR_MS);
                self.sketches.entry((hour, monitor)).or_default().add(latency);
            }
        }
        if let Some(newest) = rows.last() {
            let known = self.last.entry(monitor).or_insert(*newest);
            if (newest.1, newest.2) > (known.1, known.2) {
                *known = *newest;
            }
        }
        if !expired {
            for (rows, part) in rows.chunks(MAX_BEATS).zip(part..) {
                // A time that has no id is before 1970 or after 2089: nothing is left to keep it in.
                if let Some(id) = chunk_id(slot, monitor, part) {
                    self.chunks.push(encode(id, slot, rows, worded));
                }
            }
        }
        Ok(true)
    }
}

fn heartbeat(row: &Raw) -> sqlx::Result<kuma_core::ports::Heartbeat> {
    let &(monitor, at, sequence, verdict, latency) = row;
    let sequence = u16::try_from(sequence).map_err(|_| code::damaged("sequence", sequence))?;
    let latency = latency.map(i32::cast_unsigned);
    code::heartbeat(monitor, at, sequence, verdict.cast_unsigned(), latency)
}

fn encode(id: i64, slot: i64, rows: &[Raw], worded: &Worded) -> Chunk {
    let beats: Vec<Beat> = rows
        .iter()
        .map(|&(monitor, at, sequence, verdict, latency)| Beat {
            offset: u32::try_from(at - slot * SLOT_MS).unwrap_or(0),
            sequence: u16::try_from(sequence).unwrap_or(u16::MAX),
            verdict: verdict.cast_unsigned(),
            latency: latency.map(i32::cast_unsigned),
            words: worded.contains(&(monitor, at, sequence)),
        })
        .collect();
    let count = i32::try_from(beats.len()).unwrap_or(i32::MAX);
    Chunk { id, beats: count, data: chunk::encode(id, &beats) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: i32 = 1;
    const TIMEOUT: i32 = 1 << 11 | 3;

    #[test]
    fn rows_become_a_chunk_a_sketch_and_a_last_one() {
        let base = 100 * SLOT_MS;
        let rows = [
            (7, base + 1, 0, UP, Some(1000)),
            (7, base + 1, 0, UP, Some(1000)),
            (7, base + HOUR_MS, 0, TIMEOUT, Some(9)),
            (7, base + HOUR_MS, 1, UP, None),
        ];
        let worded = Worded::from([(7, base + HOUR_MS, 0)]);
        let mut packed = Packed::default();
        assert!(packed.add(&rows, &worded, 3, false).unwrap());
        let chunk = &packed.chunks[0];
        assert_eq!((chunk.beats, chunk.id), (3, chunk_id(100, 7, 3).unwrap()));
        let beats = chunk::decode(chunk.id, &chunk.data).unwrap();
        assert_eq!(beats.iter().map(|beat| beat.words).collect::<Vec<_>>(), [false, true, false]);
        let counts: Vec<_> = packed.sketches.iter().map(|(key, it)| (*key, it.count())).collect();
        assert_eq!(counts, [((200, 7), 1)], "neither doubles nor failures count");
        assert_eq!(packed.last[&7], rows[3]);
    }

    #[test]
    fn what_is_too_old_is_only_counted() {
        let mut packed = Packed::default();
        assert!(packed.add(&[(7, 5, 0, UP, Some(1))], &Worded::new(), 0, true).unwrap());
        assert!(packed.chunks.is_empty());
        assert_eq!(packed.sketches.len(), 1);
    }

    #[test]
    fn without_a_number_nothing_is_taken() {
        let mut packed = Packed::default();
        assert!(!packed.add(&[(7, 5, 0, UP, Some(1))], &Worded::new(), 256, false).unwrap());
        assert!(packed.sketches.is_empty() && packed.last.is_empty());
    }
}
