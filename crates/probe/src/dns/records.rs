//! Records in presentation form, and what is expected of them.

use std::collections::HashSet;
use std::net::IpAddr;

use hickory_proto::rr::{Name, RData, RecordType as WireType};
use kuma_core::check::{MatchMode, RecordType};

/// The number on the wire.
pub(crate) const fn wire_type(record_type: RecordType) -> WireType {
    match record_type {
        RecordType::A => WireType::A,
        RecordType::Aaaa => WireType::AAAA,
        RecordType::Caa => WireType::CAA,
        RecordType::Cname => WireType::CNAME,
        RecordType::Mx => WireType::MX,
        RecordType::Ns => WireType::NS,
        RecordType::Ptr => WireType::PTR,
        RecordType::Soa => WireType::SOA,
        RecordType::Srv => WireType::SRV,
        RecordType::Txt => WireType::TXT,
    }
}

/// A record's data as people write it: names without the last dot, the strings of a TXT joined,
/// nothing that could upset a terminal.
pub(crate) fn presented(data: &RData) -> String {
    match data {
        RData::A(address) => address.0.to_string(),
        RData::AAAA(address) => address.0.to_string(),
        RData::CNAME(name) => host(&name.0),
        RData::NS(name) => host(&name.0),
        RData::PTR(name) => host(&name.0),
        RData::MX(mx) => format!("{} {}", mx.preference, host(&mx.exchange)),
        RData::SRV(srv) => {
            format!("{} {} {} {}", srv.priority, srv.weight, srv.port, host(&srv.target))
        }
        RData::SOA(soa) => format!(
            "{} {} {} {} {} {} {}",
            host(&soa.mname),
            host(&soa.rname),
            soa.serial,
            soa.refresh,
            soa.retry,
            soa.expire,
            soa.minimum
        ),
        RData::CAA(caa) => format!(
            "{} {} \"{}\"",
            caa.flags(),
            printable(caa.tag.as_bytes()),
            printable(&caa.value)
        ),
        RData::TXT(txt) => printable(&txt.txt_data.concat()),
        other => printable(other.to_string().as_bytes()),
    }
}

fn host(name: &Name) -> String {
    let text = name.to_ascii();
    match text.strip_suffix('.') {
        Some("") | None => text,
        Some(without_dot) => without_dot.to_owned(),
    }
}

/// Text with what is not printable replaced.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// A value in the form in which two values are compared.
fn comparable(text: &str, record_type: RecordType) -> String {
    match record_type {
        RecordType::Txt => unquoted(text).to_lowercase().trim_end_matches('.').to_owned(),
        RecordType::A | RecordType::Aaaa => match text.trim().parse::<IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => text.trim().to_lowercase(),
        },
        _ => {
            let words: Vec<_> = text
                .split_whitespace()
                .map(|word| {
                    let word = word.trim_matches('"');
                    word.strip_suffix('.').filter(|rest| !rest.is_empty()).unwrap_or(word)
                })
                .collect();
            words.join(" ").to_lowercase()
        }
    }
}

/// The strings of a quoted TXT value joined; any other text as it is.
fn unquoted(text: &str) -> String {
    let trimmed = text.trim();
    let quoted = trimmed.len() >= 2 && trimmed.starts_with('"') && trimmed.ends_with('"');
    if !quoted {
        return trimmed.to_owned();
    }
    // Every second piece lies between the strings.
    trimmed.split('"').skip(1).step_by(2).collect()
}

/// Why an answer is not what is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// Expected, but not there.
    Missing(Vec<String>),
    /// None of the expected is there.
    NoneOf(Vec<String>),
    /// There, but not expected.
    Surplus(Vec<String>),
}

