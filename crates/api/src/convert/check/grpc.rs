//! `grpc`: validated; this build does not run it yet.

use kuma_core::check::{Check, CheckType};

use super::{Context, Part, missing, tls_options, unsupported};

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let Some(target) = &part.target.grpc else {
        missing(context, part, "grpc");
        return None;
    };
    let at = part.path("grpc");
    context.host_port(&format!("{at}.address"), &target.address, false);
    if let Some(tls) = &target.tls {
        tls_options(context, &format!("{at}.tls"), tls);
    }
    context.cannot_run(at, "grpc checks");
    let shown = match &target.service {
        Some(service) => format!("{} {service}", target.address),
        None => target.address.clone(),
    };
    Some(unsupported(CheckType::Grpc, shown))
}
