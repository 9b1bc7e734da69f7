//! Whether a CronJob's last success is that of its last start.
//!
//! A run that ended without success is told at once, because its controller no longer lists it. A
//! run that is still going is waited for until a little after the start that follows it, and
//! a start that never happened is missed after the same while. Suspension excuses nothing: somebody
//! who wants to know that backups are made wants to know that they were switched off.

use std::time::Duration;

use jiff::tz::TimeZone;
use kuma_expr::Recurrence;

use super::object::{Object, instant, items, number, shown, with_remarks};
use super::{Judgement, Unwell};
use crate::reason::Reason;
use crate::time::{Timestamp, minus, plus};

/// How late a start may be, and a run that is still going at the next start.
const LATE: Duration = Duration::from_mins(5);

pub(super) fn judge(job: Object<'_>, now: Timestamp) -> Judgement {
    let run = instant(job.status("lastScheduleTime"));
    let success = instant(job.status("lastSuccessfulTime"));
    let born = instant(job.metadata("creationTimestamp"));
    let active = items(job.status("active")).len() as u64;
    let starts = Starts::of(job, run);
    let mut remarks = Vec::new();
    if job.spec("suspend") == true {
        remarks.push("it is suspended".to_owned());
    }
    let fail = |message: String| {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        Err(Unwell::new(Reason::KubernetesOverdue, with_remarks(message, &remarks))
            .with("schedule", shown(job.spec("schedule").as_str().unwrap_or_default()))
            .with("time zone", shown(job.spec("timeZone").as_str().unwrap_or_default()))
            .with("last start", text(run))
            .with("last success", text(success))
            .with("running", active.to_string()))
    };
    let last = success.map_or_else(
        || "no run has succeeded yet".to_owned(),
        |at| format!("the last success was at {at}"),
    );
    let succeeded = run.is_some_and(|run| success.is_some_and(|at| at >= run));
    if let Some(run) = run.filter(|_| !succeeded) {
        if active == 0 {
            return fail(format!("the run of {run} did not succeed; {last}"));
        }
        let next = starts.as_ref().and_then(|starts| starts.recurrence.next_after(run));
        if let Some(next) = next.filter(|next| plus(*next, LATE) < now) {
            return fail(format!(
                "the run of {run} is still going, and another was due at {next}; {last}"
            ));
        }
    }
    // Its controller starts none while one is running, if it is told so; that was judged above.
    if active == 0
        && let Some(due) = starts.as_ref().and_then(|starts| starts.due(now))
        && run.or(born).is_some_and(|since| since < due)
    {
        return fail(format!("the run of {due} has not started; {last}"));
    }
    let sentence = match (run, active) {
        (Some(run), _) if succeeded => format!("the run of {run} succeeded"),
        (Some(run), _) => format!("the run of {run} is going on; {last}"),
        (None, 0) => {
            let next = starts.as_ref().and_then(|starts| starts.recurrence.next_after(now));
            let next = next.map_or_else(String::new, |at| format!(", the next is at {at}"));
            format!("no start was due yet{next}")
        }
        (None, active) => format!("{} going on", number(active, "run")),
    };
    Ok(with_remarks(sentence, &remarks))
}

/// When runs start.
struct Starts {
    recurrence: Recurrence,
    zone: TimeZone,
}

impl Starts {
    /// What the schedule says; nothing if it is written in a way (`@every 5m`) or means a time
    /// zone that is not known here. `run` is when the last run was due.
    fn of(job: Object<'_>, run: Option<Timestamp>) -> Option<Self> {
        let schedule = job.spec("schedule").as_str()?;
        let named = job.spec("timeZone").as_str();
        let zone = named.map_or(Ok(TimeZone::UTC), TimeZone::get).ok()?;
        let recurrence = Recurrence::cron(schedule, None, zone.clone()).ok()?;
        // Without a zone it is that of the controller manager, which may be another one than UTC:
        // then its runs are not due when they are here.
        if named.is_none()
            && let Some(run) = run
            && recurrence.last_at_or_before(run) != Some(run)
        {
            return None;
        }
        Some(Self { recurrence, zone })
    }

    /// The last start that should have happened by now.
    fn due(&self, now: Timestamp) -> Option<Timestamp> {
        let due = self.recurrence.last_at_or_before(minus(now, LATE))?;
        // A time that clocks skip is moved to this instant here, and left out by Kubernetes.
        let skipped = self.zone.following(minus(due, Duration::from_nanos(1))).next();
        let at_a_change = skipped.is_some_and(|change| change.timestamp() == due);
        (!at_a_change).then_some(due)
    }
}
