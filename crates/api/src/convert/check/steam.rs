//! `steam`: validated; this build does not run it yet.

use kuma_core::check::{Check, CheckType};

use super::{Context, Part, missing, unsupported};

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let Some(target) = &part.target.steam else {
        missing(context, part, "steam");
        return None;
    };
    let at = part.path("steam");
    context.host(&format!("{at}.host"), &target.host);
    context.cannot_run(at, "steam checks");
    let address = format!("{}:{}", target.host, target.port.unwrap_or(27_015));
    Some(unsupported(CheckType::Steam, address))
}
