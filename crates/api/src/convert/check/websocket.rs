//! `websocket`: validated; this build does not run it yet.

use kuma_core::check::{Check, CheckType};

use super::{Context, Part, missing, shown, tls_options, unsupported};

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let Some(target) = &part.target.websocket else {
        missing(context, part, "websocket");
        return None;
    };
    let at = part.path("websocket");
    let url = context.address(&format!("{at}.url"), &target.url, &["wss", "ws"]);
    context.headers(&at, target.headers.as_ref(), None);
    if let Some(message) = &target.message {
        context.secret_text(&format!("{at}.message"), message);
    }
    if let Some(tls) = &target.tls {
        tls_options(context, &format!("{at}.tls"), tls);
    }
    context.cannot_run(at, "websocket checks");
    Some(unsupported(CheckType::Websocket, shown(url?.as_written())))
}
