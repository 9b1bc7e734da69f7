//! The extract of a report that goes into the status of the settings object.

use kuma_api::kinds::settings::{DiscoveryStatus, SuggestionStatus};
use kuma_core::observation::bounded;

use super::runner::Report;

/// Most entries of each list.
const MOST: usize = 20;

/// What the status says. It is small whatever the cluster holds, and changes only with what it shows.
pub fn summary(report: &Report) -> DiscoveryStatus {
    let open: Vec<_> =
        report.discovery.suggestions.iter().filter(|suggestion| !suggestion.written).collect();
    let notices = report
        .discovery
        .notices
        .iter()
        .map(|notice| bounded(format!("{}: {}", notice.source, notice.problem), 1024));
    let remarks = report.remarks.iter().map(|remark| bounded(remark.clone(), 1024)).chain(notices);
    let suggestions =
        open.iter().take(if report.shown { MOST } else { 0 }).map(|suggestion| SuggestionStatus {
            source: bounded(suggestion.source.to_string(), 600),
            name: suggestion.name.to_string(),
            target: bounded(suggestion.target.clone(), 2100),
        });
    DiscoveryStatus {
        suggestion_count: Some(count(open.len())),
        written_count: Some(count(report.written)),
        suggestions: some(suggestions.collect()),
        remarks: some(remarks.take(MOST).collect()),
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
