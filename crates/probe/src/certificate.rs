//! `tls`: a handshake and the certificate that it shows; nothing is asked after it.

use std::time::Duration;

use kuma_core::check::{IpFamily, TlsCheck};
use kuma_core::observation::{Certificate, Outcome};
use kuma_core::reason::Reason;
use kuma_core::time::Timestamp;
use tokio::io::AsyncWriteExt;

use crate::attempt::{Attempt, Verdict};
use crate::net::Wire;
use crate::starttls;
use crate::tls::{self, Alpn};

/// How long a goodbye may take; the verdict is already known then.
const GOODBYE: Duration = Duration::from_millis(500);
const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// Connects, changes to TLS and says what certificate was shown.
pub(crate) async fn run(attempt: &mut Attempt<'_>, check: &TlsCheck) -> Verdict {
    let stream = attempt.dial(&check.host, check.port, IpFamily::Auto).await?;
    let mut wire = Wire::new(stream);
    let name = check.tls.sni.as_deref().unwrap_or(&check.host);
    if let Some(protocol) = check.starttls {
        starttls::upgrade(attempt, &mut wire, protocol, name).await?;
    }
    match tls::connect(attempt, wire, &check.host, &check.tls, Alpn::None).await {
        Ok(mut stream) => {
            // Take leave properly: a connection that is cut looks like an error in the log.
            let _ = tokio::time::timeout(GOODBYE, stream.shutdown()).await;
        }
        // Its certificate was shown and found good before the server asked for ours.
        Err(fault)
            if fault.outcome == Outcome::Failure(Reason::TlsClientCert)
                && attempt.trace.certificate.as_ref().is_some_and(|it| it.valid) => {}
        Err(fault) => return Err(fault),
    }
    let now = attempt.shared.clock.now().wall;
    Ok(match &attempt.trace.certificate {
        Some(certificate) => describe(certificate, name, now),
        None => "the handshake succeeded".to_owned(),
    })
}

fn describe(certificate: &Certificate, name: &str, now: Timestamp) -> String {
    let ends = certificate.chain_expires_at.min(certificate.expires_at);
    let days = (ends.as_second() - now.as_second()).div_euclid(SECONDS_PER_DAY);
    let unit = if days == 1 { "day" } else { "days" };
    let mut text = format!("the certificate for {name} is good until {ends} ({days} {unit})");
    for warning in &certificate.warnings {
        text.push_str("; ");
        text.push_str(warning);
    }
    text
}
