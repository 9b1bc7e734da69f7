//! What an answer shows beyond its verdict, for a caller that examines.

use ::http::header::{CONTENT_LENGTH, HeaderName, LAST_MODIFIED};
use ::http::response::Parts;
use ::http::{StatusCode, Version};
use kuma_core::particulars::{HttpParticulars, http_date};

use super::redirect;
use crate::trace::Trace;

/// Keeps what the answer shows, if anybody asked; a later answer takes its place. `followed` is
/// how many redirects led to it.
pub(super) fn note(trace: &mut Trace<'_>, head: &Parts, https: bool, followed: u32) {
    let (peer, body_bytes) = (trace.peer, trace.received);
    let Some(seen) = trace.particulars.as_deref_mut() else {
        return;
    };
    seen.first_peer = seen.first_peer.or(peer);
    if !https {
        seen.tls = None;
    }
    let redirect = redirect::is_redirect(head);
    let bodiless = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    seen.http = Some(HttpParticulars {
        status: head.status.as_u16(),
        version: match head.version {
            Version::HTTP_10 => (1, 0),
            Version::HTTP_2 => (2, 0),
            Version::HTTP_3 => (3, 0),
            _ => (1, 1),
        },
        content_length: if bodiless {
            Some(0)
        } else {
            text(head, &CONTENT_LENGTH).and_then(|length| length.parse().ok())
        },
        body_bytes: if redirect { 0 } else { body_bytes },
        redirects: followed + u32::from(redirect),
        https,
        last_modified: text(head, &LAST_MODIFIED).and_then(http_date),
    });
}

fn text<'a>(head: &'a Parts, name: &HeaderName) -> Option<&'a str> {
    head.headers.get(name)?.to_str().ok()
}
