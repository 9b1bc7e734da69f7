//! The rules, sentence by sentence, and what holds for every address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::prelude::*;

use super::forms::written;
use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn nets(list: &[&str]) -> Vec<IpNet> {
    networks(list.iter().copied()).unwrap()
}

fn rules(allow: &[&str], deny: &[&str]) -> EgressSettings {
    EgressSettings { allow: nets(allow), deny: nets(deny), ..EgressSettings::default() }
}

fn with_namespace(mut rules: EgressSettings, allow: &[&str], deny: &[&str]) -> EgressSettings {
    let own = NamespaceEgress::Lists { allow: nets(allow), deny: nets(deny) };
    rules.namespaces.insert("shop".to_owned(), own);
    rules
}

/// What nothing was said about.
const METADATA: [&str; 10] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.0.23",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
];

#[test]
fn metadata_and_link_local_addresses_are_refused_by_default() {
    let rules = EgressSettings::default();
    for address in METADATA {
        assert_eq!(rules.permits("a", ip(address)), Err(Refusal::Metadata), "{address}");
    }
    for address in ["169.254.1.1", "fe80::1", "febf::1"] {
        assert_eq!(rules.permits("a", ip(address)), Err(Refusal::LinkLocal), "{address}");
    }
    for address in ["127.0.0.1", "::1", "10.0.0.1", "0.0.0.0", "::", "fec0::1", "fd00:ec2::253"] {
        assert_eq!(rules.permits("a", ip(address)), Ok(()), "{address}");
    }
}

#[test]
fn a_switch_or_an_entry_that_names_them_permits_them() {
    let mut all = EgressSettings { allow_link_local: true, ..EgressSettings::default() };
    for address in METADATA {
        assert_eq!(all.permits("a", ip(address)), Ok(()), "{address}");
        let named = rules(&[address, "10.0.0.0/8"], &[]);
        assert_eq!(named.permits("a", ip(address)), Ok(()), "{address}");
        // Who writes "everything" hardly means these.
        let everything = rules(&["0.0.0.0/0", "::/0", "168.0.0.0/5"], &[]);
        assert_eq!(everything.permits("a", ip(address)), Err(Refusal::Metadata), "{address}");
    }
    all.deny = nets(&["169.254.0.0/16"]);
    assert!(all.permits("a", ip("169.254.169.254")).is_err(), "deny beats the switch");
}

#[test]
fn deny_beats_allow_and_names_its_entry() {
    let rules = rules(&["10.0.0.0/8"], &["10.1.0.0/16"]);
    assert_eq!(rules.permits("a", ip("10.2.0.1")), Ok(()));
    assert_eq!(
        rules.permits("a", ip("10.1.2.3")),
        Err(Refusal::Denied("10.1.0.0/16".parse().unwrap(), Scope::Settings))
    );
    assert_eq!(rules.permits("a", ip("192.0.2.1")), Err(Refusal::NotAllowed(Scope::Settings)));
    let words = rules.permits("a", ip("10.1.2.3")).unwrap_err().to_string();
    assert_eq!(words, "`networking.egress.deny` has 10.1.0.0/16");
}

#[test]
fn a_namespace_replaces_allow_and_adds_to_deny_for_itself_alone() {
    let rules = with_namespace(
        rules(&["10.0.0.0/8"], &["10.1.0.0/16"]),
        &["192.0.2.0/24", "10.0.0.0/8", "169.254.169.254"],
        &["192.0.2.128/25"],
    );
    assert_eq!(rules.permits("shop", ip("192.0.2.1")), Ok(()));
    assert_eq!(rules.permits("shop", ip("169.254.169.254")), Ok(()));
    assert!(rules.permits("other", ip("192.0.2.1")).is_err());
    assert!(rules.permits("other", ip("169.254.169.254")).is_err());
    let denied = rules.permits("shop", ip("192.0.2.200"));
    assert!(matches!(denied, Err(Refusal::Denied(_, Scope::Namespace))), "{denied:?}");
    let denied = rules.permits("shop", ip("10.1.0.1"));
    assert!(matches!(denied, Err(Refusal::Denied(_, Scope::Settings))), "{denied:?}");
    assert_eq!(
        rules.permits("shop", ip("203.0.113.1")),
        Err(Refusal::NotAllowed(Scope::Namespace))
    );
}

#[test]
fn annotations_that_cannot_be_read_open_nothing() {
    let mut rules = EgressSettings::default();
    rules.namespaces.insert("shop".to_owned(), NamespaceEgress::Unreadable);
    assert_eq!(rules.permits("shop", ip("192.0.2.1")), Err(Refusal::Unreadable));
    assert_eq!(rules.permits_by_proxy("shop", "example.com"), Err(Refusal::Unreadable));
    assert_eq!(rules.permits("other", ip("192.0.2.1")), Ok(()));
}

