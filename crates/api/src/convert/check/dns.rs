//! `dns`.

use kuma_core::check::{Check, DnsCheck, DnsProtocol, MatchMode, Rcode, RecordType};
use kuma_core::object::Problem;

use super::{Context, Part, missing, tls_options};
use crate::kinds::monitor::{DnsMatch, DnsProtocolSpec, RcodeSpec, RecordTypeSpec};

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let Some(target) = &part.target.dns else {
        missing(context, part, "dns");
        return None;
    };
    let at = part.path("dns");
    if !is_domain(&target.domain) {
        context.push(
            Problem::semantic(format!("{at}.domain"), "this is not a domain name")
                .with_value(&target.domain)
                .with_fix("write it as www.example.com, without scheme and path"),
        );
    }
    if let Some(server) = &target.server {
        context.host_port(&format!("{at}.server"), server, true);
    }
    let criteria = part.criteria.dns.clone().unwrap_or_default();
    let check = DnsCheck {
        domain: target.domain.clone(),
        record_type: target.record_type.map_or(RecordType::A, record_type),
        server: target.server.clone(),
        protocol: match target.protocol {
            Some(DnsProtocolSpec::Udp) | None => DnsProtocol::Udp,
            Some(DnsProtocolSpec::Tcp) => DnsProtocol::Tcp,
            Some(DnsProtocolSpec::Tls) => {
                let tls = target.tls.clone().unwrap_or_default();
                DnsProtocol::Tls(Box::new(tls_options(context, &format!("{at}.tls"), &tls)))
            }
        },
        expected: target.expected.clone().unwrap_or_default(),
        match_mode: target.match_.map_or(MatchMode::All, match_mode),
        rcode: target.rcode.map_or(Rcode::Noerror, rcode),
        must_resolve: criteria.must_resolve.unwrap_or(true),
    };
    if check.rcode != Rcode::Noerror && !check.expected.is_empty() {
        context.warning(
            format!("{at}.expected"),
            "an answer with an error code holds no records, so this cannot match",
        );
    }
    Some(Check::Dns(Box::new(check)))
}

fn is_domain(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    text == "."
        || (!name.is_empty()
            && name.split('.').all(|label| {
                !label.is_empty()
                    && label.len() <= 63
                    && !label.contains([' ', '/', ':', '@', '\t', '\n'])
            }))
}

const fn record_type(spec: RecordTypeSpec) -> RecordType {
    match spec {
        RecordTypeSpec::A => RecordType::A,
        RecordTypeSpec::Aaaa => RecordType::Aaaa,
        RecordTypeSpec::Caa => RecordType::Caa,
        RecordTypeSpec::Cname => RecordType::Cname,
        RecordTypeSpec::Mx => RecordType::Mx,
        RecordTypeSpec::Ns => RecordType::Ns,
        RecordTypeSpec::Ptr => RecordType::Ptr,
        RecordTypeSpec::Soa => RecordType::Soa,
        RecordTypeSpec::Srv => RecordType::Srv,
        RecordTypeSpec::Txt => RecordType::Txt,
    }
}

const fn match_mode(spec: DnsMatch) -> MatchMode {
    match spec {
        DnsMatch::Any => MatchMode::Any,
        DnsMatch::All => MatchMode::All,
        DnsMatch::Exact => MatchMode::Exact,
    }
}

const fn rcode(spec: RcodeSpec) -> Rcode {
    match spec {
        RcodeSpec::Noerror => Rcode::Noerror,
        RcodeSpec::Formerr => Rcode::Formerr,
        RcodeSpec::Servfail => Rcode::Servfail,
        RcodeSpec::Nxdomain => Rcode::Nxdomain,
        RcodeSpec::Notimp => Rcode::Notimp,
        RcodeSpec::Refused => Rcode::Refused,
    }
}
