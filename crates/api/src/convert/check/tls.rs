//! `tls`.

use kuma_core::check::{Check, TlsCheck};

use super::{Context, Part, missing, starttls, tls_options};
use crate::kinds::monitor::TlsSpec;

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let Some(target) = &part.target.tls else {
        missing(context, part, "tls");
        return None;
    };
    let at = part.path("tls");
    context.host(&format!("{at}.host"), &target.host);
    let tls = TlsSpec {
        verify: target.verify,
        sni: target.sni.clone(),
        ca_bundle_secret_ref: target.ca_bundle_secret_ref.clone(),
        client_cert_secret_ref: target.client_cert_secret_ref.clone(),
        min_version: target.min_version,
        warn_before_days: target.warn_before_days,
    };
    Some(Check::Tls(Box::new(TlsCheck {
        host: target.host.clone(),
        port: target.port.unwrap_or(443),
        starttls: target.starttls.map(starttls),
        tls: tls_options(context, &at, &tls),
    })))
}
