//! The formats that the API server checks, as far as our schemas use them.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;

/// What a text should have been.
pub(super) struct Wrong {
    pub(super) name: &'static str,
    pub(super) example: &'static str,
}

/// None when the text has the format, or the API server does not know the format either.
pub(super) fn check(name: &str, text: &str) -> Option<Wrong> {
    let (fits, name, example) = match name {
        "date-time" => (is_time(text), "time (RFC 3339)", "2026-03-29T01:30:00Z"),
        "date" => (text.parse::<jiff::civil::Date>().is_ok(), "date", "2026-03-29"),
        "duration" => (text.parse::<jiff::SignedDuration>().is_ok(), "duration", "1h30m"),
        "uri" => (url::Url::parse(text).is_ok(), "URL", "https://example.org/path"),
        "ipv4" => (text.parse::<Ipv4Addr>().is_ok(), "IPv4 address", "192.0.2.1"),
        "ipv6" => (text.parse::<Ipv6Addr>().is_ok(), "IPv6 address", "2001:db8::1"),
        "cidr" => (text.parse::<ipnet::IpNet>().is_ok(), "network", "192.0.2.0/24"),
        "byte" => (STANDARD.decode(text).is_ok(), "base64 text", "aGVsbG8="),
        _ => return None,
    };
    (!fits).then_some(Wrong { name, example })
}

/// `2026-03-29T01:30:00Z`, with a fraction and an offset such as `+02:00` if wanted: stricter than
/// the library, which takes many more forms.
fn is_time(text: &str) -> bool {
    static FORM: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let second = r"[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]+)?";
        Regex::new(&format!(
            r"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{second}(Z|[+-][0-9]{{2}}:[0-9]{{2}})$"
        ))
        .ok()
    });
    FORM.as_ref().is_some_and(|form| form.is_match(text)) && text.parse::<jiff::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_one_form() {
        for good in ["2030-01-01T00:00:00Z", "2030-01-01T00:00:00.25+02:00"] {
            assert!(is_time(good), "{good}");
        }
        for bad in [
            "2030-01-01T00:00:00z",
            "2030-01-01 00:00:00Z",
            "2030-01-01T00:00Z",
            "2030-02-30T00:00:00Z",
            "2030-01-01T23:59:60Z",
            "2030-01-01T00:00:00Z[Europe/Berlin]",
            "2030-01-01T00:00:00,5Z",
        ] {
            assert!(!is_time(bad), "{bad}");
        }
    }
}
