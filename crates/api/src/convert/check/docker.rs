//! `docker`: validated; this build does not run it yet.

use kuma_core::check::{Check, CheckType};

use super::{Context, Part, missing, tls_options, unsupported};

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let Some(target) = &part.target.docker else {
        missing(context, part, "docker");
        return None;
    };
    let at = part.path("docker");
    if let Some(engine) = &target.engine {
        context.address(&format!("{at}.engine"), engine, &["unix", "tcp", "https"]);
    }
    if let Some(tls) = &target.tls {
        tls_options(context, &format!("{at}.tls"), tls);
    }
    context.cannot_run(at, "docker checks");
    Some(unsupported(CheckType::Docker, target.container.clone()))
}
