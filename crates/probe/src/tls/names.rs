//! For whom and for what a certificate is.

use std::net::IpAddr;

use rustls::pki_types::ServerName;
use x509_parser::extensions::ExtendedKeyUsage;
use x509_parser::prelude::X509Certificate;

use super::problem::asked;
use super::verifier::Shown;
use crate::words;

/// The name that was asked for is not among the certificate's names.
pub(super) fn mismatch(shown: &Shown<'_>) -> String {
    let asked_name = asked(shown.name);
    let Some(certificate) = shown.facts.map(|facts| &facts.certificate) else {
        return format!("the certificate is not for {asked_name}");
    };
    if certificate.names.is_empty() {
        return format!(
            "the certificate is not for {asked_name}: it has no subject alternative names, and \
             its subject ({}) does not count",
            certificate.subject
        );
    }
    let mut text = format!(
        "the certificate is not for {asked_name}; its names: {}",
        words::list(&certificate.names, 5)
    );
    match shown.name {
        ServerName::DnsName(_) => {
            if let Some(wildcard) = near_wildcard(&asked_name, &certificate.names) {
                for piece in [" (`", wildcard, "` stands for one label, no more and no less)"] {
                    text.push_str(piece);
                }
            }
        }
        _ if certificate.names.iter().all(|name| name.parse::<IpAddr>().is_err()) => {
            text.push_str(" (none of them is an address)");
        }
        _ => {}
    }
    text
}

/// A wildcard that people may have thought to cover the name.
fn near_wildcard<'a>(asked: &str, names: &'a [String]) -> Option<&'a String> {
    let asked = asked.to_ascii_lowercase();
    names.iter().find(|name| {
        name.strip_prefix("*.").is_some_and(|domain| {
            let domain = domain.to_ascii_lowercase();
            asked == domain || asked.ends_with(&format!(".{domain}"))
        })
    })
}

/// Whether a certificate may be a server's: no extended key usage, or one that says so.
pub(super) fn is_for_servers(certificate: &X509Certificate<'_>) -> bool {
    match certificate.extended_key_usage() {
        Ok(None) => true,
        Ok(Some(usage)) => usage.value.any || usage.value.server_auth,
        Err(_) => false,
    }
}

/// A certificate that is meant for something else.
pub(super) fn purposes(certificate: Option<&X509Certificate<'_>>) -> String {
    let usage = certificate.and_then(|it| it.extended_key_usage().ok().flatten());
    let named = usage.map(|usage| named(usage.value)).unwrap_or_default();
    if named.is_empty() {
        return "the certificate is not meant for servers (extended key usage)".to_owned();
    }
    format!(
        "the certificate is not meant for servers; its extended key usage: {}",
        named.join(", ")
    )
}

fn named(usage: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let known = [
        (usage.any, "any"),
        (usage.server_auth, "serverAuth"),
        (usage.client_auth, "clientAuth"),
        (usage.code_signing, "codeSigning"),
        (usage.email_protection, "emailProtection"),
        (usage.time_stamping, "timeStamping"),
        (usage.ocsp_signing, "OCSPSigning"),
    ];
    let known = known.into_iter().filter(|(set, _)| *set).map(|(_, name)| name.to_owned());
    known.chain(usage.other.iter().take(3).map(ToString::to_string)).collect()
}
