//! The `server` of a check as written.

use std::net::{IpAddr, SocketAddr};

/// Splits `host`, `host:port`, an address, or `[v6]:port` into a host without brackets and a port,
/// `port` unless one is written.
pub(crate) fn split(text: &str, port: u16) -> Option<(String, u16)> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some((address.to_string(), port));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some((address.ip().to_string(), address.port()));
    }
    if let Some(inner) = text.strip_prefix('[') {
        let address: std::net::Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some((address.to_string(), port));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0)?),
        None => (text, port),
    };
    let plain = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == ']');
    plain.then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        for (text, host, port) in [
            ("dns.example", "dns.example", 53),
            ("dns.example:5353", "dns.example", 5353),
            ("192.0.2.1", "192.0.2.1", 53),
            ("192.0.2.1:5353", "192.0.2.1", 5353),
            ("2001:db8::1", "2001:db8::1", 53),
            ("[2001:db8::1]", "2001:db8::1", 53),
            ("[2001:db8::1]:5353", "2001:db8::1", 5353),
        ] {
            assert_eq!(split(text, 53), Some((host.to_owned(), port)), "{text}");
        }
        for bad in ["", ":53", "a:b", "a:0", "a:99999", "[::1", "[x]:53", "a b", "tls://a"] {
            assert_eq!(split(bad, 53), None, "{bad}");
        }
    }
}
