//! What a handshake settled on and whom the leaf names, in the words that Prometheus users know
//! from Go: names as RFC 2253 writes them.

use kuma_core::particulars::TlsParticulars;
use rustls::{ClientConnection, ProtocolVersion};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

/// The attributes with a short name, in the order in which a name is written, by the last
/// part of `2.5.4.…`.
const KNOWN: [(u64, &str); 9] = [
    (5, "SERIALNUMBER"),
    (3, "CN"),
    (17, "POSTALCODE"),
    (9, "STREET"),
    (8, "ST"),
    (7, "L"),
    (11, "OU"),
    (10, "O"),
    (6, "C"),
];

/// None before the handshake is done.
pub(super) fn of(connection: &ClientConnection) -> Option<TlsParticulars> {
    let leaf = connection.peer_certificates()?.first()?;
    let version = match connection.protocol_version()? {
        ProtocolVersion::TLSv1_2 => "TLS 1.2",
        ProtocolVersion::TLSv1_3 => "TLS 1.3",
        _ => "unknown",
    };
    let suite = connection.negotiated_cipher_suite()?.suite();
    // rustls writes TLS13_AES_…; IANA and Go write TLS_AES_….
    let cipher = format!("{suite:?}").replacen("TLS13_", "TLS_", 1);
    let mut seen =
        TlsParticulars { version: version.to_owned(), cipher, ..TlsParticulars::default() };
    if let Ok((_, certificate)) = X509Certificate::from_der(leaf) {
        seen.subject = name(certificate.subject());
        seen.issuer = name(certificate.issuer());
        if let Ok(Some(names)) = certificate.subject_alternative_name() {
            let dns = names.value.general_names.iter().filter_map(|name| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                _ => None,
            });
            seen.dns_names = dns.collect();
        }
    }
    Some(seen)
}

/// `CN=a,O=b,C=c`; values of one attribute are joined by `+`. Attributes without a short name are
/// left out.
fn name(name: &X509Name<'_>) -> String {
    let mut parts = Vec::new();
    for (number, short) in KNOWN {
        let values: Vec<String> = name
            .iter_attributes()
            .filter(|attribute| {
                attribute.attr_type().iter().is_some_and(|arcs| arcs.eq([2, 5, 4, number]))
            })
            .filter_map(|attribute| Some(format!("{short}={}", escaped(attribute.as_str().ok()?))))
            .collect();
        if !values.is_empty() {
            parts.push(values.join("+"));
        }
    }
    parts.join(",")
}

/// RFC 2253, section 2.4.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, c) in value.chars().enumerate() {
        let special = matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || (c == '#' && at == 0)
            || (c == ' ' && (at == 0 || at == last));
        if special {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_escaped_where_they_are_special() {
        for (value, written) in
            [("plain", "plain"), ("a, b", "a\\, b"), (" a#", "\\ a#"), ("#a ", "\\#a\\ ")]
        {
            assert_eq!(escaped(value), written);
        }
    }

    #[test]
    fn names_are_written_from_the_most_specific_part() {
        use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "CH");
        params.distinguished_name.push(DnType::OrganizationName, "Ours, Inc.");
        params.distinguished_name.push(DnType::CommonName, "a.example");
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let (_, certificate) = X509Certificate::from_der(made.der()).unwrap();
        assert_eq!(name(certificate.subject()), "CN=a.example,O=Ours\\, Inc.,C=CH");
    }
}