#[test]
fn the_unspecified_address_is_this_host() {
    let rules = rules(&[], &["127.0.0.0/8", "::1/128"]);
    for address in ["0.0.0.0", "::", "::ffff:0.0.0.0", "::ffff:127.0.0.1", "::1", "127.9.9.9"] {
        assert!(rules.permits("a", ip(address)).is_err(), "{address}");
    }
}

#[test]
fn what_a_proxy_resolves_is_judged_by_its_text() {
    let open = EgressSettings::default();
    for host in [
        "169.254.169.254",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "2852039166",
        "169.254.43518",
        "[::ffff:169.254.169.254]",
        "fe80::1%eth0",
        "metadata.google.internal",
        "Metadata.Google.Internal.",
        "instance-data",
    ] {
        assert!(open.permits_by_proxy("a", host).is_err(), "{host}");
    }
    for host in ["example.com", "10.0.0.1", "1.2.3.4.5", "0x", "256.1.1.1.example"] {
        assert_eq!(open.permits_by_proxy("a", host), Ok(()), "{host}");
    }
    let listed = rules(&["10.0.0.0/8"], &[]);
    assert_eq!(listed.permits_by_proxy("a", "10.1.1.1"), Ok(()));
    assert_eq!(
        listed.permits_by_proxy("a", "example.com"),
        Err(Refusal::NotAllowed(Scope::Settings)),
        "what cannot be looked up here cannot be on the list"
    );
}

fn any_net() -> impl Strategy<Value = IpNet> {
    prop_oneof![
        (any::<u32>(), 0_u8..=32).prop_map(|(bits, prefix)| {
            IpNet::new(Ipv4Addr::from_bits(bits).into(), prefix).unwrap()
        }),
        (any::<u128>(), 0_u8..=128).prop_map(|(bits, prefix)| {
            IpNet::new(Ipv6Addr::from_bits(bits).into(), prefix).unwrap()
        }),
    ]
}

fn any_rules() -> impl Strategy<Value = EgressSettings> {
    let list = || prop::collection::vec(any_net(), 0..4);
    (list(), list(), any::<bool>(), list(), list()).prop_map(
        |(allow, deny, allow_link_local, own_allow, own_deny)| {
            let mut rules =
                EgressSettings { allow, deny, allow_link_local, ..EgressSettings::default() };
            let own = NamespaceEgress::Lists { allow: own_allow, deny: own_deny };
            rules.namespaces.insert("shop".to_owned(), own);
            rules
        },
    )
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
        any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into()),
        prop::sample::select(&METADATA[..]).prop_map(ip),
        any::<u16>().prop_map(|low| {
            let [a, b] = low.to_be_bytes();
            Ipv4Addr::new(169, 254, a, b).into()
        }),
    ]
}

/// Every way to write an IPv4 address into an IPv6 one that reaches it somewhere.
fn carriers(v4: Ipv4Addr) -> Vec<Ipv6Addr> {
    let [a, b, c, d] = v4.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let teredo = !v4.to_bits();
    let (t_high, t_low) = ((teredo >> 16) as u16, (teredo & 0xffff) as u16);
    vec![
        v4.to_ipv6_mapped(),
        Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 1, 7, 0, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 1, high, u16::from(c), u16::from(d) << 8, 0, 0),
        Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0x2001, 0, 1, 2, 3, 4, t_high, t_low),
    ]
}

