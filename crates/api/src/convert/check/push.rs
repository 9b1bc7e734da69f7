//! `push`.

use kuma_core::check::{Check, PushCheck};
use kuma_core::object::Problem;
use kuma_core::secret::SecretText;

use super::{Context, Part, missing};
use crate::convert::common::{seconds, secret_ref};
use crate::kinds::monitor::PushTarget;

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let Some(target) = &part.target.push else {
        missing(context, part, "push");
        return None;
    };
    let at = part.path("push");
    let interval = target.interval_seconds.or(target.interval);
    Some(Check::Push(Box::new(PushCheck {
        token: token(context, &at, target)?,
        interval: interval.map_or(part.interval, |n| seconds(n.max(1))),
        grace: seconds(target.grace_seconds.or(target.grace).unwrap_or(0)),
    })))
}

fn token(context: &mut Context<'_>, at: &str, target: &PushTarget) -> Option<SecretText> {
    let path = format!("{at}.token");
    match (&target.token_secret_ref, &target.token) {
        (Some(secret), _) => Some(SecretText::from_ref(&secret_ref(secret))),
        (None, Some(text)) => {
            let token = context.secret_text(&path, text)?;
            if let Some(plain) = token.as_plain() {
                if !plain.bytes().all(is_url_safe) {
                    context.push(
                        Problem::semantic(&path, "the token is part of an address")
                            .with_fix("use letters, digits, -, _, . and ~ only"),
                    );
                    return None;
                }
                context.push(
                    Problem::warning(&path, "whoever may read the monitor can read the token")
                        .with_fix("put it into a Secret and name that in tokenSecretRef"),
                );
            }
            Some(token)
        }
        (None, None) => {
            context.error(at, "set either tokenSecretRef or token");
            None
        }
    }
}

/// RFC 3986, 2.3.
const fn is_url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}
