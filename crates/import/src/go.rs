//! Durations as Go programs write them.

use serde_json::Value;

/// Seconds of `1h30m`, `10s`, `500ms`, Prometheus' `1d`, or a bare number of seconds.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 8] = [
        ("ms", 1e-3),
        ("us", 1e-6),
        ("ns", 1e-9),
        ("w", 604_800.0),
        ("d", 86_400.0),
        ("h", 3600.0),
        ("m", 60.0),
        ("s", 1.0),
    ];
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    if let Ok(bare) = rest.parse::<f64>() {
        return (bare.is_finite() && bare >= 0.0).then_some(bare);
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, factor) = UNITS.iter().find(|(unit, _)| rest.starts_with(unit))?;
        total += number * factor;
        rest = &rest[unit.len()..];
    }
    Some(total)
}

/// The same of a field, in whole seconds from `low` to `high`; a fraction counts as a second.
pub(crate) fn whole_seconds(value: &Value, low: i64, high: i64) -> Option<i64> {
    let seconds = match value {
        Value::String(text) => seconds(text)?,
        // Gatus and Prometheus write durations as text; a bare number is nanoseconds in neither.
        Value::Number(number) => number.as_f64()?,
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the bounds first")]
    let whole = seconds.ceil().clamp(low as f64, high as f64) as i64;
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let written = |text: &str| seconds(text).map(|it| format!("{it}"));
        assert_eq!(written("1h30m").as_deref(), Some("5400"));
        assert_eq!(written("500ms").as_deref(), Some("0.5"));
        assert_eq!(written("1d").as_deref(), Some("86400"));
        assert_eq!(written("15").as_deref(), Some("15"));
        assert_eq!(written("soon"), None);
        assert_eq!(written("5"), Some("5".to_owned()));
        assert_eq!(written("5x"), None);
        assert_eq!(whole_seconds(&"10ms".into(), 1, 300), Some(1));
    }
}
