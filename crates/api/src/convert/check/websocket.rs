//! `websocket`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kuma_core::check::{
    Check, HttpCheck, HttpCriteria, HttpVersion, IpFamily, WebsocketCheck, WebsocketExpect,
    WebsocketMessage,
};
use kuma_core::object::Problem;

use super::http::proxy;
use super::json_query::from_criteria;
use super::{Context, Part, missing, tls_options};
use crate::convert::common::seconds;
use crate::convert::text::is_token;
use crate::kinds::monitor::WebsocketTarget;

/// How much of a refusal's body is read, in bytes; a part of it is shown.
const MAX_REFUSAL_BYTES: u64 = 64 * 1024;

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let Some(target) = &part.target.websocket else {
        missing(context, part, "websocket");
        return None;
    };
    let at = part.path("websocket");
    let handshake = handshake(context, &at, target);
    let subprotocols = subprotocols(context, &at, target.subprotocols.as_ref());
    let message = message(context, &at, target);
    let criteria = part.criteria.websocket.as_ref();
    let receive_within = criteria.and_then(|it| it.must_receive_within_seconds).map(seconds);
    let expect = match expect(context, &at, target) {
        Ok(None) if receive_within.is_some() => Some(WebsocketExpect::Any),
        Ok(expect) => expect,
        Err(Reported) => return None,
    };
    Some(Check::Websocket(Box::new(WebsocketCheck {
        handshake: handshake?,
        subprotocols,
        message: message.ok()?,
        expect,
        receive_within,
    })))
}

/// A problem that was told already.
struct Reported;

fn handshake(context: &mut Context<'_>, at: &str, target: &WebsocketTarget) -> Option<HttpCheck> {
    for name in target.headers.iter().flatten().map(|(name, _)| name) {
        let lower = name.to_ascii_lowercase();
        if lower == "connection" || lower == "upgrade" || lower.starts_with("sec-websocket-") {
            context.push(
                Problem::semantic(
                    format!("{at}.headers.{name}"),
                    "this header belongs to the handshake itself",
                )
                .with_fix("leave it out; subprotocols are named in subprotocols"),
            );
        }
    }
    let url = context.address(&format!("{at}.url"), &target.url, &["wss", "ws"]);
    let headers = context.headers(at, target.headers.as_ref(), None);
    let tls = target.tls.clone().unwrap_or_default();
    let tls = tls_options(context, &format!("{at}.tls"), &tls);
    let proxy = proxy(context, at, target.proxy.as_ref());
    Some(HttpCheck {
        url: url?,
        method: "GET".to_owned(),
        headers,
        body: None,
        follow_redirects: false,
        max_redirects: 0,
        max_body_bytes: MAX_REFUSAL_BYTES,
        tls,
        proxy,
        auth: None,
        version: HttpVersion::Http1,
        ip_family: IpFamily::Auto,
        criteria: HttpCriteria::default(),
    })
}

fn subprotocols(context: &mut Context<'_>, at: &str, names: Option<&Vec<String>>) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    for (index, name) in names.into_iter().flatten().enumerate() {
        let path = format!("{at}.subprotocols[{index}]");
        if !name.bytes().all(is_token) {
            context.push(
                Problem::semantic(path, "this is not the name of a subprotocol")
                    .with_value(name)
                    .with_fix("use letters, digits and -_. only, one name per entry"),
            );
        } else if list.contains(name) {
            context.error(path, "this subprotocol is named twice");
        } else {
            list.push(name.clone());
        }
    }
    list
}

fn message(
    context: &mut Context<'_>,
    at: &str,
    target: &WebsocketTarget,
) -> Result<Option<WebsocketMessage>, Reported> {
    if let Some(text) = &target.message {
        let text = context.secret_text(&format!("{at}.message"), text).ok_or(Reported)?;
        return Ok(Some(WebsocketMessage::Text(text)));
    }
    let Some(encoded) = &target.message_base64 else {
        return Ok(None);
    };
    match BASE64_STANDARD.decode(encoded) {
        Ok(bytes) => Ok(Some(WebsocketMessage::Binary(bytes))),
        Err(error) => {
            context.error(format!("{at}.messageBase64"), format!("this is not Base64: {error}"));
            Err(Reported)
        }
    }
}

fn expect(
    context: &mut Context<'_>,
    at: &str,
    target: &WebsocketTarget,
) -> Result<Option<WebsocketExpect>, Reported> {
    if let Some(criteria) = &target.expected_json {
        let question = from_criteria(context, &format!("{at}.expectedJson"), criteria);
        let (Some(query), Some(expected)) = (question.query, question.expected) else {
            return Err(Reported);
        };
        let operator = question.operator;
        return Ok(Some(WebsocketExpect::Json { query, operator, expected }));
    }
    match &target.expected_response {
        None => Ok(None),
        Some(source) if target.expect_regex == Some(true) => {
            let pattern = context.pattern(&format!("{at}.expectedResponse"), source);
            pattern.map(|it| Some(WebsocketExpect::Regex(it))).ok_or(Reported)
        }
        Some(text) => Ok(Some(WebsocketExpect::Text(text.clone()))),
    }
}
