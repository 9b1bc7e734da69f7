//! Durations and instants as people read them.

use std::time::Duration;

use kuma_core::time::Timestamp;

/// A duration in its two largest units: `2 d 3 h`, `4 min 5 s`, `12 s`; below a second `0.4 s`.
pub(crate) fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    if seconds == 0 {
        return format!("{:.1} s", span.as_secs_f64());
    }
    let units = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let first = units.iter().position(|(n, _)| *n > 0).unwrap_or(3);
    units[first..]
        .iter()
        .take(2)
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n} {unit}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// An instant to the second: `2026-11-21 01:02:03 UTC`.
pub(crate) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// RFC 3339 to the millisecond, as in the API.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// At most `most` characters, the end replaced by `…` when something is cut.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// What a stranger said, as one line that cannot steer a terminal.
pub(crate) fn line(said: &str) -> String {
    let clean: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_show_their_two_largest_units() {
        let shown = |seconds| duration(Duration::from_secs(seconds));
        assert_eq!(shown(12), "12 s");
        assert_eq!(shown(120), "2 min");
        assert_eq!(shown(245), "4 min 5 s");
        assert_eq!(shown(3_605), "1 h");
        assert_eq!(shown(183_600), "2 d 3 h");
        assert_eq!(duration(Duration::from_millis(400)), "0.4 s");
    }

    #[test]
    fn instants_are_shown_in_utc() {
        let at = kuma_core::time::from_ms(1_700_000_000_123);
        assert_eq!(instant(at), "2023-11-14 22:13:20 UTC");
        assert_eq!(rfc3339(at), "2023-11-14T22:13:20.123Z");
    }

    #[test]
    fn cutting_counts_characters() {
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöüß", 3), "äö…");
    }

    #[test]
    fn what_others_say_is_one_line() {
        assert_eq!(line(" 250 \u{1b}[31mred\r\nand more\0\n"), "250  [31mred  and more");
    }
}
