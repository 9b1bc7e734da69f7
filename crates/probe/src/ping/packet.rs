//! ICMP echo on the wire (RFC 792, RFC 4443): building requests and reading what comes back. Pure
//! and total: no bytes make it panic.

use std::net::IpAddr;

/// Type, code, checksum, identifier, sequence.
const HEADER: usize = 8;
/// The largest IPv4 header.
pub(crate) const MAX_IP_HEADER: usize = 60;
/// The nonce at the start of each payload, as far as it fits.
pub(crate) const NONCE: usize = 16;

/// The two versions of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V4,
    V6,
}

impl Version {
    pub(crate) const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    const fn echo_request(self) -> u8 {
        match self {
            Self::V4 => 8,
            Self::V6 => 128,
        }
    }

    pub(crate) const fn echo_reply(self) -> u8 {
        match self {
            Self::V4 => 0,
            Self::V6 => 129,
        }
    }

    pub(crate) const fn unreachable(self) -> u8 {
        match self {
            Self::V4 => 3,
            Self::V6 => 1,
        }
    }
}

/// What tells our requests from everybody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Ours on a raw socket; on a datagram socket the kernel puts its own here.
    pub(crate) identifier: u16,
    /// Random, at the start of the payload.
    pub(crate) nonce: [u8; NONCE],
    /// Payload bytes.
    pub(crate) size: usize,
}

impl Identity {
    fn marker(&self) -> &[u8] {
        &self.nonce[..self.size.min(NONCE)]
    }
}

/// The sum of RFC 1071 over `bytes`.
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum & 0xffff).unwrap_or(u16::MAX)
}

/// An echo request. For IPv6 the kernel fills in the checksum.
pub(crate) fn request(version: Version, identity: &Identity, sequence: u16) -> Vec<u8> {
    let mut packet = Vec::with_capacity(HEADER + identity.size);
    packet.extend_from_slice(&[version.echo_request(), 0, 0, 0]);
    packet.extend_from_slice(&identity.identifier.to_be_bytes());
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend(identity.nonce.iter().cycle().take(identity.size));
    if version == Version::V4 {
        let sum = checksum(&packet).to_be_bytes();
        packet[2..4].copy_from_slice(&sum);
    }
    packet
}

/// What a packet means for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The reply to our request with this sequence number.
    Reply(u16),
    /// Somebody on the way says that our request cannot get there, with the code why.
    Unreachable { sequence: u16, code: u8 },
}

/// Reads a packet; `None` is none of ours. `raw` sockets show everybody's packets, and IPv4 ones
/// show the IP header too.
pub(crate) fn read(
    version: Version,
    raw: bool,
    identity: &Identity,
    bytes: &[u8],
) -> Option<Event> {
    let icmp = if raw && version == Version::V4 { after_ip_header(bytes)? } else { bytes };
    let (kind, code) = (*icmp.first()?, *icmp.get(1)?);
    if kind == version.echo_reply() {
        let (identifier, sequence, payload) = echo(icmp)?;
        let ours = (!raw || identifier == identity.identifier)
            && payload.len() >= identity.marker().len()
            && payload.starts_with(identity.marker());
        return ours.then_some(Event::Reply(sequence));
    }
    if raw && kind == version.unreachable() {
        return unreachable_in(version, identity, icmp.get(HEADER..)?, code);
    }
    None
}

/// The request that an error message quotes: an IP header and at least eight bytes after it.
fn unreachable_in(version: Version, identity: &Identity, quoted: &[u8], code: u8) -> Option<Event> {
    let icmp = match version {
        Version::V4 => after_ip_header(quoted)?,
        Version::V6 => quoted.get(40..)?,
    };
    let (identifier, sequence, payload) = echo(icmp)?;
    let marker = identity.marker();
    let quoted = payload.len().min(marker.len());
    let ours = icmp[0] == version.echo_request()
        && identifier == identity.identifier
        && payload[..quoted] == marker[..quoted];
    ours.then_some(Event::Unreachable { sequence, code })
}

/// The time to live in the IP header (RFC 791, 3.1), which only raw IPv4 sockets show.
pub(crate) fn hop_limit(version: Version, raw: bool, bytes: &[u8]) -> Option<u8> {
    (raw && version == Version::V4).then(|| bytes.get(8).copied())?
}

