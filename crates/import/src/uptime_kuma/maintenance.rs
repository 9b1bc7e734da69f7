//! Maintenance: windows for the same monitors. Uptime Kuma does not check meanwhile.

use kuma_core::id::Kind;
use serde_json::{Value, json};

use super::World;
use super::row::Row;
use crate::plan::File;

/// What the `lastDay` values of the days of a month are in a recurrence rule.
const LAST_DAYS: [(&str, i64); 4] =
    [("lastDay1", -1), ("lastDay2", -2), ("lastDay3", -3), ("lastDay4", -4)];

/// Carries every maintenance over.
pub(super) fn all(world: &mut World<'_>) {
    for row in world.dump.rows("maintenance") {
        let Some(id) = row.int("id") else { continue };
        let title = row.text("title").unwrap_or("(no title)");
        world.plan.about("maintenance", title);
        let Some(schedule) = schedule(world, row) else { continue };
        let monitors = world.linked("monitor_maintenance", "maintenance_id", id);
        if monitors.is_empty() {
            world.plan.lost("monitors", "", "no monitor that was carried over belongs to it", "");
            continue;
        }
        let names: Vec<Value> = monitors.iter().map(|name| json!({ "name": name })).collect();
        let shown = world
            .dump
            .rows("maintenance_status_page")
            .iter()
            .any(|link| link.int("maintenance_id") == Some(id));
        let name = world.plan.name(Kind::MaintenanceWindow, title);
        let spec = json!({
            "enabled": (!row.on("active")).then_some(false),
            "description": row.text("description").unwrap_or(title),
            "schedule": schedule,
            "match": { "matchNames": names },
            "behavior": {
                "pauseChecks": true,
                "statusPage": { "showBanner": shown, "bannerText": shown.then_some(title) },
            },
        });
        world.plan.add(File::Maintenance, Kind::MaintenanceWindow, &name, &json!({}), spec);
    }
}

fn schedule(world: &mut World<'_>, row: &Row) -> Option<Value> {
    let zone = zone(world, row);
    let strategy = row.text("strategy").unwrap_or("single");
    match strategy {
        "manual" => {
            let why = "it is switched by hand";
            world.plan.lost("strategy", strategy, why, "Write a Silence when the time comes");
            None
        }
        "single" => Some(json!({
            "start": instant(row.text("start_date")?)?,
            "end": instant(row.text("end_date")?)?,
            "timeZone": zone,
        })),
        "cron" => {
            let minutes = row.int("duration").map(|seconds| (seconds / 60).max(1));
            let cron = row.text("cron")?.split_whitespace().collect::<Vec<_>>().join(" ");
            dates(world, row);
            Some(json!({
                "recurrence": { "cron": cron }, "durationMinutes": minutes, "timeZone": zone,
            }))
        }
        _ => recurring(world, row, strategy, &zone),
    }
}

fn recurring(world: &mut World<'_>, row: &Row, strategy: &str, zone: &str) -> Option<Value> {
    let opens = row.text("start_time").unwrap_or("00:00");
    let closes = row.text("end_time").unwrap_or("00:00");
    let minutes = (minute(closes)? - minute(opens)?).rem_euclid(24 * 60);
    let minutes = if minutes == 0 { 24 * 60 } else { minutes };
    let rule = match strategy {
        "recurring-interval" => {
            format!("FREQ=DAILY;INTERVAL={}", row.int("interval_day").unwrap_or(1).max(1))
        }
        "recurring-weekday" => {
            const DAYS: [&str; 8] = ["SU", "MO", "TU", "WE", "TH", "FR", "SA", "SU"];
            let days = row.json("weekdays")?;
            let days = days.as_array()?.iter().filter_map(number);
            let days: Vec<&str> =
                days.filter_map(|day| DAYS.get(usize::try_from(day).ok()?).copied()).collect();
            format!("FREQ=WEEKLY;BYDAY={}", days.join(","))
        }
        "recurring-day-of-month" => {
            let days = row.json("days_of_month")?;
            let days: Vec<String> = days.as_array()?.iter().filter_map(day_of_month).collect();
            format!("FREQ=MONTHLY;BYMONTHDAY={}", days.join(","))
        }
        other => {
            world.plan.lost("strategy", other, "it is not known", "Write the window by hand");
            return None;
        }
    };
    // Without a date it has always recurred.
    let day = row.text("start_date").and_then(|date| date.get(..10)).unwrap_or("2020-01-01");
    let until = row.text("end_date").and_then(|date| date.get(..10));
    let until = until.map(|day| format!(";UNTIL={}T235959Z", day.replace('-', "")));
    Some(json!({
        "start": format!("{day}T{}", opens.get(..5)?),
        "durationMinutes": minutes,
        "recurrence": { "rrule": format!("{rule}{}", until.unwrap_or_default()) },
        "timeZone": zone,
    }))
}

fn dates(world: &mut World<'_>, row: &Row) {
    if let Some(end) = row.text("end_date") {
        let why = "a window by cron does not end by itself";
        world.plan.lost("end_date", end, why, "Delete the window then");
    }
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn day_of_month(value: &Value) -> Option<String> {
    if let Some(day) = number(value) {
        return Some(day.to_string());
    }
    let last = LAST_DAYS.iter().find(|(name, _)| value.as_str() == Some(name))?;
    Some(last.1.to_string())
}

/// Minutes since midnight of `HH:MM`.
fn minute(text: &str) -> Option<i64> {
    let (hours, rest) = text.split_once(':')?;
    let minutes = rest.get(..2)?;
    Some(hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?)
}

/// `2024-05-01 02:00:00` as `2024-05-01T02:00:00`.
fn instant(text: &str) -> Option<String> {
    let text = text.replacen(' ', "T", 1);
    text.parse::<jiff::civil::DateTime>().ok()?;
    Some(text.get(..16)?.to_owned())
}

fn zone(world: &World<'_>, row: &Row) -> String {
    match row.text("timezone") {
        None => "UTC".to_owned(),
        Some("SAME_AS_SERVER") => {
            let server = world.dump.setting("serverTimezone");
            let server = server.as_ref().and_then(Value::as_str).filter(|zone| *zone != "auto");
            server.unwrap_or("UTC").to_owned()
        }
        Some(zone) => zone.to_owned(),
    }
}
