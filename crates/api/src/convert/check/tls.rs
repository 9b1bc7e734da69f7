//! `tls`.

use kuma_core::check::{Check, TlsCheck, TlsOptions};

use super::{Context, Part, missing, starttls};

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let Some(target) = &part.target.tls else {
        missing(context, part, "tls");
        return None;
    };
    let at = part.path("tls");
    context.host(&format!("{at}.host"), &target.host);
    if let Some(sni) = &target.sni {
        context.host(&format!("{at}.sni"), sni);
    }
    Some(Check::Tls(Box::new(TlsCheck {
        host: target.host.clone(),
        port: target.port.unwrap_or(443),
        starttls: target.starttls.map(starttls),
        tls: TlsOptions {
            sni: target.sni.clone(),
            warn_before_days: target.warn_before_days,
            ..TlsOptions::default()
        },
    })))
}
