//! What an attempt saw, under the names that blackbox_exporter gives it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use kuma_core::check::Check;
use kuma_core::observation::{Observation, Outcome};
use kuma_core::particulars::{HttpParticulars, Particulars};
use kuma_core::reason::Reason;

/// What Go's zero time is in seconds: said of a chain that was not verified.
const NO_CHAIN: f64 = -62_135_596_800.0;

/// An attempt and how long it took.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// How it was asked.
    pub check: &'a Check,
    /// What came of it.
    pub observation: &'a Observation,
    /// What else was seen.
    pub particulars: &'a Particulars,
    /// From the request to here.
    pub took: Duration,
    /// How long it might have taken.
    pub timeout: Duration,
}

/// Renders the classic text format.
pub fn render(seen: Seen<'_>) -> String {
    let mut text = Families::default();
    let success = seen.observation.outcome == Outcome::Success;
    text.gauge("probe_success", "1 if the target answered as asked", flag(success));
    text.gauge("probe_duration_seconds", "Time of the whole probe", seen.took.as_secs_f64());
    let help = "Time that the probe might have taken";
    text.gauge("probe_timeout_seconds", help, seen.timeout.as_secs_f64());
    address(&mut text, seen);
    match seen.check {
        Check::Http(_) | Check::Keyword(_) | Check::JsonQuery(_) => http(&mut text, seen),
        Check::Tcp(_) | Check::Tls(_) => tcp(&mut text, seen),
        Check::Dns(_) => dns(&mut text, seen),
        Check::Ping(_) => icmp(&mut text, seen),
        _ => {}
    }
    text.finish()
}

/// Which address was asked, and how long its name took.
fn address(text: &mut Families, seen: Seen<'_>) {
    let resolve = seconds(seen.observation.phases.resolve);
    text.gauge("probe_dns_lookup_time_seconds", "Time from the name to its address", resolve);
    let peer = seen.particulars.first_peer.or(seen.observation.peer);
    let version = peer.map_or(0.0, |ip| if ip.is_ipv4() { 4.0 } else { 6.0 });
    text.gauge("probe_ip_protocol", "Version of IP that was used, 4 or 6", version);
    let hash = peer.map_or(0.0, |ip| f64::from(fnv32a(ip)));
    text.gauge("probe_ip_addr_hash", "Hash of the address; changes when the address does", hash);
}

/// FNV-1a with 32 bits over the address's bytes.
fn fnv32a(ip: IpAddr) -> u32 {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.octets().iter().fold(0x811c_9dc5, step),
        IpAddr::V6(ip) => ip.octets().iter().fold(0x811c_9dc5, step),
    }
}

fn http(text: &mut Families, seen: Seen<'_>) {
    let phases = &seen.observation.phases;
    let mut named = vec![("resolve", phases.resolve)];
    if seen.observation.peer.is_some() {
        named.extend([
            ("connect", phases.connect),
            ("tls", phases.tls),
            ("processing", phases.first_byte),
            ("transfer", phases.transfer),
        ]);
    }
    let help = "Time of each phase, summed over redirects";
    text.phases("probe_http_duration_seconds", help, &named);
    let nothing = HttpParticulars { content_length: Some(0), ..HttpParticulars::default() };
    let answer = seen.particulars.http.as_ref().unwrap_or(&nothing);
    let length = answer.content_length.map_or(-1.0, |bytes| bytes as f64);
    text.gauge("probe_http_content_length", "Length in the header, -1 without one", length);
    let help = "Bytes of the body after decompression";
    text.gauge("probe_http_uncompressed_body_length", help, answer.body_bytes as f64);
    text.gauge("probe_http_redirects", "Redirects met", f64::from(answer.redirects));
    text.gauge("probe_http_ssl", "1 if the last request went over TLS", flag(answer.https));
    text.gauge("probe_http_status_code", "Status of the last answer", f64::from(answer.status));
    let (major, minor) = answer.version;
    let version = f64::from(major) + f64::from(minor) / 10.0;
    text.gauge("probe_http_version", "Version of HTTP of the last answer", version);
    let mismatch = failed_for(seen, &[Reason::BodyMismatch, Reason::HttpHeader]);
    text.gauge("probe_failed_due_to_regex", "1 if what came does not match", flag(mismatch));
    if let Some(at) = answer.last_modified {
        let help = "When the page was changed last, in seconds since the epoch";
        text.gauge("probe_http_last_modified_timestamp_seconds", help, at.as_second() as f64);
    }
    if tls(text, seen)
        && let Some(tls) = &seen.particulars.tls
    {
        let labels = vec![("cipher", tls.cipher.as_str())];
        text.add("probe_tls_cipher_info", "The cipher suite", labels, 1.0);
    }
}

fn tcp(text: &mut Families, seen: Seen<'_>) {
    let conversed = matches!(seen.check, Check::Tcp(check)
        if check.expect.is_some() || check.banner_contains.is_some());
    let reached = seen.observation.phases.first_byte.is_some();
    let mismatch = failed_for(seen, &[Reason::TcpMismatch])
        || (conversed && reached && failed_for(seen, &[Reason::ConnectionClosed]));
    text.gauge("probe_failed_due_to_regex", "1 if what came does not match", flag(mismatch));
    tls(text, seen);
}

