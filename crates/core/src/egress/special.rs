//! Addresses and names that are refused unless somebody says otherwise.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Why an address is special.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    /// Reaches only hosts of the same link (RFC 3927, RFC 4291).
    LinkLocal,
    /// A cloud's metadata service, which hands credentials to whoever asks from this host.
    Metadata,
}

const LINK_LOCAL_V4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16);
const LINK_LOCAL_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10);

/// Most clouds; ECS tasks and EKS pods; Tencent.
const METADATA_IN_LINK_LOCAL: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(169, 254, 0, 23),
];
/// Alibaba; Azure's host; Oracle.
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];
/// AWS instances and pods; Google.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254),
];
/// Names under which clouds serve their metadata.
const METADATA_NAMES: [&str; 7] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.azure.internal",
    "metadata.tencentyun.com",
    "instance-data",
    "instance-data.ec2.internal",
];

/// What is special about an address, and the network that an allow list has to name a part of to
/// permit it: an entry such as `0.0.0.0/0` is not meant for these.
pub(super) fn special(address: IpAddr) -> Option<(IpNet, Special)> {
    match address {
        IpAddr::V4(v4) if LINK_LOCAL_V4.contains(&v4) => {
            let kind = if METADATA_IN_LINK_LOCAL.contains(&v4) {
                Special::Metadata
            } else {
                Special::LinkLocal
            };
            Some((LINK_LOCAL_V4.into(), kind))
        }
        IpAddr::V6(v6) if LINK_LOCAL_V6.contains(&v6) => {
            Some((LINK_LOCAL_V6.into(), Special::LinkLocal))
        }
        IpAddr::V4(v4) => {
            METADATA_V4.contains(&v4).then(|| (IpNet::from(address), Special::Metadata))
        }
        IpAddr::V6(v6) => {
            METADATA_V6.contains(&v6).then(|| (IpNet::from(address), Special::Metadata))
        }
    }
}

/// Whether a cloud serves its metadata under this name.
pub fn is_metadata_name(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    METADATA_NAMES.iter().any(|name| name.eq_ignore_ascii_case(host))
}
