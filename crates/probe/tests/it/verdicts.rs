//! Certificates and the verdicts that a person would call right on them, with the words that say
//! what to mend.

use kuma_core::check::HttpCheck;
use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::Reason;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};

use crate::fixture::World;
use crate::fixture::authority::{Identity, NOW, Years, server};
use crate::fixture::monitor::{get, http};
use crate::fixture::server::{Reply, Server};

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn params(common_name: &str, names: &[&str], years: Years) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

fn authority(name: &str, years: Years) -> CertificateParams {
    let mut params = params(name, &[], years);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

fn root(years: Years) -> Issuer {
    Issuer::self_signed(authority("root", years), key()).unwrap()
}

fn leaf() -> CertificateParams {
    params("leaf", &["localhost"], NOW)
}

/// A certificate with those that the server sends beside it.
fn issue(params: &CertificateParams, key: KeyPair, by: &Issuer, rest: &[&Issuer]) -> Identity {
    let certificate = params.signed_by(&key, by).unwrap();
    let mut chain = vec![certificate.der().clone()];
    chain.extend(rest.iter().map(|it| it.der().clone()));
    Identity { chain, pem: certificate.pem(), key }
}

/// What is seen of a server with this identity by somebody who trusts the bundle.
async fn see(
    identity: &Identity,
    bundle: &str,
    change: impl FnOnce(&mut HttpCheck),
) -> Observation {
    let world = World::new();
    let server = Server::https(server(identity), |_| Reply::ok("")).await;
    let mut check = get(server.https_url("/"));
    check.tls.ca_bundle = Some(world.secret("ca", bundle));
    change(&mut check);
    world.run(http(check)).await
}

pub(crate) fn accepted(what: &str, seen: &Observation) {
    assert_eq!(seen.outcome, Outcome::Success, "{what}: {}", seen.message);
    assert!(seen.certificate.as_ref().unwrap().valid, "{what}");
}

pub(crate) fn refused(what: &str, seen: &Observation, reason: Reason, words: &str) {
    assert_eq!(seen.outcome, Outcome::Failure(reason), "{what}: {}", seen.message);
    assert_eq!(seen.message, words, "{what}");
    let certificate = seen.certificate.as_ref().unwrap();
    assert!(!certificate.valid, "{what}");
    assert_eq!(certificate.problem.as_deref(), Some(words), "{what}");
}

#[tokio::test]
async fn keys_of_every_current_kind_are_accepted() {
    let root = root(NOW);
    let rsa = |size| KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size).unwrap();
    for (what, key) in [
        ("RSA 2048", rsa(rcgen::RsaKeySize::_2048)),
        ("RSA 4096", rsa(rcgen::RsaKeySize::_4096)),
        ("P-256", KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap()),
        ("P-384", KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap()),
        ("P-521", KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap()),
        ("Ed25519", KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap()),
    ] {
        let identity = issue(&leaf(), key, &root, &[]);
        accepted(what, &see(&identity, &root.pem(), |_| {}).await);
        // The same kind of key in the authority.
        let own = Issuer::self_signed(authority("own", NOW), identity.key).unwrap();
        let identity = issue(&leaf(), super::verdicts::key(), &own, &[]);
        accepted(what, &see(&identity, &own.pem(), |_| {}).await);
    }
}

