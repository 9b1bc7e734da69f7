//! The opening handshake (RFC 6455, section 4.1), judged as the standard words it: a server that
//! is merely unusual, such as one that answers `Connection: keep-alive, Upgrade`, is in order.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::rand;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use kuma_core::check::WebsocketCheck;
use kuma_core::reason::Reason;

use crate::attempt::Attempt;
use crate::fault::Fault;
use crate::http::{Upgrade, upgrade};
use crate::net::Completion;

/// What a server hashes together with the key to show that it knows WebSocket (section 1.3).
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A connection on which messages can be exchanged.
pub(super) struct Opened {
    pub(super) stream: TokioIo<Upgraded>,
    pub(super) completion: Completion,
    /// The subprotocol that the server chose.
    pub(super) subprotocol: Option<String>,
}

/// Connects and shakes hands.
pub(super) async fn open(
    attempt: &mut Attempt<'_>,
    check: &WebsocketCheck,
) -> Result<Opened, Fault> {
    let key = random_key()?;
    let headers = headers(&key, &check.subprotocols)?;
    let (upgrade, completion) = Box::pin(upgrade(attempt, &check.handshake, headers)).await?;
    match upgrade {
        Upgrade::Agreed { head, stream } => {
            let subprotocol = judge(&head, &key, &check.subprotocols)?;
            Ok(Opened { stream, completion, subprotocol })
        }
        Upgrade::Declined(answer) => {
            let status = answer.status_line();
            let to = answer.head.headers.get(http::header::LOCATION);
            let to = to.map_or_else(String::new, |to| {
                format!(" to {}", String::from_utf8_lossy(to.as_bytes()))
            });
            Err(refused(format!("status {status}{to}, expected 101 Switching Protocols"))
                .with_all(answer.last_facts()))
        }
    }
}

/// 16 random bytes (section 4.1, 7).
fn random_key() -> Result<String, Fault> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes)
        .map_err(|_| Fault::ours(Reason::Internal, "this host has no random numbers"))?;
    Ok(BASE64_STANDARD.encode(bytes))
}

fn headers(key: &str, subprotocols: &[String]) -> Result<HeaderMap, Fault> {
    let value = |text: &str| {
        HeaderValue::from_str(text)
            .map_err(|_| Fault::target(Reason::TargetInvalid, "a subprotocol is no valid header"))
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers.insert(SEC_WEBSOCKET_KEY, value(key)?);
    if !subprotocols.is_empty() {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, value(&subprotocols.join(", "))?);
    }
    Ok(headers)
}

/// The value that proves that the server read our key.
fn accept(key: &str) -> String {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{MAGIC}").as_bytes());
    BASE64_STANDARD.encode(hash)
}

/// Whether an agreement is one; the subprotocol that was chosen.
fn judge(head: &Parts, key: &str, offered: &[String]) -> Result<Option<String>, Fault> {
    let values = |name: &HeaderName| {
        let all =
            head.headers.get_all(name).iter().map(|it| String::from_utf8_lossy(it.as_bytes()));
        all.collect::<Vec<_>>().join(", ")
    };
    let holds = |name: &HeaderName, token: &str| {
        values(name).split(',').any(|it| it.trim().eq_ignore_ascii_case(token))
    };
    let wrong = |what: String| Err(refused(format!("the server agrees, but {what}")));
    if !holds(&UPGRADE, "websocket") {
        return wrong(format!("to `{}` instead of websocket", values(&UPGRADE)));
    }
    if !holds(&CONNECTION, "upgrade") {
        return wrong("its `Connection` header does not say Upgrade".to_owned());
    }
    if values(&SEC_WEBSOCKET_ACCEPT).trim() != accept(key) {
        return wrong(
            "its `Sec-WebSocket-Accept` is not made of our key: it is no WebSocket server, or \
             something on the way answered from memory"
                .to_owned(),
        );
    }
    if head.headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        let extensions = values(&SEC_WEBSOCKET_EXTENSIONS);
        return wrong(format!("it uses an extension that was not offered: {extensions}"));
    }
    if !head.headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return match offered {
            [] => Ok(None),
            // As browsers do (WHATWG WebSockets): a page that asks for one cannot work without.
            offered => wrong(format!("to none of the subprotocols {}", offered.join(", "))),
        };
    }
    let chosen = values(&SEC_WEBSOCKET_PROTOCOL);
    if offered.contains(&chosen) {
        Ok(Some(chosen))
    } else {
        wrong(format!("to the subprotocol `{chosen}`, which was not offered"))
    }
}

fn refused(message: String) -> Fault {
    Fault::target(Reason::WebsocketHandshake, message)
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    /// The example of RFC 6455, section 1.3.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: (&str, &str) = ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    const UP: (&str, &str) = ("upgrade", "WebSocket");
    const CON: (&str, &str) = ("connection", "keep-alive, Upgrade");

    fn judged(headers: &[(&str, &str)], offered: &[&str]) -> Result<Option<String>, String> {
        let mut response = Response::builder().status(101);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let head = response.body(()).unwrap().into_parts().0;
        let offered: Vec<String> = offered.iter().map(|it| (*it).to_owned()).collect();
        judge(&head, KEY, &offered).map_err(|fault| fault.message)
    }

    #[test]
    fn an_agreement_as_the_standard_words_it_is_one() {
        assert_eq!(judged(&[UP, CON, ACCEPT], &[]), Ok(None));
        let chosen = ("sec-websocket-protocol", "chat.v2");
        assert_eq!(
            judged(&[UP, CON, ACCEPT, chosen], &["chat.v1", "chat.v2"]),
            Ok(Some("chat.v2".into()))
        );
    }

    #[test]
    fn anything_else_is_named() {
        let chosen = ("sec-websocket-protocol", "other");
        let extension = ("sec-websocket-extensions", "permessage-deflate");
        let forged = ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOp=");
        for (headers, offered, end) in [
            (&[CON, ACCEPT][..], &[][..], "to `` instead of websocket"),
            (&[("upgrade", "h2c"), CON, ACCEPT], &[], "to `h2c` instead of websocket"),
            (&[UP, ACCEPT], &[], "its `Connection` header does not say Upgrade"),
            (&[UP, CON, forged], &[], "something on the way answered from memory"),
            (&[UP, CON], &[], "something on the way answered from memory"),
            (&[UP, CON, ACCEPT, extension], &[], "not offered: permessage-deflate"),
            (&[UP, CON, ACCEPT], &["a", "b"], "to none of the subprotocols a, b"),
            (&[UP, CON, ACCEPT, chosen], &["a"], "`other`, which was not offered"),
            (&[UP, CON, ACCEPT, chosen], &[], "`other`, which was not offered"),
        ] {
            let message = judged(headers, offered).unwrap_err();
            assert!(message.ends_with(end), "{message}");
        }
    }
}
