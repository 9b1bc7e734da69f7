//! One address can stand for another: whoever dials the first reaches the second.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address itself and those that it stands for.
pub(super) fn of(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let mut forms = [Some(address), None, None];
    match address {
        IpAddr::V4(v4) => forms[1] = this_host(v4.is_unspecified(), Ipv4Addr::LOCALHOST),
        IpAddr::V6(v6) => {
            let [first, second] = carried(v6);
            forms[1] = first.map(IpAddr::V4);
            forms[2] = second.map(IpAddr::V4);
            if v6.is_unspecified() {
                forms[1] = Some(Ipv6Addr::LOCALHOST.into());
            } else if v6.to_ipv4_mapped().is_some() {
                // A socket of the other family is opened for these; they are nothing of their own.
                forms[0] = forms[1];
                forms[1] = forms[0].and_then(|v4| match v4 {
                    IpAddr::V4(v4) => this_host(v4.is_unspecified(), Ipv4Addr::LOCALHOST),
                    IpAddr::V6(_) => None,
                });
            }
        }
    }
    forms.into_iter().flatten()
}

/// The unspecified address reaches this host (Linux, macOS).
fn this_host(unspecified: bool, loopback: Ipv4Addr) -> Option<IpAddr> {
    unspecified.then_some(IpAddr::V4(loopback))
}

/// IPv4 addresses that an IPv6 address carries; NAT64 prefixes of a site's own choice (RFC 8215)
/// may hold them in two places.
fn carried(v6: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let o = v6.octets();
    let last = Ipv4Addr::new(o[12], o[13], o[14], o[15]);
    let s = v6.segments();
    match s {
        // IPv4-mapped (RFC 4291, section 2.5.5.2), IPv4-translated (RFC 2765), and the well-known
        // prefix of NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, 0, 0, 0, 0, ..] => [Some(last), None],
        // IPv4-compatible, long given up, but some systems still route it; `::1` is loopback.
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => [Some(last), None],
        // NAT64, prefixes of local use: /96, or /48 with the bits around octet 8.
        [0x64, 0xff9b, 1, ..] => [Some(last), Some(Ipv4Addr::new(o[6], o[7], o[9], o[10]))],
        // 6to4 (RFC 3056).
        [0x2002, ..] => [Some(Ipv4Addr::new(o[2], o[3], o[4], o[5])), None],
        // Teredo (RFC 4380): the client's address, inverted.
        [0x2001, 0, ..] => [Some(Ipv4Addr::from_bits(!last.to_bits())), None],
        _ => [None, None],
    }
}

/// The address that a text means to any program that reads it, with the forms of `inet_aton`:
/// `127.1`, `0x7f000001`, `0177.0.0.1`, `2130706433`.
pub(super) fn written(host: &str) -> Option<IpAddr> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(address);
    }
    if let Some((address, _zone)) = host.split_once('%')
        && let Ok(address) = address.parse::<Ipv6Addr>()
    {
        return Some(address.into());
    }
    let parts: Vec<u32> = host.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if parts.len() > 4 || first.iter().any(|part| *part > 255) {
        return None;
    }
    let room = 8 * (4 - u32::try_from(first.len()).ok()?);
    if u64::from(*last) >= 1_u64 << room {
        return None;
    }
    let high = first.iter().fold(0_u64, |sum, part| (sum << 8) | u64::from(*part));
    let bits = u32::try_from((high << room) | u64::from(*last)).ok()?;
    Some(Ipv4Addr::from_bits(bits).into())
}

/// Decimal, octal after `0`, hexadecimal after `0x`.
fn number(text: &str) -> Option<u32> {
    let (digits, radix) =
        if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            if hex.is_empty() {
                return Some(0);
            }
            (hex, 16)
        } else if text.len() > 1 && text.starts_with('0') {
            (&text[1..], 8)
        } else {
            (text, 10)
        };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(digits, radix).ok())?
}
