//! CronJobs: every way in which a last success can be the right one, or not.

use serde_json::json;

use super::*;

/// A cron job that starts at every full hour, by what its status says.
fn hourly(status: Value) -> Value {
    cron(json!({"schedule": "0 * * * *", "timeZone": "Etc/UTC"}), status)
}

fn cron(spec: Value, status: Value) -> Value {
    json!({"kind": "CronJob", "metadata": {"name": "backup", "creationTimestamp": "2026-06-01T00:30:00Z"}, "spec": spec, "status": status})
}

fn runs(last: &str, success: Option<&str>, active: usize) -> Value {
    let active: Vec<Value> =
        (0..active).map(|it| json!({"name": format!("backup-{it}")})).collect();
    json!({"lastScheduleTime": last, "lastSuccessfulTime": success, "active": active})
}

#[test]
fn the_last_run_succeeded_or_is_going_on() {
    let rows = vec![
        (
            hourly(runs("2026-06-10T12:00:00Z", Some("2026-06-10T12:00:00Z"), 0)),
            "up: the run of 2026-06-10T12:00:00Z succeeded",
        ),
        // It is noon: the run that is due now may begin a little later.
        (
            hourly(runs("2026-06-10T11:00:00Z", Some("2026-06-10T11:03:00Z"), 0)),
            "up: the run of 2026-06-10T11:00:00Z succeeded",
        ),
        (
            hourly(runs("2026-06-10T11:00:00Z", Some("2026-06-10T10:03:00Z"), 1)),
            "up: the run of 2026-06-10T11:00:00Z is going on; the last success was at 2026-06-10T10:03:00Z",
        ),
        (
            hourly(runs("2026-06-10T11:00:00Z", None, 1)),
            "up: the run of 2026-06-10T11:00:00Z is going on; no run has succeeded yet",
        ),
    ];
    assert_rows(&check("CronJob", None), rows);
}

#[test]
fn a_run_that_failed_hangs_or_was_missed_is_overdue() {
    let rows = vec![
        (
            hourly(runs("2026-06-10T11:00:00Z", Some("2026-06-10T10:03:00Z"), 0)),
            "KUBERNETES_OVERDUE: the run of 2026-06-10T11:00:00Z did not succeed; the last success was at 2026-06-10T10:03:00Z",
        ),
        (
            hourly(runs("2026-06-10T11:00:00Z", None, 0)),
            "KUBERNETES_OVERDUE: the run of 2026-06-10T11:00:00Z did not succeed; no run has succeeded yet",
        ),
        (
            hourly(runs("2026-06-10T10:00:00Z", Some("2026-06-10T09:03:00Z"), 1)),
            "KUBERNETES_OVERDUE: the run of 2026-06-10T10:00:00Z is still going, and another was due at 2026-06-10T11:00:00Z; the last success was at 2026-06-10T09:03:00Z",
        ),
        (
            hourly(runs("2026-06-10T10:00:00Z", Some("2026-06-10T10:03:00Z"), 0)),
            "KUBERNETES_OVERDUE: the run of 2026-06-10T11:00:00Z has not started; the last success was at 2026-06-10T10:03:00Z",
        ),
        (
            hourly(json!({})),
            "KUBERNETES_OVERDUE: the run of 2026-06-10T11:00:00Z has not started; no run has succeeded yet",
        ),
    ];
    assert_rows(&check("CronJob", None), rows);
}

#[test]
fn a_run_that_is_a_little_longer_than_its_interval_is_not_overdue() {
    let every_ten =
        json!({"schedule": "*/10 * * * *", "timeZone": "Etc/UTC", "concurrencyPolicy": "Forbid"});
    let status = runs("2026-06-10T11:50:00Z", Some("2026-06-10T11:48:00Z"), 1);
    let said = "up: the run of 2026-06-10T11:50:00Z is going on; the last success was at 2026-06-10T11:48:00Z";
    assert_rows(&check("CronJob", None), vec![(cron(every_ten, status), said)]);
}

#[test]
fn suspension_is_named_and_excuses_nothing() {
    let spec = || json!({"schedule": "0 * * * *", "timeZone": "Etc/UTC", "suspend": true});
    let rows = vec![
        (
            cron(spec(), runs("2026-06-10T11:00:00Z", Some("2026-06-10T11:03:00Z"), 0)),
            "up: the run of 2026-06-10T11:00:00Z succeeded; it is suspended",
        ),
        (
            cron(spec(), runs("2026-06-10T09:00:00Z", Some("2026-06-10T09:03:00Z"), 0)),
            "KUBERNETES_OVERDUE: the run of 2026-06-10T11:00:00Z has not started; the last success was at 2026-06-10T09:03:00Z; it is suspended",
        ),
    ];
    assert_rows(&check("CronJob", None), rows);
}

#[test]
fn a_new_one_waits_for_its_first_start() {
    let mut young =
        cron(json!({"schedule": "0 3 * * *", "timeZone": "Europe/Berlin"}), json!(null));
    young["metadata"]["creationTimestamp"] = json!("2026-06-10T11:30:00Z");
    let said = "up: no start was due yet, the next is at 2026-06-11T01:00:00Z";
    assert_rows(&check("CronJob", None), vec![(young, said)]);
}

#[test]
fn the_schedule_is_that_of_its_time_zone() {
    // 13:00 in Berlin was an hour ago, 13:00 UTC is yet to come.
    let at_one = |zone: &str| json!({"schedule": "0 13 * * *", "timeZone": zone});
    let status = || runs("2026-06-09T11:00:00Z", Some("2026-06-09T11:03:00Z"), 0);
    let missed = "KUBERNETES_OVERDUE: the run of 2026-06-10T11:00:00Z has not started; the last success was at 2026-06-09T11:03:00Z";
    let fine = "up: the run of 2026-06-09T11:00:00Z succeeded";
    let rows = vec![
        (cron(at_one("Europe/Berlin"), status()), missed),
        // Whose schedule or zone is not known here is only told by what its controller says.
        (cron(at_one("Mars/Olympus"), status()), fine),
        (cron(json!({"schedule": "@every 1h"}), status()), fine),
        // Without a zone it is the controller manager's, which the last run shows not to be UTC.
        (cron(json!({"schedule": "0 13 * * *"}), status()), fine),
        (cron(json!({"schedule": "0 11 * * *"}), status()), missed),
    ];
    assert_rows(&check("CronJob", None), rows);
}

#[test]
fn a_start_that_clocks_skip_is_not_missed() {
    // 02:30 did not exist in Berlin on 2026-03-29.
    let nightly = json!({"schedule": "30 2 * * *", "timeZone": "Europe/Berlin"});
    let job =
        Arc::new(cron(nightly, runs("2026-03-28T01:30:00Z", Some("2026-03-28T01:31:00Z"), 0)));
    let mut object = (*job).clone();
    object["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    let at = |now: &str| {
        judge(&check("CronJob", None), &[Arc::new(object.clone())], now.parse().unwrap())
    };
    assert!(at("2026-03-29T12:00:00Z").is_ok());
    assert!(at("2026-03-30T12:00:00Z").is_err());
}
