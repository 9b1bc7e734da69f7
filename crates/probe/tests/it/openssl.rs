//! Verdicts on another program's server, and on certificates that only it makes.

use std::time::Duration;

use kuma_core::check::{HttpCheck, TlsVersion};
use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::Reason;

use crate::fixture::World;
use crate::fixture::monitor::{get, http};
use crate::fixture::openssl::Openssl;
use crate::verdicts::{accepted, refused};

/// What is seen of an openssl server.
async fn ask(openssl: &Openssl, options: &str, ahead: u64) -> Observation {
    ask_with(openssl, options, ahead, |_| {}).await
}

async fn ask_with(
    openssl: &Openssl,
    options: &str,
    ahead: u64,
    change: impl FnOnce(&mut HttpCheck),
) -> Observation {
    let world = World::ahead(Duration::from_secs(ahead));
    let served = openssl.serve(&format!("-www {options}"));
    let mut check = get(format!("https://localhost:{}/", served.address.port()));
    check.tls.ca_bundle = Some(world.secret("ca", &openssl.read("ca.pem")));
    change(&mut check);
    world.run(http(check)).await
}

#[tokio::test]
async fn another_programs_server_is_judged_the_same() {
    let openssl = Openssl::new();
    openssl.leaf("rsa:2048", "-sha256", "");
    for options in ["", "-tls1_2", "-tls1_3"] {
        accepted(options, &ask(&openssl, options, 60).await);
    }
    for old in ["-tls1", "-tls1_1"] {
        let seen = ask(&openssl, &format!("{old} -cipher ALL:@SECLEVEL=0"), 60).await;
        assert_eq!(seen.outcome, Outcome::Failure(Reason::TlsUnsupported), "{old}: {seen:?}");
        assert_eq!(
            seen.message,
            "the server speaks neither TLS 1.2 nor 1.3, and nothing older is spoken here"
        );
    }
    let seen = ask_with(&openssl, "-tls1_2", 60, |check| {
        check.tls.min_version = TlsVersion::V13;
    });
    let seen = seen.await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::TlsUnsupported), "{seen:?}");
    assert_eq!(seen.message, "the server does not speak TLS 1.3, and `tls.minVersion` asks for it");
    for version in ["-tls1_2", "-tls1_3"] {
        let seen = ask(&openssl, &format!("{version} -Verify 1 -CAfile ca.pem"), 60).await;
        assert_eq!(seen.outcome, Outcome::Failure(Reason::TlsClientCert), "{version}: {seen:?}");
    }
    let early = openssl.serve("-www");
    let world = World::new();
    let mut check = get(format!("https://localhost:{}/", early.address.port()));
    check.tls.ca_bundle = Some(world.secret("ca", &openssl.read("ca.pem")));
    let seen = world.run(http(check)).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::TlsNotYetValid), "{seen:?}");
}

#[tokio::test]
async fn keys_and_signatures_of_yesterday_are_refused_in_clear_words() {
    let openssl = Openssl::new();
    openssl.leaf("rsa:1024", "-sha256", "");
    let weak = "-cipher ALL:@SECLEVEL=0";
    refused(
        "RSA 1024",
        &ask(&openssl, weak, 60).await,
        Reason::TlsInvalid,
        "the certificate's key is RSA with 1024 bits; at least 2048 are accepted",
    );
    openssl.leaf("rsa:2048", "-sha1", "");
    refused(
        "SHA-1",
        &ask(&openssl, weak, 60).await,
        Reason::TlsInvalid,
        "the certificate of CN=leaf is signed with SHA-1, which is no longer accepted",
    );
    let seen = ask_with(&openssl, weak, 60, |check| check.tls.verify = false).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
}

#[tokio::test]
async fn a_stapled_answer_says_whether_a_certificate_is_revoked() {
    let openssl = Openssl::new();
    openssl.leaf("rsa:2048", "-sha256", "tlsfeature=status_request");
    let seen = ask(&openssl, "", 60).await;
    accepted("no staple", &seen);
    let warnings = |seen: &Observation| seen.certificate.as_ref().unwrap().warnings.clone();
    assert_eq!(
        warnings(&seen),
        ["the certificate demands a stapled OCSP response and the server sends none; some \
          clients refuse it"]
    );

    let stapled = "-status_file staple.der";
    openssl.staple(false, "ca", "-ndays 1");
    let seen = ask(&openssl, stapled, 60).await;
    accepted("good", &seen);
    assert!(warnings(&seen).is_empty(), "{seen:?}");
    let seen = ask(&openssl, stapled, 3 * 86_400).await;
    accepted("stale", &seen);
    assert_eq!(warnings(&seen), ["the stapled OCSP response has expired; some clients refuse it"]);

    openssl.staple(true, "ca", "-ndays 1");
    let revoked = "the certificate was revoked on 2026-01-01T00:00:00Z, says the OCSP response that the \
         server sends";
    refused("revoked", &ask(&openssl, stapled, 60).await, Reason::TlsRevoked, revoked);
    let seen = ask_with(&openssl, stapled, 60, |check| check.tls.verify = false).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert_eq!(seen.certificate.unwrap().problem.as_deref(), Some(revoked));

    openssl.certify("responder", "rsa:2048", "-sha256", "extendedKeyUsage=OCSPSigning");
    openssl.staple(true, "responder", "-ndays 1");
    refused("delegated", &ask(&openssl, stapled, 60).await, Reason::TlsRevoked, revoked);
    openssl.certify("stranger", "rsa:2048", "-sha256", "extendedKeyUsage=serverAuth");
    openssl.staple(true, "stranger", "-ndays 1");
    let seen = ask(&openssl, stapled, 60).await;
    accepted("a signer who may not", &seen);
    assert_eq!(
        warnings(&seen),
        ["the stapled OCSP response is not signed by the certificate's issuer"]
    );
    openssl.staple(false, "ca", "-ndays 1");
    openssl.leaf("rsa:2048", "-sha256", "");
    let seen = ask(&openssl, stapled, 60).await;
    accepted("for another certificate", &seen);
    assert_eq!(warnings(&seen), ["the stapled OCSP response is for another certificate"]);
}
