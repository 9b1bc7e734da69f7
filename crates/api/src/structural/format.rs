//! The formats that the API server checks, as far as our schemas use them.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a text should have been.
pub(super) struct Wrong {
    pub(super) name: &'static str,
    pub(super) example: &'static str,
}

/// None when the text has the format, or the API server does not know the format either.
pub(super) fn check(name: &str, text: &str) -> Option<Wrong> {
    let (fits, name, example) = match name {
        "date-time" => {
            (text.parse::<jiff::Timestamp>().is_ok(), "time (RFC 3339)", "2026-03-29T01:30:00Z")
        }
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
