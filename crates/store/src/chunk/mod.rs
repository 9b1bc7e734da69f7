//! A chunk: the heartbeats of one monitor in one slot of two hours, compressed, never changed.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | format, 1 |
//! | 4 | CRC-32C of the chunk's id (8 bytes, low ones first) and all that follows, low ones first |
//! | varint | how many heartbeats, 1 to [`MAX_BEATS`] |
//! | columns | starts, latencies (numbers), then which have a latency, verdicts, sequences, which have words (runs) |
//!
//! A start is the time less the latency: attempts begin on a grid, so starts are nearly regular
//! and cost a fraction of what times cost. Columns are in [`mod@column`]. Decoding is pure, bounded by
//! the number of heartbeats and answers every kind of damage with an error.

mod column;
#[cfg(test)]
mod tests;

use crc::{CRC_32_ISCSI, Crc};

use column::{push_numbers, push_runs, push_varint, take_numbers, take_runs, take_varint};

/// Milliseconds of a slot.
pub const SLOT_MS: i64 = 2 * 3_600_000;
/// The most heartbeats of one chunk: two in a second for two hours.
pub const MAX_BEATS: usize = 16_384;
/// The longest chunk that is read.
pub const MAX_BYTES: usize = MAX_BEATS * 24 + 1024;

const FORMAT: u8 = 1;
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
/// What keeps starts above zero: the longest latency in milliseconds, rounded up.
const BIAS: u32 = 5_000_000;

/// One heartbeat of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// Milliseconds after the slot's start, less than [`SLOT_MS`].
    pub offset: u32,
    /// Orders heartbeats of one millisecond.
    pub sequence: u16,
    /// State, reason and attempts, as the hot table has them.
    pub verdict: u32,
    /// Microseconds.
    pub latency: Option<u32>,
    /// Whether a message or facts are stored beside it.
    pub words: bool,
}

/// Why bytes are no chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// A newer program wrote it.
    #[error("unknown format {0}")]
    Format(u8),
    /// Shorter than it says, or longer.
    #[error("wrong length")]
    Length,
    /// Changed since it was written, or another chunk's.
    #[error("checksum does not match")]
    Checksum,
    /// Numbers that no version writes.
    #[error("damaged {0}")]
    Damaged(&'static str),
}

/// Compresses heartbeats in the order of time. Those beyond [`MAX_BEATS`] are left out: give no
/// more.
///
/// `id` is the chunk's own, so that no chunk passes for another.
pub fn encode(id: i64, beats: &[Beat]) -> Vec<u8> {
    let beats = beats.get(..MAX_BEATS).unwrap_or(beats);
    let mut out = vec![FORMAT, 0, 0, 0, 0];
    push_varint(&mut out, u32::try_from(beats.len()).unwrap_or(u32::MAX));
    let starts: Vec<u32> = beats.iter().map(start).collect();
    let latencies: Vec<u32> = beats.iter().filter_map(|beat| beat.latency).collect();
    push_numbers(&mut out, &starts);
    push_numbers(&mut out, &latencies);
    push_runs(&mut out, beats.iter().map(|beat| u32::from(beat.latency.is_some())));
    push_runs(&mut out, beats.iter().map(|beat| beat.verdict));
    push_runs(&mut out, beats.iter().map(|beat| u32::from(beat.sequence)));
    push_runs(&mut out, beats.iter().map(|beat| u32::from(beat.words)));
    let sum = checksum(id, out.get(5..).unwrap_or_default());
    for (place, byte) in out.iter_mut().skip(1).zip(sum.to_le_bytes()) {
        *place = byte;
    }
    out
}

/// Reads a chunk.
///
/// # Errors
/// [`ChunkError`] for anything but what [`encode`] wrote for this id.
pub fn decode(id: i64, bytes: &[u8]) -> Result<Vec<Beat>, ChunkError> {
    let (head, body) = bytes.split_at_checked(5).ok_or(ChunkError::Length)?;
    let (format, sum) = head.split_first().ok_or(ChunkError::Length)?;
    if *format != FORMAT {
        return Err(ChunkError::Format(*format));
    }
    if bytes.len() > MAX_BYTES {
        return Err(ChunkError::Length);
    }
    if sum != checksum(id, body).to_le_bytes() {
        return Err(ChunkError::Checksum);
    }
    parse(body)
}

/// The part behind the checksum.
fn parse(mut rest: &[u8]) -> Result<Vec<Beat>, ChunkError> {
    let count = take_varint(&mut rest)? as usize;
    if count == 0 || count > MAX_BEATS {
        return Err(ChunkError::Damaged("count"));
    }
    let starts = take_numbers(&mut rest, MAX_BEATS)?;
    let latencies = take_numbers(&mut rest, MAX_BEATS)?;
    let timed = take_runs(&mut rest, count)?;
    let verdicts = take_runs(&mut rest, count)?;
    let sequences = take_runs(&mut rest, count)?;
    let words = take_runs(&mut rest, count)?;
    if !rest.is_empty() || starts.len() != count {
        return Err(ChunkError::Length);
    }
    let mut latencies = latencies.into_iter();
    let mut beats = Vec::with_capacity(count);
    let rows = starts.into_iter().zip(timed).zip(verdicts).zip(sequences).zip(words);
    for ((((start, timed), verdict), sequence), words) in rows {
        let latency = match timed {
            0 => None,
            1 => Some(latencies.next().ok_or(ChunkError::Damaged("latencies"))?),
            _ => return Err(ChunkError::Damaged("latencies")),
        };
        beats.push(Beat {
            offset: offset(start, latency).ok_or(ChunkError::Damaged("times"))?,
            sequence: u16::try_from(sequence).map_err(|_| ChunkError::Damaged("sequences"))?,
            verdict,
            latency,
            words: words != 0,
        });
    }
    if latencies.next().is_some() {
        return Err(ChunkError::Damaged("latencies"));
    }
    Ok(beats)
}

fn start(beat: &Beat) -> u32 {
    beat.offset.saturating_add(BIAS).saturating_sub(beat.latency.unwrap_or(0) / 1000)
}

fn offset(start: u32, latency: Option<u32>) -> Option<u32> {
    let offset = start.checked_add(latency.unwrap_or(0) / 1000)?.checked_sub(BIAS)?;
    (i64::from(offset) < SLOT_MS).then_some(offset)
}

fn checksum(id: i64, body: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(&id.to_le_bytes());
    digest.update(body);
    digest.finalize()
}
