//! Uptime Kuma's gauges under their own names, by setting (`publicEndpoints.metrics.
//! uptimeKumaNames`), so that dashboards and rules made for it go on. Pure.
//!
//! A paused monitor has no series, as there. What Uptime Kuma's labels lack is `null`, as there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use kuma_core::catalog::Catalog;
use kuma_core::check::{Check, CheckType};
use kuma_core::monitor::Monitor;
use kuma_core::state::MonitorState;
use kuma_core::time::Timestamp;

use crate::live::LiveMonitor;

/// The annotation that holds the name that an imported monitor had; else it is the object's.
pub const DISPLAY_NAME: &str = "kubekuma.io/display-name";
/// Uptime Kuma's windows that we keep, and where they are in [`LiveMonitor::uptime`].
const WINDOWS: [(&str, usize); 2] = [("1d", 1), ("30d", 3)];
/// Milliseconds of a day.
const DAY_MS: f64 = 86_400_000.0;

/// A name and what it means.
type Family = (&'static str, &'static str);

const STATUS: Family = ("monitor_status", "1 up, 0 down, 2 pending, 3 maintenance");
const RESPONSE: Family =
    ("monitor_response_time", "Time of the last check in milliseconds, -1 without one");
const UPTIME: Family = ("monitor_uptime_ratio", "Time up divided by time known, 0 to 1");
const DAYS: Family = ("monitor_cert_days_remaining", "Days until the certificate expires");
const VALID: Family = ("monitor_cert_is_valid", "1 if the certificate was found good");

/// Renders the gauges in the classic text format.
pub fn render(catalog: &Catalog, live: &[LiveMonitor], now: Timestamp) -> String {
    let tags: BTreeSet<String> = catalog
        .monitors
        .values()
        .flat_map(|entry| entry.monitor.tags.iter())
        .filter_map(|tag| Some(tag_label(tag)?.0))
        .collect();
    let mut series: BTreeMap<Family, Vec<(String, f64)>> = BTreeMap::new();
    for monitor in live {
        let Some(entry) = catalog.monitors.get(&monitor.name) else {
            continue;
        };
        let Some(status) = status(monitor.state) else {
            continue;
        };
        let labels = labels(entry.id.0, &entry.monitor, &tags);
        let mut add = |family: Family, more: &str, value: f64| {
            series.entry(family).or_default().push((format!("{labels}{more}"), value));
        };
        add(STATUS, "", status);
        add(RESPONSE, "", response_ms(monitor));
        for (window, place) in WINDOWS {
            if let Some(ratio) = monitor.uptime[place] {
                add(UPTIME, &format!(",window=\"{window}\""), ratio);
            }
        }
        if let Some(certificate) = &monitor.certificate {
            add(DAYS, "", days_between(now, certificate.expires_at));
            add(VALID, "", f64::from(u8::from(certificate.valid)));
        }
    }
    let mut text = String::new();
    for ((name, help), lines) in series {
        // Writing into a string does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in lines {
            let _ = writeln!(text, "{name}{{{labels}}} {value}");
        }
    }
    text
}

const fn status(state: MonitorState) -> Option<f64> {
    match state {
        MonitorState::Up | MonitorState::Degraded => Some(1.0),
        MonitorState::Down | MonitorState::Flapping => Some(0.0),
        MonitorState::Pending | MonitorState::Unknown => Some(2.0),
        MonitorState::Maintenance => Some(3.0),
        MonitorState::Paused => None,
    }
}

/// Of a check that did not succeed there is no time.
fn response_ms(monitor: &LiveMonitor) -> f64 {
    let last = monitor.last.as_ref().filter(|last| last.reason.is_none());
    last.and_then(|last| last.latency_us).map_or(-1.0, |us| f64::from(us) / 1000.0)
}

/// Rounded to the nearest day; negative once it is over.
fn days_between(now: Timestamp, end: Timestamp) -> f64 {
    let left = end.as_millisecond() - now.as_millisecond();
    (left as f64 / DAY_MS).round()
}