/// The certificate, if there was a handshake; says whether there was.
fn tls(text: &mut Families, seen: Seen<'_>) -> bool {
    let (Some(tls), Some(certificate)) = (&seen.particulars.tls, &seen.observation.certificate)
    else {
        return false;
    };
    let earliest = certificate.chain_expires_at.as_second() as f64;
    let help = "When the first certificate of the chain as sent expires";
    text.gauge("probe_ssl_earliest_cert_expiry", help, earliest);
    let last = if certificate.valid { earliest } else { NO_CHAIN };
    let help = "When the verified chain expires; the year 1 if it was not verified";
    text.gauge("probe_ssl_last_chain_expiry_timestamp_seconds", help, last);
    let names = tls.dns_names.join(",");
    let labels = vec![
        ("fingerprint_sha256", certificate.fingerprint.as_str()),
        ("issuer", tls.issuer.as_str()),
        ("serialnumber", without_zeros(&certificate.serial)),
        ("subject", tls.subject.as_str()),
        ("subjectalternative", names.as_str()),
    ];
    text.add("probe_ssl_last_chain_info", "The leaf certificate", labels, 1.0);
    let labels = vec![("version", tls.version.as_str())];
    text.add("probe_tls_version_info", "The version of TLS", labels, 1.0);
    true
}

/// A serial number without the zero bytes that only carry its sign.
fn without_zeros(mut serial: &str) -> &str {
    while let Some(rest) = serial.strip_prefix("00") {
        serial = rest;
    }
    serial
}

fn dns(text: &mut Families, seen: Seen<'_>) {
    let phases = &seen.observation.phases;
    let named =
        [("resolve", phases.resolve), ("connect", phases.connect), ("request", phases.first_byte)];
    text.phases("probe_dns_duration_seconds", "Time of each phase", &named);
    let answer = seen.particulars.dns.unwrap_or_default();
    let asked = seen.particulars.dns.is_some();
    text.gauge("probe_dns_answer_rrs", "Records in the answer section", answer.answers as f64);
    let help = "Records in the authority section";
    text.gauge("probe_dns_authority_rrs", help, answer.authorities as f64);
    let help = "Records in the additional section";
    text.gauge("probe_dns_additional_rrs", help, answer.additionals as f64);
    text.gauge("probe_dns_query_succeeded", "1 if an answer came", flag(asked));
    let asks_soa = matches!(seen.check, Check::Dns(check)
        if check.record_type == kuma_core::check::RecordType::Soa);
    if asks_soa && asked {
        let serial = f64::from(answer.serial.unwrap_or(0));
        text.gauge("probe_dns_serial", "Serial number of the zone", serial);
    }
}

fn icmp(text: &mut Families, seen: Seen<'_>) {
    let phases = &seen.observation.phases;
    let icmp = seen.particulars.icmp.unwrap_or_default();
    let setup = kuma_core::observation::micros(icmp.setup);
    let named = [("resolve", phases.resolve), ("setup", Some(setup)), ("rtt", phases.first_byte)];
    text.phases("probe_icmp_duration_seconds", "Time of each phase", &named);
    if let Some(limit) = icmp.hop_limit {
        let help = "Time to live of the reply";
        text.gauge("probe_icmp_reply_hop_limit", help, f64::from(limit));
    }
}

fn failed_for(seen: Seen<'_>, reasons: &[Reason]) -> bool {
    matches!(seen.observation.outcome, Outcome::Failure(reason) if reasons.contains(&reason))
}

fn flag(set: bool) -> f64 {
    f64::from(u8::from(set))
}

fn seconds(micros: Option<u32>) -> f64 {
    f64::from(micros.unwrap_or(0)) / 1e6
}

#[derive(Default)]
struct Families(BTreeMap<&'static str, (&'static str, Vec<String>)>);

impl Families {
    fn gauge(&mut self, name: &'static str, help: &'static str, value: f64) {
        self.add(name, help, Vec::new(), value);
    }

    fn phases(&mut self, name: &'static str, help: &'static str, phases: &[(&str, Option<u32>)]) {
        for (phase, micros) in phases {
            self.add(name, help, vec![("phase", phase)], seconds(*micros));
        }
    }

    fn add(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: Vec<(&str, &str)>,
        value: f64,
    ) {
        let labels: Vec<String> = labels
            .into_iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        let braced =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let (_, lines) = self.0.entry(name).or_insert_with(|| (help, Vec::new()));
        lines.push(format!("{name}{braced} {value}"));
    }

    fn finish(self) -> String {
        let mut text = String::new();
        for (name, (help, lines)) in self.0 {
            // Writing into a string does not fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
            for line in lines {
                text.push_str(&line);
                text.push('\n');
            }
        }
        text
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_the_hash_that_blackbox_exporter_gives_them() {
        assert_eq!(fnv32a("127.0.0.1".parse().unwrap()), 3_668_918_509);
        assert_eq!(fnv32a("::ffff:127.0.0.1".parse().unwrap()), 3_668_918_509);
    }

    #[test]
    fn labels_are_escaped_and_families_are_in_order() {
        let mut text = Families::default();
        text.gauge("probe_b", "Second", 1.0);
        text.add("probe_a", "First", vec![("x", "a\"b\\c\nd")], 0.5);
        assert_eq!(
            text.finish(),
            "# HELP probe_a First\n# TYPE probe_a gauge\nprobe_a{x=\"a\\\"b\\\\c\\nd\"} 0.5\n\
             # HELP probe_b Second\n# TYPE probe_b gauge\nprobe_b 1\n"
        );
        assert_eq!(without_zeros("00ab00"), "ab00");
    }
}
