//! Whether a Job has failed. One that is still at it has not.

use std::collections::BTreeMap;

use super::object::{Object, instant, number, with_remarks};
use super::{Judgement, Unwell};
use crate::reason::Reason;
use crate::time::Timestamp;

/// The jobs that count: of those that one controller made (a CronJob keeps failed ones of old),
/// the last.
pub(super) fn latest<'a>(jobs: &[Object<'a>]) -> Vec<Object<'a>> {
    let born = |job: Object<'_>| {
        instant(job.metadata("creationTimestamp")).unwrap_or(Timestamp::UNIX_EPOCH)
    };
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    for (position, job) in jobs.iter().enumerate() {
        let Some(controller) = job.controller() else {
            continue;
        };
        let of_now = last.entry(controller).or_insert(position);
        if born(*job) > born(jobs[*of_now]) {
            *of_now = position;
        }
    }
    let counts = |(position, job): &(usize, &Object<'a>)| {
        job.controller().is_none_or(|controller| last.get(controller) == Some(position))
    };
    jobs.iter().enumerate().filter(counts).map(|(_, job)| *job).collect()
}

pub(super) fn judge(job: Object<'_>) -> Judgement {
    let is = |kind| job.condition(kind).filter(|it| it.is_true());
    let (active, failed) = (job.count("active"), job.count("failed"));
    let mut remarks = Vec::new();
    if failed > 0 {
        remarks.push(format!("{} failed", number(failed, "pod")));
    }
    // The second of each pair comes first: it is set while pods are still being cleared away.
    if is("Complete").or_else(|| is("SuccessCriteriaMet")).is_some() {
        let at = when(job, "completionTime", "at");
        return Ok(with_remarks(format!("succeeded{at}"), &remarks));
    }
    if let Some(failure) = is("Failed").or_else(|| is("FailureTarget")) {
        let message = format!("the job failed{}{}", failure.since(), failure.why());
        return Err(Unwell::new(Reason::KubernetesJob, with_remarks(message, &remarks))
            .with("pods failed", failed.to_string())
            .with("pods succeeded", job.count("succeeded").to_string()));
    }
    if job.is_being_deleted() {
        remarks.push("being deleted".to_owned());
    }
    if job.spec("suspend") == true {
        return Ok(with_remarks("suspended".to_owned(), &remarks));
    }
    let since = when(job, "startTime", "since");
    let pods = if active > 0 { format!(" with {}", number(active, "pod")) } else { String::new() };
    Ok(with_remarks(format!("still running{since}{pods}"), &remarks))
}

/// ` at 2026-01-01T00:00:00Z`, if its status says it.
fn when(job: Object<'_>, field: &str, word: &str) -> String {
    instant(job.status(field)).map_or_else(String::new, |at| format!(" {word} {at}"))
}