fn labels(id: i64, monitor: &Monitor, tags: &BTreeSet<String>) -> String {
    let mut text = String::new();
    let mut add = |name: &str, value: &str| {
        let comma = if text.is_empty() { "" } else { "," };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        // Writing into a string does not fail.
        let _ = write!(text, "{comma}{name}=\"{value}\"");
    };
    let own = own_tags(monitor);
    for tag in tags {
        if let Some(values) = own.get(tag) {
            add(tag, &values.iter().cloned().collect::<Vec<_>>().join(","));
        }
    }
    let (url, hostname, port) = place(&monitor.check);
    let or_null = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
    let name = monitor.annotations.get(DISPLAY_NAME).map_or(&*monitor.name.name, String::as_str);
    add("monitor_id", &id.to_string());
    add("monitor_name", name);
    add("monitor_type", type_name(monitor.check.check_type()));
    add("monitor_url", &or_null(url));
    add("monitor_hostname", &or_null(hostname));
    add("monitor_port", &or_null(port.map(|port| port.to_string())));
    text
}

fn own_tags(monitor: &Monitor) -> BTreeMap<String, BTreeSet<String>> {
    let mut own: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (label, value) in monitor.tags.iter().filter_map(|tag| tag_label(tag)) {
        let values = own.entry(label).or_default();
        if !value.is_empty() {
            values.insert(value);
        }
    }
    own
}

/// A tag `name`, `name:value` or `name=value` as label and value: only the characters that a
/// label may have are kept. None when none is left, or when the label is one of the fixed ones.
fn tag_label(tag: &str) -> Option<(String, String)> {
    let (name, value) = tag.split_once([':', '=']).unwrap_or((tag, ""));
    let (name, value) = (sanitized(name), sanitized(value));
    let fixed = name.starts_with("monitor_") || name == "window";
    (!name.is_empty() && !fixed).then_some((name, value))
}

fn sanitized(text: &str) -> String {
    let kept: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    kept.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned()
}

/// URL, host name and port, as far as the type has them.
fn place(check: &Check) -> (Option<String>, Option<String>, Option<u16>) {
    match check {
        Check::Http(_) | Check::Keyword(_) | Check::JsonQuery(_) => {
            (Some(check.target()), None, None)
        }
        Check::Tcp(tcp) => (None, Some(tcp.host.clone()), Some(tcp.port)),
        Check::Tls(tls) => (None, Some(tls.host.clone()), Some(tls.port)),
        Check::Dns(dns) => (None, Some(dns.domain.clone()), None),
        Check::Ping(ping) => (None, Some(ping.host.clone()), None),
        Check::Push(_) | Check::Group(_) => (None, None, None),
        other if other.check_type() == CheckType::Websocket => (Some(other.target()), None, None),
        other => (None, other.host(), None),
    }
}

/// What Uptime Kuma calls a type; our own name where it has none.
const fn type_name(check_type: CheckType) -> &'static str {
    match check_type {
        CheckType::JsonQuery => "json-query",
        CheckType::Tcp => "port",
        CheckType::Websocket => "websocket-upgrade",
        CheckType::Grpc => "grpc-keyword",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_labels_as_far_as_their_characters_allow() {
        let pair = |label: &str, value: &str| Some((label.to_owned(), value.to_owned()));
        assert_eq!(tag_label("prod"), pair("prod", ""));
        assert_eq!(tag_label("env:pro duction"), pair("env", "production"));
        assert_eq!(tag_label("2nd-tier=a"), pair("ndtier", "a"));
        assert_eq!(tag_label("日本"), None);
        assert_eq!(tag_label("monitor_id:1"), None);
    }

    #[test]
    fn days_are_rounded_and_negative_once_over() {
        let hours = |hours: i64| Timestamp::from_second(hours * 3600).unwrap();
        let days = |now, end| format!("{}", days_between(hours(now), hours(end)));
        assert_eq!(days(0, 13 * 24 + 14), "14");
        assert_eq!(days(10 * 24, 7 * 24 + 10), "-3");
    }
}