proptest! {
    /// The rules written a second time, in the plainest way, agree on plain addresses.
    #[test]
    fn the_matcher_does_what_the_documentation_says(rules in any_rules(), address in any_address()) {
        prop_assume!(forms::of(address).count() == 1);
        for namespace in ["shop", "other"] {
            let own = match rules.namespaces.get(namespace) {
                Some(NamespaceEgress::Lists { allow, deny }) => (allow.clone(), deny.clone()),
                _ => (vec![], vec![]),
            };
            let allow = if own.0.is_empty() { rules.allow.clone() } else { own.0 };
            let denied = rules.deny.iter().chain(&own.1).any(|net| net.contains(&address));
            let listed = allow.is_empty() || allow.iter().any(|net| net.contains(&address));
            let special = special(address).is_some_and(|(net, _)| {
                !rules.allow_link_local
                    && !allow.iter().any(|entry| net.contains(entry) && entry.contains(&address))
            });
            let expected = !denied && listed && !special;
            prop_assert_eq!(rules.permits(namespace, address).is_ok(), expected);
        }
    }

    /// Providers are limited by less than monitors, and where a Namespace lists addresses by the same.
    #[test]
    fn providers_may_ask_what_monitors_may(rules in any_rules(), address in any_address()) {
        for namespace in ["shop", "other"] {
            let monitors = rules.permits(namespace, address);
            let providers = rules.for_providers(namespace).permits(address);
            if monitors == Err(Refusal::NotAllowed(Scope::Settings)) {
                prop_assert_eq!(providers, Ok(()));
            } else {
                prop_assert_eq!(providers, monitors);
            }
        }
    }

    /// No way of writing an IPv4 address gets round a rule about it.
    #[test]
    fn carrying_an_address_does_not_hide_it(rules in any_rules(), bits in any::<u32>()) {
        let v4 = Ipv4Addr::from_bits(bits);
        for carrier in carriers(v4) {
            if rules.permits("shop", carrier.into()).is_ok() {
                let denied = matches!(
                    rules.permits("shop", v4.into()),
                    Err(Refusal::Denied(..) | Refusal::LinkLocal | Refusal::Metadata)
                );
                prop_assert!(!denied, "{} carries {}", carrier, v4);
            }
        }
    }

    #[test]
    fn metadata_is_refused_however_it_is_carried(which in 0_usize..7) {
        let v4: Ipv4Addr = METADATA[which].parse().unwrap();
        for carrier in carriers(v4) {
            prop_assert!(EgressSettings::default().permits("a", carrier.into()).is_err());
        }
    }

    /// One more entry to deny never opens anything.
    #[test]
    fn denying_more_permits_no_more(rules in any_rules(), more in any_net(), address in any_address()) {
        let mut stricter = rules.clone();
        stricter.deny.push(more);
        for namespace in ["shop", "other"] {
            if stricter.permits(namespace, address).is_ok() {
                prop_assert!(rules.permits(namespace, address).is_ok());
            }
        }
    }

    /// Hosts are read as the URL standard reads them, so that no notation is a way round.
    #[test]
    fn every_notation_of_an_address_is_read(bits in any::<u32>(), form in 0_u8..7) {
        let v4 = Ipv4Addr::from_bits(bits);
        let [a, b, c, d] = v4.octets();
        let text = match form {
            0 => v4.to_string(),
            1 => format!("{bits}"),
            2 => format!("0x{bits:x}"),
            3 => format!("0{bits:o}"),
            4 => format!("{a}.{}", bits & 0x00ff_ffff),
            5 => format!("0x{a:X}.0{b:o}.{}", u16::from_be_bytes([c, d])),
            _ => format!("0{a:o}.{b}.0x{c:x}.{d}"),
        };
        prop_assert_eq!(written(&text), Some(v4.into()), "{}", &text);
        let url = url::Url::parse(&format!("http://{text}/")).unwrap();
        prop_assert_eq!(url.host_str().unwrap(), v4.to_string());
    }
}

#[test]
fn the_settings_allow_list_opens_to_providers_and_does_not_limit_them() {
    let rules = with_namespace(
        rules(&["10.0.0.0/8", "169.254.7.7"], &["10.1.0.0/16"]),
        &["192.0.2.0/24"],
        &["192.0.2.128/25"],
    );
    let free = rules.for_providers("other");
    for address in ["203.0.113.1", "10.2.0.1", "169.254.7.7"] {
        assert_eq!(free.permits(ip(address)), Ok(()), "{address}");
    }
    assert_eq!(free.permits(ip("169.254.169.254")), Err(Refusal::Metadata));
    assert_eq!(free.permits(ip("169.254.7.8")), Err(Refusal::LinkLocal));
    assert!(matches!(free.permits(ip("10.1.0.1")), Err(Refusal::Denied(_, Scope::Settings))));
    assert_eq!(free.permits_by_proxy("hooks.example"), Ok(()));
    assert_eq!(free.permits_by_proxy("metadata.google.internal"), Err(Refusal::Metadata));
    assert!(!free.has_own());

    let fenced = rules.for_providers("shop");
    assert_eq!(fenced.permits(ip("192.0.2.1")), Ok(()));
    let not_allowed = Err(Refusal::NotAllowed(Scope::Namespace));
    assert_eq!(fenced.permits(ip("203.0.113.1")), not_allowed);
    assert_eq!(fenced.permits_by_proxy("hooks.example"), not_allowed);
    assert_eq!(fenced.permits(ip("169.254.7.7")), Err(Refusal::LinkLocal), "its own list counts");
    assert!(matches!(fenced.permits(ip("192.0.2.200")), Err(Refusal::Denied(_, Scope::Namespace))));
    assert!(matches!(fenced.permits(ip("10.1.0.1")), Err(Refusal::Denied(_, Scope::Settings))));
    assert!(fenced.has_own());

    let mut broken = rules;
    broken.namespaces.insert("shop".to_owned(), NamespaceEgress::Unreadable);
    let broken = broken.for_providers("shop");
    assert_eq!(broken.permits(ip("203.0.113.1")), Err(Refusal::Unreadable));
    assert_eq!(broken.permits_by_proxy("hooks.example"), Err(Refusal::Unreadable));
    assert!(broken.has_own());
}
