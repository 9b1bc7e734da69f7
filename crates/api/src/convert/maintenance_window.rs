//! `MaintenanceWindow`.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use kuma_core::maintenance::{MaintenanceWindow, WindowSchedule};
use kuma_core::object::Problem;
use kuma_core::time::Timestamp;
use kuma_expr::Recurrence;

use super::Context;
use super::common::minutes;
use crate::kinds::maintenance_window::{
    MaintenanceWindowSpec, RecurrenceSpec, WindowBehaviorSpec, WindowScheduleSpec,
};

const AT: &str = "spec.schedule";

pub(super) fn convert(
    context: &mut Context<'_>,
    spec: &MaintenanceWindowSpec,
) -> Option<MaintenanceWindow> {
    let schedule = schedule(context, &spec.schedule);
    let selector = context.selector("spec.match", spec.match_.as_ref());
    let behavior = spec.behavior.clone().unwrap_or_default();
    Some(MaintenanceWindow {
        name: context.key.name.clone(),
        enabled: spec.enabled.unwrap_or(true),
        description: spec.description.clone(),
        schedule: schedule?,
        selector,
        suppress_notifications: behavior.suppress_notifications.unwrap_or(true),
        pause_checks: behavior.pause_checks.unwrap_or(false),
        count_in_uptime: behavior.count_in_uptime.unwrap_or(false),
        banner: banner(context, spec, &behavior),
    })
}

fn banner(
    context: &Context<'_>,
    spec: &MaintenanceWindowSpec,
    behavior: &WindowBehaviorSpec,
) -> Option<String> {
    let banner = behavior.status_page.clone().unwrap_or_default();
    banner.show_banner.unwrap_or(true).then(|| {
        banner
            .banner_text
            .or_else(|| spec.description.clone())
            .unwrap_or_else(|| context.key.name.name.to_string())
    })
}

fn schedule(context: &mut Context<'_>, spec: &WindowScheduleSpec) -> Option<WindowSchedule> {
    let zone = zone(context, spec.time_zone.as_deref())?;
    let start = match &spec.start {
        Some(text) => Some(moment(context, &format!("{AT}.start"), text, &zone)?),
        None => None,
    };
    let end = match &spec.end {
        Some(text) => Some(moment(context, &format!("{AT}.end"), text, &zone)?),
        None => None,
    };
    let duration = duration(context, spec, start, end)?;
    match (&spec.recurrence, start) {
        (Some(recurrence), start) => {
            let first = start.map(|start| start.to_zoned(zone.clone()).datetime());
            Some(WindowSchedule::Recurring {
                recurrence: recurs(context, recurrence, first, zone)?,
                duration,
            })
        }
        (None, Some(start)) => Some(WindowSchedule::Once {
            start,
            end: end.unwrap_or_else(|| kuma_core::time::plus(start, duration)),
        }),
        (None, None) => {
            context.error(format!("{AT}.start"), "a window that does not recur needs a start");
            None
        }
    }
}

fn duration(
    context: &mut Context<'_>,
    spec: &WindowScheduleSpec,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
) -> Option<Duration> {
    match (spec.duration_minutes, start, end) {
        (Some(length), _, None) if length > 0 => Some(minutes(length)),
        (None, Some(start), Some(end)) if start < end => Some(kuma_core::time::between(start, end)),
        (None, Some(_), Some(_)) => {
            context.error(format!("{AT}.end"), "the window ends before it begins");
            None
        }
        _ => {
            context.error(AT, "set either end (with start) or durationMinutes");
            None
        }
    }
}

fn zone(context: &mut Context<'_>, name: Option<&str>) -> Option<TimeZone> {
    let name = name.unwrap_or("UTC");
    if let Ok(zone) = TimeZone::get(name) {
        Some(zone)
    } else {
        context.push(
            Problem::semantic(format!("{AT}.timeZone"), "there is no such time zone")
                .with_value(name)
                .with_fix("use an IANA name such as Europe/Berlin or UTC"),
        );
        None
    }
}

/// An instant: RFC 3339, or local time in `zone`.
fn moment(context: &mut Context<'_>, path: &str, text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let instant = text.parse::<Timestamp>().ok().or_else(|| {
        let local = text.parse::<DateTime>().ok()?;
        in_zone(local, zone)
    });
    if instant.is_none() {
        context.push(Problem::semantic(path, "this is not a time").with_value(text).with_fix(
            "write 2026-03-01T02:00:00Z, or 2026-03-01T02:00 for local time in timeZone",
        ));
    }
    instant
}

/// A local time as an instant: in a skipped hour the next valid instant, in a repeated hour the
/// first of the two.
fn in_zone(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    if matches!(ambiguous.offset(), jiff::tz::AmbiguousOffset::Gap { .. }) {
        let before = ambiguous.earlier().ok()?;
        return zone.following(before).next().map(|change| change.timestamp());
    }
    ambiguous.compatible().ok()
}

fn recurs(
    context: &mut Context<'_>,
    spec: &RecurrenceSpec,
    first: Option<DateTime>,
    zone: TimeZone,
) -> Option<Recurrence> {
    let (path, source, compiled) = match (&spec.rrule, &spec.cron) {
        (Some(source), None) => {
            let Some(first) = first else {
                context.error(format!("{AT}.start"), "a window with an rrule needs a start");
                return None;
            };
            ("rrule", source, Recurrence::rrule(source, first, zone))
        }
        (None, Some(source)) => ("cron", source, Recurrence::cron(source, first, zone)),
        _ => {
            context.error(format!("{AT}.recurrence"), "set either rrule or cron");
            return None;
        }
    };
    match compiled {
        Ok(recurrence) => Some(recurrence),
        Err(error) => {
            context.push(
                Problem::semantic(
                    format!("{AT}.recurrence.{path}"),
                    format!("this recurrence cannot be used: {error}"),
                )
                .with_value(source)
                .with_fix("write an RFC 5545 rule as FREQ=WEEKLY;BYDAY=SU, or five cron fields as 0 2 * * 0"),
            );
            None
        }
    }
}
