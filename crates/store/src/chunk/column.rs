//! Columns of a chunk. Numbers: the length in bytes, a byte for the way of writing (0 the
//! differences as varints, 1 pco), how many, then they. Runs: a value and how often, until all
//! heartbeats have one.

use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress_into};

use super::ChunkError;

const DIFFERENCES: u8 = 0;
const PCO: u8 = 1;
/// Fewer numbers than this are not worth pco's header.
const FEW: usize = 16;

/// Writes numbers, the shorter of both ways.
pub(super) fn push_numbers(out: &mut Vec<u8>, numbers: &[u32]) {
    let mut column = vec![DIFFERENCES];
    push_varint(&mut column, u32::try_from(numbers.len()).unwrap_or(u32::MAX));
    let header = column.len();
    let mut last = 0_u32;
    for number in numbers {
        push_varint(&mut column, zigzag(number.wrapping_sub(last)));
        last = *number;
    }
    if numbers.len() >= FEW
        && let Ok(packed) = simple_compress(numbers, &ChunkConfig::default())
        && packed.len() < column.len() - header
    {
        column.truncate(header);
        column.extend_from_slice(&packed);
        if let Some(way) = column.first_mut() {
            *way = PCO;
        }
    }
    push_varint(out, u32::try_from(column.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(&column);
}

/// Reads numbers, at most `most`.
pub(super) fn take_numbers(rest: &mut &[u8], most: usize) -> Result<Vec<u32>, ChunkError> {
    let length = take_varint(rest)? as usize;
    let (mut column, after) = rest.split_at_checked(length).ok_or(ChunkError::Length)?;
    *rest = after;
    let (way, numbers) = column.split_first().ok_or(ChunkError::Length)?;
    column = numbers;
    let count = take_varint(&mut column)? as usize;
    if count > most {
        return Err(ChunkError::Damaged("numbers"));
    }
    match *way {
        DIFFERENCES => differences(column, count),
        PCO => packed(column, count),
        _ => Err(ChunkError::Damaged("numbers")),
    }
}

fn differences(mut column: &[u8], count: usize) -> Result<Vec<u32>, ChunkError> {
    let mut numbers = Vec::with_capacity(count.min(column.len()));
    let mut last = 0_u32;
    for _ in 0..count {
        last = last.wrapping_add(unzigzag(take_varint(&mut column)?));
        numbers.push(last);
    }
    if column.is_empty() { Ok(numbers) } else { Err(ChunkError::Length) }
}

fn packed(column: &[u8], count: usize) -> Result<Vec<u32>, ChunkError> {
    let mut numbers = vec![0_u32; count];
    let read = simple_decompress_into(column, &mut numbers);
    match read {
        Ok(progress) if progress.finished && progress.n_processed == count => Ok(numbers),
        _ => Err(ChunkError::Damaged("numbers")),
    }
}

/// Writes values of which the same one comes often in a row.
pub(super) fn push_runs(out: &mut Vec<u8>, values: impl Iterator<Item = u32>) {
    let mut run: Option<(u32, u32)> = None;
    for value in values {
        run = match run {
            Some((same, length)) if same == value => Some((same, length + 1)),
            ended => {
                push_run(out, ended);
                Some((value, 1))
            }
        };
    }
    push_run(out, run);
}

fn push_run(out: &mut Vec<u8>, run: Option<(u32, u32)>) {
    if let Some((value, length)) = run {
        push_varint(out, value);
        push_varint(out, length);
    }
}

/// Reads exactly `count` of them.
pub(super) fn take_runs(rest: &mut &[u8], count: usize) -> Result<Vec<u32>, ChunkError> {
    let mut values = Vec::with_capacity(count);
    while values.len() < count {
        let value = take_varint(rest)?;
        let length = take_varint(rest)? as usize;
        if length == 0 || length > count - values.len() {
            return Err(ChunkError::Damaged("runs"));
        }
        values.resize(values.len() + length, value);
    }
    Ok(values)
}

/// Seven bits a byte, low ones first.
pub(super) fn push_varint(out: &mut Vec<u8>, mut number: u32) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// See [`push_varint`].
pub(super) fn take_varint(rest: &mut &[u8]) -> Result<u32, ChunkError> {
    let mut number = 0_u32;
    for shift in [0, 7, 14, 21, 28] {
        let (&byte, after) = rest.split_first().ok_or(ChunkError::Length)?;
        *rest = after;
        let bits = u32::from(byte & 0x7f);
        if shift == 28 && bits > 0x0f {
            return Err(ChunkError::Damaged("number"));
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(ChunkError::Damaged("number"))
}

/// Small differences to small numbers, whatever their sign.
fn zigzag(difference: u32) -> u32 {
    let sign = if difference > u32::MAX / 2 { u32::MAX } else { 0 };
    (difference << 1) ^ sign
}

fn unzigzag(number: u32) -> u32 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}
