//! What the process itself did wrong: panics, errors that nothing explains, growth.

use super::{Kind, Violation, report};
use crate::evidence::{Evidence, Line};

/// Errors that a fault of ours explains: a part of the line, and of the fault's name.
const EXPLAINED: &[(&str, &str)] = &[
    ("the store is away", "store"),
    ("the store stayed away until the end", "store"),
    ("a file is broken", "document"),
    ("an object cannot be used as written", "document"),
];
/// An error may be logged so long after the fault that explains it, in ms.
const LATE: i64 = 10_000;
/// Lives that show growth at least.
const LIVES: usize = 9;
/// Growth that is none: allocators differ by that, KiB.
const MEMORY_SLACK: u64 = 24 * 1024;
/// Files that a busy moment holds more than a quiet one.
const FILES_SLACK: u64 = 64;

pub(super) fn judge(evidence: &Evidence, found: &mut Vec<Violation>) {
    for line in &evidence.lines {
        if line.text.contains("panicked") {
            report(found, Kind::Panic, line.text.clone());
        } else if !is_explained(evidence, line) {
            report(found, Kind::UnexplainedError, line.text.clone());
        }
    }
    for mishap in &evidence.mishaps {
        report(found, Kind::Mishap, mishap.clone());
    }
    let memory: Vec<_> = evidence.lives.iter().filter_map(|life| life.rss_kib).collect();
    let files: Vec<_> = evidence.lives.iter().filter_map(|life| life.files).collect();
    for (what, samples, slack) in
        [("KiB of memory", memory, MEMORY_SLACK), ("open files", files, FILES_SLACK)]
    {
        if let Some((early, late)) = growth(&samples, slack) {
            let text = format!("{what}: {early} in the first lives, {late} in the last");
            report(found, Kind::Growth, text);
        }
    }
}

fn is_explained(evidence: &Evidence, line: &Line) -> bool {
    EXPLAINED.iter().any(|(part, name)| {
        line.text.contains(part)
            && evidence.faults.iter().any(|fault| {
                fault.what.contains(name) && line.at >= fault.from && line.at <= fault.to + LATE
            })
    })
}

/// The medians of the first and the last third, if the later is half as large again.
fn growth(samples: &[u64], slack: u64) -> Option<(u64, u64)> {
    if samples.len() < LIVES {
        return None;
    }
    let third = samples.len() / 3;
    let median = |part: &[u64]| {
        let mut sorted = part.to_vec();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    };
    let (early, late) = (median(&samples[..third]), median(&samples[samples.len() - third..]));
    (late > early + early / 2 && late > early + slack).then_some((early, late))
}
