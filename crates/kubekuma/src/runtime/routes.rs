//! The host's ways out: which link leads to an address, by the kernel's main routing table. Pure but
//! for [`Routes::read`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where Linux shows its tables (proc(5)).
const V4: &str = "/proc/net/route";
const V6: &str = "/proc/net/ipv6_route";
/// Flags of a route (`linux/route.h`).
const GATEWAY: u32 = 0x2;
const REJECT: u32 = 0x200;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Route {
    network: IpAddr,
    prefix: u8,
    metric: u32,
    link: String,
    /// Whether it leads beyond the link's own network.
    leads_out: bool,
}

/// A routing table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Routes(Vec<Route>);

/// Why nothing can have left this host towards an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// The way leads over a link that is down.
    Link(String),
    /// No route leads anywhere but to neighbours.
    NoRoute,
}

impl Routes {
    /// The table of this host; empty where nothing can be known.
    pub(super) async fn read() -> Self {
        let v4 = tokio::fs::read_to_string(V4).await.unwrap_or_default();
        let v6 = tokio::fs::read_to_string(V6).await.unwrap_or_default();
        Self::parse(&v4, &v6)
    }

    fn parse(v4: &str, v6: &str) -> Self {
        let routes = v4.lines().filter_map(line_v4).chain(v6.lines().filter_map(line_v6));
        Self(routes.collect())
    }

    /// Why nothing can have left for `address`, if so.
    ///
    /// A link counts only where it is the host's way out as well. One that is not, such as the bridge
    /// of a container engine, goes down with what is behind it, and that is what is watched. Hosts
    /// without IPv6 have no route to its addresses at any time, which is no fault that passes.
    pub(super) fn lost(&self, address: IpAddr, carries: impl Fn(&str) -> bool) -> Option<Lost> {
        let address = address.to_canonical();
        let of_family = || self.0.iter().filter(|it| it.network.is_ipv4() == address.is_ipv4());
        let best = of_family()
            .filter(|route| route.holds(address))
            .max_by_key(|route| (route.prefix, std::cmp::Reverse(route.metric)));
        let leads_out = |link: &str| of_family().any(|route| route.leads_out && route.link == link);
        match best {
            Some(route) if leads_out(&route.link) && !carries(&route.link) => {
                Some(Lost::Link(route.link.clone()))
            }
            None if address.is_ipv4() && !self.0.is_empty() => {
                let none = !of_family().any(|route| route.leads_out);
                none.then_some(Lost::NoRoute)
            }
            _ => None,
        }
    }
}

impl Route {
    fn holds(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// `Iface Destination Gateway Flags RefCnt Use Metric Mask …`; addresses in the host's byte order.
fn line_v4(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let &[link, network, _, flags, _, _, metric, mask, ..] = fields.as_slice() else { return None };
    let address =
        |text: &str| u32::from_str_radix(text, 16).ok().map(|it| Ipv4Addr::from(it.to_ne_bytes()));
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let prefix = u8::try_from(address(mask)?.to_bits().count_ones()).ok()?;
    let network = IpAddr::V4(address(network)?);
    let metric = metric.parse().ok()?;
    route(network, prefix, metric, flags, link)
}

/// `destination prefix source prefix next-hop metric references uses flags device`, all in hex.
fn line_v6(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let &[network, prefix, _, _, _, metric, _, _, flags, link] = fields.as_slice() else {
        return None;
    };
    let network = Ipv6Addr::from(u128::from_str_radix(network, 16).ok()?);
    let prefix = u8::from_str_radix(prefix, 16).ok()?;
    let metric = u32::from_str_radix(metric, 16).ok()?;
    route(IpAddr::V6(network), prefix, metric, u32::from_str_radix(flags, 16).ok()?, link)
}

fn route(network: IpAddr, prefix: u8, metric: u32, flags: u32, link: &str) -> Option<Route> {
    let leads_out = flags & GATEWAY != 0 || prefix == 0;
    let usable = flags & REJECT == 0 && link != "lo" && link != "*";
    usable.then(|| Route { network, prefix, metric, link: link.to_owned(), leads_out })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host with a card and the bridge of a container engine.
    const TABLE_V4: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
wlan0\t00000000\t01330A0A\t0003\t0\t0\t600\t00000000\t0\t0\t0
";
    const TABLE_V6: &str = "\
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000002 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000003 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
";

    fn lost(v4: &str, v6: &str, address: &str, down: &[&str]) -> Option<Lost> {
        Routes::parse(v4, v6).lost(address.parse().unwrap(), |link| !down.contains(&link))
    }

    fn eth0() -> Lost {
        Lost::Link("eth0".into())
    }

    #[test]
    fn what_lies_behind_a_dead_way_out_is_lost() {
        for address in ["203.0.113.7", "192.0.2.9", "::ffff:203.0.113.7", "2001:db8::1"] {
            assert_eq!(lost(TABLE_V4, TABLE_V6, address, &["eth0"]), Some(eth0()), "{address}");
            assert_eq!(lost(TABLE_V4, TABLE_V6, address, &["wlan0", "docker0"]), None, "{address}");
        }
    }

    #[test]
    fn a_bridge_that_went_down_with_its_containers_excuses_nothing() {
        assert_eq!(lost(TABLE_V4, TABLE_V6, "172.17.0.2", &["docker0"]), None);
        assert_eq!(lost(TABLE_V4, TABLE_V6, "172.17.0.2", &["eth0"]), None);
    }

    #[test]
    fn without_any_way_out_only_neighbours_can_be_asked() {
        let inner: Vec<&str> = TABLE_V4.lines().filter(|line| !line.contains("\t0003\t")).collect();
        let inner = inner.join("\n");
        assert_eq!(lost(&inner, "", "203.0.113.7", &[]), Some(Lost::NoRoute));
        assert_eq!(lost(&inner, "", "172.17.0.2", &[]), None);
        // A network whose own route was withdrawn is not ours to lose.
        let other = "eth0\t00000A0A\t010200C0\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0";
        assert_eq!(lost(&format!("{inner}\n{other}"), "", "203.0.113.7", &[]), None);
        // Nor is IPv6 on a host that has none, nor anything where no table can be read.
        assert_eq!(lost(TABLE_V4, "", "2001:db8::1", &["eth0"]), None);
        assert_eq!(lost("", "", "203.0.113.7", &["eth0"]), None);
    }

    #[test]
    fn the_narrowest_route_wins_and_then_the_cheapest() {
        let both = "\
eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
tun0\t0000000A\t00000000\t0003\t0\t0\t50\t000000FF\t0\t0\t0
wlan0\t00000000\t01330A0A\t0003\t0\t0\t600\t00000000\t0\t0\t0";
        assert_eq!(lost(both, "", "10.1.2.3", &["eth0"]), None);
        assert_eq!(lost(both, "", "10.1.2.3", &["tun0"]), Some(Lost::Link("tun0".into())));
        assert_eq!(lost(both, "", "203.0.113.7", &["wlan0"]), None);
        assert_eq!(lost(both, "", "203.0.113.7", &["eth0"]), Some(eth0()));
    }

    #[test]
    fn lines_that_are_no_routes_are_left_out() {
        assert_eq!(Routes::parse("Iface\tDestination\nx y", "zz 00\n\n"), Routes::default());
    }
}
