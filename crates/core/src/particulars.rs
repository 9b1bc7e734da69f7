//! What one attempt saw beyond its [`Observation`]: numbers for a caller that asked for this one
//! attempt and shows them at once (`/probe`). Nothing of it is stored or decides anything, and
//! ordinary runs do not collect it.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::monitor::Monitor;
use crate::observation::Observation;
use crate::settings::Settings;
use crate::time::Timestamp;

/// What was seen, as far as the check came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Particulars {
    /// The address asked first, before any redirect.
    pub first_peer: Option<IpAddr>,
    /// Of the last HTTP answer.
    pub http: Option<HttpParticulars>,
    /// Of the last TLS handshake that succeeded.
    pub tls: Option<TlsParticulars>,
    /// Of a DNS answer.
    pub dns: Option<DnsParticulars>,
    /// Of ICMP echo.
    pub icmp: Option<IcmpParticulars>,
}

/// Of an HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpParticulars {
    /// Status code.
    pub status: u16,
    /// Major and minor version.
    pub version: (u8, u8),
    /// What `Content-Length` says; none where there is no such header.
    pub content_length: Option<u64>,
    /// Bytes of the body that were read.
    pub body_bytes: u64,
    /// Redirects met, one that was not followed included.
    pub redirects: u32,
    /// Whether the last request went over TLS.
    pub https: bool,
    /// `Last-Modified`, if it can be read.
    pub last_modified: Option<Timestamp>,
}

/// Of a TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsParticulars {
    /// `TLS 1.3`.
    pub version: String,
    /// The suite by its IANA name.
    pub cipher: String,
    /// The leaf's subject as RFC 2253 writes it.
    pub subject: String,
    /// The leaf's issuer as RFC 2253 writes it.
    pub issuer: String,
    /// The leaf's DNS names, in order.
    pub dns_names: Vec<String>,
}

/// Of a DNS answer: records by section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DnsParticulars {
    /// Answer section.
    pub answers: usize,
    /// Authority section.
    pub authorities: usize,
    /// Additional section, without the EDNS pseudo-record.
    pub additionals: usize,
    /// Serial number of the first SOA record in the answer.
    pub serial: Option<u32>,
}

/// Of ICMP echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IcmpParticulars {
    /// Until the first request was sent, without resolving the name.
    pub setup: Duration,
    /// Time to live of the last reply, where the kernel shows it (raw IPv4 sockets).
    pub hop_limit: Option<u8>,
}

/// Port: one attempt now, with everything that was seen.
pub trait Examiner: Send + Sync {
    /// Asks once, within `timeout`. Nothing of it reaches the engine or the store.
    fn examine<'a>(
        &'a self,
        monitor: &'a Monitor,
        settings: &'a Settings,
        timeout: Duration,
    ) -> BoxFuture<'a, (Observation, Particulars)>;
}

/// Reads a date as HTTP writes it (RFC 9110, 5.6.7, the form in use): `Sun, 06 Nov 1994 08:49:37
/// GMT`.
pub fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_http_are_read() {
        let read = http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(read.as_second(), 784_111_777);
        assert_eq!(http_date("yesterday"), None);
    }
}