fn after_ip_header(bytes: &[u8]) -> Option<&[u8]> {
    let words = usize::from(*bytes.first()? & 0x0f);
    (words >= 5).then(|| bytes.get(words * 4..))?
}

fn echo(icmp: &[u8]) -> Option<(u16, u16, &[u8])> {
    let header: &[u8; HEADER] = icmp.first_chunk()?;
    Some((
        u16::from_be_bytes([header[4], header[5]]),
        u16::from_be_bytes([header[6], header[7]]),
        &icmp[HEADER..],
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn identity(size: usize) -> Identity {
        Identity { identifier: 0x1234, nonce: *b"0123456789abcdef", size }
    }

    fn reply_to(version: Version, mut packet: Vec<u8>) -> Vec<u8> {
        packet[0] = version.echo_reply();
        packet
    }

    fn with_ip_header(packet: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x45];
        bytes.resize(20, 0);
        bytes.extend_from_slice(packet);
        bytes
    }

    #[test]
    fn the_sum_is_that_of_rfc_1071() {
        // The example of RFC 1071, section 3.
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&bytes), !0xddf2);
        assert_eq!(checksum(&[]), 0xffff);
    }

    #[test]
    fn our_own_request_seen_on_loop_back_is_no_reply() {
        let identity = identity(56);
        let request = with_ip_header(&request(Version::V4, &identity, 1));
        assert_eq!(read(Version::V4, true, &identity, &request), None);
    }

    #[test]
    fn another_identifier_or_nonce_is_not_ours() {
        let ours = identity(56);
        let reply = |of: &Identity| reply_to(Version::V6, request(Version::V6, of, 3));
        let other_id = Identity { identifier: 9, ..ours.clone() };
        let other_nonce = Identity { nonce: [7; NONCE], ..ours.clone() };
        assert_eq!(read(Version::V6, true, &ours, &reply(&other_id)), None);
        assert_eq!(
            read(Version::V6, false, &ours, &reply(&other_id)),
            Some(Event::Reply(3)),
            "the kernel has its own identifier on datagram sockets"
        );
        assert_eq!(read(Version::V6, true, &ours, &reply(&other_nonce)), None);
        assert_eq!(read(Version::V6, false, &ours, &reply(&other_nonce)), None);
    }

    #[test]
    fn an_error_that_quotes_our_request_is_ours() {
        let identity = identity(56);
        let sent = request(Version::V4, &identity, 5);
        let mut error = vec![3, 1, 0, 0, 0, 0, 0, 0];
        error.extend(with_ip_header(&sent[..8]));
        let packet = with_ip_header(&error);
        assert_eq!(
            read(Version::V4, true, &identity, &packet),
            Some(Event::Unreachable { sequence: 5, code: 1 })
        );
        let other = Identity { identifier: 1, ..identity };
        assert_eq!(read(Version::V4, true, &other, &packet), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_survived(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            size in 0usize..64,
            raw in any::<bool>(),
        ) {
            for version in [Version::V4, Version::V6] {
                read(version, raw, &identity(size), &bytes);
            }
        }

        #[test]
        fn nearly_right_packets_are_survived(
            sequence in any::<u16>(),
            cut in 0usize..120,
            flip in 0usize..120,
            to in any::<u8>(),
        ) {
            let identity = identity(56);
            let mut packet = with_ip_header(&reply_to(
                Version::V4,
                request(Version::V4, &identity, sequence),
            ));
            if let Some(byte) = packet.get_mut(flip) {
                *byte = to;
            }
            packet.truncate(cut);
            read(Version::V4, true, &identity, &packet);
        }

        #[test]
        fn a_reply_reads_back(sequence in any::<u16>(), size in 0usize..2000, raw in any::<bool>()) {
            let identity = identity(size);
            for version in [Version::V4, Version::V6] {
                let mut packet = reply_to(version, request(version, &identity, sequence));
                if raw && version == Version::V4 {
                    packet = with_ip_header(&packet);
                }
                prop_assert_eq!(
                    read(version, raw, &identity, &packet),
                    Some(Event::Reply(sequence))
                );
            }
        }

        /// With the sum in place the whole sums up to zero, whatever the payload.
        #[test]
        fn requests_carry_a_right_sum(nonce in any::<[u8; NONCE]>(), sequence in any::<u16>(), size in 0usize..300) {
            let identity = Identity { identifier: 77, nonce, size };
            prop_assert_eq!(checksum(&request(Version::V4, &identity, sequence)), 0);
        }
    }
}
