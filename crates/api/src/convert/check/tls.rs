//! `tls`: validated; this build does not run it yet.

use kuma_core::check::{Check, CheckType};

use super::{Context, Part, missing, unsupported};

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
    context.cannot_run(at, "tls checks");
    let address = format!("{}:{}", target.host, target.port.unwrap_or(443));
    Some(unsupported(CheckType::Tls, address))
}