#[tokio::test]
async fn a_self_signed_certificate_that_is_its_own_authority_is_accepted() {
    for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa, IsCa::Ca(BasicConstraints::Constrained(0))] {
        let key = key();
        let mut own = leaf();
        own.is_ca = is_ca;
        let certificate = own.self_signed(&key).unwrap();
        let chain = vec![certificate.der().clone()];
        let identity = Identity { chain, pem: certificate.pem(), key };
        accepted("in the bundle", &see(&identity, &identity.pem, |_| {}).await);
        let other = root(NOW).pem();
        refused(
            "not in the bundle",
            &see(&identity, &other, |_| {}).await,
            Reason::TlsUntrusted,
            "the certificate is self-signed (CN=leaf) and not trusted here",
        );
        let seen = see(&identity, &identity.pem, |check| check.tls.sni = Some("a.example".into()));
        refused(
            "another name",
            &seen.await,
            Reason::TlsNameMismatch,
            "the certificate is not for a.example; its names: localhost",
        );
    }
    for (what, years, usage, reason, words) in [
        (
            "expired",
            Years(2020, 2025),
            None,
            Reason::TlsExpired,
            "the certificate expired on 2025-01-01T00:00:00Z",
        ),
        (
            "early",
            Years(2030, 2035),
            None,
            Reason::TlsNotYetValid,
            "the certificate is not valid before 2030-01-01T00:00:00Z; this host's clock says \
             2026-06-01T00:00:00Z",
        ),
        (
            "for clients",
            NOW,
            Some(ExtendedKeyUsagePurpose::ClientAuth),
            Reason::TlsInvalid,
            "the certificate is not meant for servers; its extended key usage: clientAuth",
        ),
    ] {
        let key = key();
        let mut own = params("leaf", &["localhost"], years);
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        own.extended_key_usages = usage.into_iter().collect();
        let certificate = own.self_signed(&key).unwrap();
        let chain = vec![certificate.der().clone()];
        let identity = Identity { chain, pem: certificate.pem(), key };
        refused(what, &see(&identity, &identity.pem, |_| {}).await, reason, words);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_chain_is_named() {
    let root = root(NOW);
    let middle = |years| Issuer::signed_by(authority("middle", years), key(), &root).unwrap();
    let good = middle(NOW);
    accepted("whole", &see(&issue(&leaf(), key(), &good, &[&good]), &root.pem(), |_| {}).await);
    refused(
        "missing intermediate",
        &see(&issue(&leaf(), key(), &good, &[]), &root.pem(), |_| {}).await,
        Reason::TlsUntrusted,
        "the chain is incomplete: CN=leaf was issued by CN=middle, whose certificate the server \
         does not send and which is not trusted here",
    );
    accepted(
        "the bundle holds the intermediate",
        &see(&issue(&leaf(), key(), &good, &[]), &good.pem(), |_| {}).await,
    );
    let old = middle(Years(2020, 2025));
    refused(
        "expired intermediate",
        &see(&issue(&leaf(), key(), &old, &[&old]), &root.pem(), |_| {}).await,
        Reason::TlsExpired,
        "the certificate of the intermediate CN=middle expired on 2025-01-01T00:00:00Z; the \
         server's own lasts until 2060-01-01T00:00:00Z",
    );
    let stranger = Issuer::self_signed(authority("stranger", NOW), key()).unwrap();
    refused(
        "another root, sent along",
        &see(&issue(&leaf(), key(), &stranger, &[&stranger]), &root.pem(), |_| {}).await,
        Reason::TlsUntrusted,
        "the chain ends in CN=stranger, an authority that is not trusted here",
    );
    let impostor = Issuer::self_signed(authority("root", NOW), key()).unwrap();
    refused(
        "a root of the same name",
        &see(&issue(&leaf(), key(), &impostor, &[]), &root.pem(), |_| {}).await,
        Reason::TlsInvalid,
        "the certificate names CN=root as its issuer, but is not signed with its key",
    );
    let none = Issuer::signed_by(params("middle", &[], NOW), key(), &root).unwrap();
    refused(
        "issued by what is no authority",
        &see(&issue(&leaf(), key(), &none, &[&none]), &root.pem(), |_| {}).await,
        Reason::TlsInvalid,
        "CN=middle issued a certificate of the chain and is no authority",
    );
}

#[tokio::test]
async fn an_expired_authority_in_the_bundle_is_found() {
    let own = key();
    let again = KeyPair::from_pem(&own.serialize_pem()).unwrap();
    let old = Issuer::self_signed(authority("root", Years(2020, 2025)), own).unwrap();
    let renewed = Issuer::self_signed(authority("root", NOW), again).unwrap();
    let identity = issue(&leaf(), key(), &old, &[]);
    refused(
        "expired root",
        &see(&identity, &old.pem(), |_| {}).await,
        Reason::TlsExpired,
        "the authority CN=root in the configured CA bundle expired on 2025-01-01T00:00:00Z; \
         clients refuse what it issued",
    );
    let both = format!("{}{}", old.pem(), renewed.pem());
    accepted("renewed with the same key", &see(&identity, &both, |_| {}).await);
    let other = root(NOW);
    let both = format!("{}{}", old.pem(), other.pem());
    accepted("not the one in use", &see(&issue(&leaf(), key(), &other, &[]), &both, |_| {}).await);
}

#[tokio::test]
async fn names_and_addresses_are_compared_as_browsers_do() {
    let root = root(NOW);
    for (names, asked, fits, words) in [
        (&["*.example.com"][..], "a.example.com", true, ""),
        (&["A.Example.Com"], "a.example.com", true, ""),
        (&["127.0.0.1"], "127.0.0.1", true, ""),
        (&["::1"], "::1", true, ""),
        (
            &["*.example.com"],
            "a.b.example.com",
            false,
            "the certificate is not for a.b.example.com; its names: *.example.com \
             (`*.example.com` stands for one label, no more and no less)",
        ),
        (
            &["*.example.com"],
            "example.com",
            false,
            "the certificate is not for example.com; its names: *.example.com \
             (`*.example.com` stands for one label, no more and no less)",
        ),
        (
            &["a.example", "b.example", "c.example", "d.example", "e.example", "f.example"],
            "g.example",
            false,
            "the certificate is not for g.example; its names: a.example, b.example, c.example, \
             d.example, e.example and 1 more",
        ),
        (
            &["localhost"],
            "127.0.0.1",
            false,
            "the certificate is not for 127.0.0.1; its names: localhost (none of them is an \
             address)",
        ),
        (
            &[],
            "localhost",
            false,
            "the certificate is not for localhost: it has no subject alternative names, and its \
             subject (CN=leaf) does not count",
        ),
    ] {
        let identity = issue(&params("leaf", names, NOW), key(), &root, &[]);
        let seen = see(&identity, &root.pem(), |check| check.tls.sni = Some(asked.into())).await;
        if fits {
            accepted(asked, &seen);
        } else {
            refused(asked, &seen, Reason::TlsNameMismatch, words);
        }
    }
}

#[tokio::test]
async fn limits_that_authorities_have_are_kept() {
    let root = root(NOW);
    let mut params = authority("narrow", NOW);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let narrow = Issuer::signed_by(params, key(), &root).unwrap();
    let below = Issuer::signed_by(authority("below", NOW), key(), &narrow).unwrap();
    refused(
        "path length",
        &see(&issue(&leaf(), key(), &below, &[&below, &narrow]), &root.pem(), |_| {}).await,
        Reason::TlsInvalid,
        "the chain is longer than one of its authorities allows (path length)",
    );
    let mut params = authority("ours", NOW);
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("example.com".to_owned())],
        excluded_subtrees: Vec::new(),
    });
    let ours = Issuer::signed_by(params, key(), &root).unwrap();
    refused(
        "name constraints",
        &see(&issue(&leaf(), key(), &ours, &[&ours]), &root.pem(), |_| {}).await,
        Reason::TlsInvalid,
        "an authority of the chain may not issue certificates for this name (name constraints)",
    );
    let mut params = leaf();
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::CodeSigning];
    refused(
        "purpose",
        &see(&issue(&params, key(), &root, &[]), &root.pem(), |_| {}).await,
        Reason::TlsInvalid,
        "the certificate is not meant for servers; its extended key usage: clientAuth, codeSigning",
    );
}

#[tokio::test]
async fn more_certificates_than_a_handshake_holds_are_no_mystery() {
    let root = root(NOW);
    let middle = Issuer::signed_by(authority("middle", NOW), key(), &root).unwrap();
    let mut identity = issue(&leaf(), key(), &middle, &[&middle]);
    let spare = identity.chain[1].clone();
    identity.chain.extend(std::iter::repeat_n(spare.clone(), 40));
    accepted("forty too many", &see(&identity, &root.pem(), |_| {}).await);
    identity.chain.extend(std::iter::repeat_n(spare, 400));
    let seen = see(&identity, &root.pem(), |_| {}).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::TlsInvalid), "{seen:?}");
    assert_eq!(
        seen.message,
        "the server sends more certificates than a handshake may hold (64 KiB)"
    );
}
