//! In which order addresses are tried: those that this host has a route to first, IPv6 before
//! IPv4 among them, otherwise as the resolver gave them (RFC 6724, rules 1 and 6).

use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};

/// Orders by the rule above. Only where both families are present are routes looked at.
pub(crate) fn order(addresses: &mut [IpAddr], has_route: impl Fn(IpAddr) -> bool) {
    let mixed = addresses.iter().any(IpAddr::is_ipv4) && addresses.iter().any(IpAddr::is_ipv6);
    if mixed {
        addresses.sort_by_cached_key(|address| match address {
            IpAddr::V6(_) if has_route(*address) => 0,
            IpAddr::V4(_) => 1,
            IpAddr::V6(_) => 2,
        });
    }
}

/// Whether this host has a route to an IPv6 address: naming the peer of a datagram socket looks
/// the route up and sends nothing.
pub(crate) fn has_route(address: IpAddr) -> bool {
    const ANY_PORT: u16 = 9;
    UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))
        .and_then(|socket| socket.connect(SocketAddr::new(address, ANY_PORT)))
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_is_first_where_it_has_a_route_and_last_where_not() {
        let mixed: Vec<IpAddr> = ["10.0.0.1", "2001:db8::1", "10.0.0.2", "2001:db8::2"]
            .map(|text| text.parse().unwrap())
            .into();
        let mut with = mixed.clone();
        order(&mut with, |_| true);
        assert_eq!(with, [mixed[1], mixed[3], mixed[0], mixed[2]]);
        let mut without = mixed.clone();
        order(&mut without, |_| false);
        assert_eq!(without, [mixed[0], mixed[2], mixed[1], mixed[3]]);
    }

    #[test]
    fn one_family_stays_as_the_resolver_gave_it() {
        let given: Vec<IpAddr> = ["::2", "::1"].map(|text| text.parse().unwrap()).into();
        let mut ordered = given.clone();
        order(&mut ordered, |_| unreachable!("no route is needed"));
        assert_eq!(ordered, given);
    }
}