/// Compares what came with what is expected; both in presentation form.
pub(crate) fn compare(
    answers: &[String],
    expected: &[String],
    mode: MatchMode,
    record_type: RecordType,
) -> Result<(), Mismatch> {
    if expected.is_empty() {
        return Ok(());
    }
    let set = |values: &[String]| -> HashSet<String> {
        values.iter().map(|value| comparable(value, record_type)).collect()
    };
    let (here, wanted) = (set(answers), set(expected));
    let without = |values: &[String], other: &HashSet<String>| -> Vec<String> {
        values
            .iter()
            .filter(|value| !other.contains(&comparable(value, record_type)))
            .cloned()
            .collect()
    };
    let missing = without(expected, &here);
    match mode {
        MatchMode::Any if missing.len() == expected.len() => {
            Err(Mismatch::NoneOf(expected.to_vec()))
        }
        MatchMode::All | MatchMode::Exact if !missing.is_empty() => Err(Mismatch::Missing(missing)),
        MatchMode::Any | MatchMode::All => Ok(()),
        MatchMode::Exact => {
            let surplus = without(answers, &wanted);
            if surplus.is_empty() { Ok(()) } else { Err(Mismatch::Surplus(surplus)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::rdata::{CAA, MX, SOA, SRV, TXT};
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn strings(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    fn matches(record_type: RecordType, answer: &str, expected: &str) -> bool {
        compare(&strings(&[answer]), &strings(&[expected]), MatchMode::Exact, record_type).is_ok()
    }

    #[test]
    fn every_type_reads_as_in_a_zone_file() {
        let soa = SOA::new(name("ns1.example."), name("admin.example."), 7, 3600, 600, 86400, 60);
        let shown: Vec<String> = [
            RData::MX(MX::new(10, name("Mail.example.com."))),
            RData::MX(MX::new(0, Name::root())),
            RData::SRV(SRV::new(1, 2, 5060, name("sip.example."))),
            RData::SOA(soa),
            RData::TXT(TXT::new(strings(&["v=spf1 ", "-all\u{1b}[2J"]))),
            RData::CAA(CAA::new_issue(false, Some(name("ca.example")), vec![])),
        ]
        .iter()
        .map(presented)
        .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        10 Mail.example.com
        0 .
        1 2 5060 sip.example
        ns1.example admin.example 7 3600 600 86400 60
        v=spf1 -all�[2J
        0 issue "ca.example"
        "#);
    }

    #[test]
    fn values_are_compared_without_case_dots_and_quotes() {
        use RecordType::{Aaaa, Caa, Cname, Mx, Soa, Txt};
        assert!(matches(Cname, "Web.Example.com", "web.example.COM."));
        assert!(matches(Mx, "10 mail.example.com", "10  Mail.example.com."));
        assert!(!matches(Mx, "10 mail.example.com", "20 mail.example.com"));
        assert!(matches(Aaaa, "2001:db8::1", "2001:DB8:0:0::1"));
        assert!(matches(Txt, "v=spf1 -all", "\"v=spf1 \" \"-all\""));
        assert!(matches(Txt, "v=spf1 -all", "V=SPF1 -all"));
        assert!(!matches(Txt, "a  b", "a b"), "space within a text matters");
        assert!(matches(Caa, "0 issue \"ca.example\"", "0 issue ca.example"));
        assert!(matches(
            Soa,
            "ns1.example a.example 7 1 1 1 1",
            "ns1.example. a.example. 7 1 1 1 1"
        ));
        assert!(!matches(Mx, "0 .", "0 mail.example"));
    }

    #[test]
    fn modes_say_what_may_be_missing_and_what_may_be_more() {
        use MatchMode::{All, Any, Exact};
        let here = strings(&["10.0.0.1", "10.0.0.2"]);
        let compare =
            |expected: &[&str], mode| compare(&here, &strings(expected), mode, RecordType::A);
        assert_eq!(compare(&["10.0.0.2"], All), Ok(()));
        assert_eq!(
            compare(&["10.0.0.2", "10.0.0.9"], All),
            Err(Mismatch::Missing(strings(&["10.0.0.9"])))
        );
        assert_eq!(compare(&["10.0.0.9", "10.0.0.1"], Any), Ok(()));
        assert_eq!(compare(&["10.0.0.9"], Any), Err(Mismatch::NoneOf(strings(&["10.0.0.9"]))));
        assert_eq!(compare(&["10.0.0.2", "10.0.0.1"], Exact), Ok(()));
        assert_eq!(compare(&["10.0.0.2"], Exact), Err(Mismatch::Surplus(strings(&["10.0.0.1"]))));
        assert_eq!(compare(&[], Exact), Ok(()), "nothing expected, nothing compared");
    }

    proptest! {
        #[test]
        fn a_value_always_matches_itself(text in "\\PC{0,80}") {
            for record_type in [RecordType::Txt, RecordType::Mx, RecordType::A, RecordType::Caa] {
                prop_assert!(matches(record_type, &text, &text));
            }
        }

        #[test]
        fn shown_text_has_no_control_characters(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let shown = presented(&RData::TXT(TXT::from_bytes(vec![&bytes[..]])));
            prop_assert!(!shown.chars().any(char::is_control));
        }
    }
}
