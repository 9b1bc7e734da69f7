//! Maintenance, of everything or of one endpoint: muted, checked all the same.

use kuma_core::id::Kind;
use serde_json::{Value, json};

use super::{World, items, text};
use crate::go;
use crate::plan::File;

/// Makes a window if the configuration has one. `monitor` is whom it is about, if not everybody.
pub(super) fn carry(world: &mut World<'_>, config: &Value, monitor: Option<&str>, wanted: &str) {
    let Some(start) = text(config, "start") else {
        return;
    };
    let minutes = text(config, "duration").and_then(go::seconds).map(|it| (it / 60.0).ceil());
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a year")]
    let minutes = minutes.map(|minutes| minutes.clamp(1.0, 525_600.0) as i64);
    let days: Vec<String> = items(&config["every"])
        .filter_map(|day| Some(day.as_str()?.get(..2)?.to_uppercase()))
        .collect();
    let rule = if days.is_empty() {
        "FREQ=DAILY".to_owned()
    } else {
        format!("FREQ=WEEKLY;BYDAY={}", days.join(","))
    };
    let selector = match monitor {
        Some(name) => json!({ "matchNames": [{ "name": name }] }),
        None => json!({}),
    };
    let name = world.plan.name(Kind::MaintenanceWindow, wanted);
    let enabled = config["enabled"].as_bool().unwrap_or(true);
    let spec = json!({
        "enabled": (!enabled).then_some(false),
        "schedule": {
            // Recurring windows begin with some day in the past.
            "start": format!("2024-01-01T{start}"),
            "durationMinutes": minutes,
            "recurrence": { "rrule": rule },
            "timeZone": text(config, "timezone"),
        },
        "match": selector,
        "behavior": { "suppressNotifications": true },
    });
    world.plan.add(File::Maintenance, Kind::MaintenanceWindow, &name, &json!({}), spec);
}
