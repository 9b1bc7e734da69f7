//! An answer, and what of it a person is shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::http::HeaderMap;
use ::http::header::{
    AUTHORIZATION, COOKIE, HeaderName, PROXY_AUTHENTICATE, SET_COOKIE, WWW_AUTHENTICATE,
};
use ::http::response::Parts;

use kuma_expr::Value;

use super::SHOWN_BODY_BYTES;
use super::plan::Plan;
use crate::condition::Given;
use crate::fault::Fault;

/// Headers that are not shown.
const HIDDEN: [HeaderName; 4] = [SET_COOKIE, COOKIE, AUTHORIZATION, PROXY_AUTHENTICATE];
/// Most headers shown.
const MAX_SHOWN_HEADERS: usize = 16;

/// An answer as far as it was read.
pub(crate) struct Answer {
    /// Status and headers.
    pub(crate) head: Parts,
    /// The body, as much as was asked for.
    pub(crate) body: Vec<u8>,
    /// Headers that came after the body.
    pub(crate) trailers: HeaderMap,
    /// What ended the body early.
    pub(crate) broken: Option<Fault>,
    /// Where it came from, once it is the last one.
    pub(crate) url: Option<String>,
    /// How many redirects led to it.
    pub(crate) redirects: u32,
}

impl Answer {
    /// `200 OK`.
    pub(crate) fn status_line(&self) -> String {
        status_line(&self.head)
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub(crate) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// What a condition may look at.
    pub(super) fn given(&self) -> Given {
        let mut headers: BTreeMap<Arc<str>, Value> = BTreeMap::new();
        for name in self.head.headers.keys() {
            let values: Vec<_> = self.head.headers.get_all(name).iter().collect();
            let texts = values.iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
            let joined = texts.collect::<Vec<_>>().join(", ");
            headers.insert(name.as_str().into(), joined.into());
        }
        let size = i64::try_from(self.body.len()).unwrap_or(i64::MAX);
        let values = [
            ("status", Value::Int(self.head.status.as_u16().into())),
            ("headers", Value::map(headers)),
            ("bodyBytes", Value::Int(size)),
            ("url", self.url.clone().unwrap_or_default().into()),
            ("redirects", Value::Int(self.redirects.into())),
            ("httpVersion", format!("{:?}", self.head.version).into()),
        ];
        Given { values: values.into(), body: self.body.clone(), facts: self.last_facts() }
    }

    /// What a person is shown of it.
    pub(super) fn facts(&self, plan: &Plan) -> Vec<(String, String)> {
        let mut facts = vec![("url".to_owned(), plan.shown_url())];
        facts.extend(self.own_facts());
        facts
    }

    /// The same for the last answer, which knows where it came from.
    pub(crate) fn last_facts(&self) -> Vec<(String, String)> {
        let url = self.url.iter().map(|url| ("url".to_owned(), url.clone()));
        url.chain(self.own_facts()).collect()
    }

    fn own_facts(&self) -> Vec<(String, String)> {
        let head = &self.head;
        let mut facts =
            vec![("status".to_owned(), format!("{:?} {}", head.version, self.status_line()))];
        let shown = head
            .headers
            .iter()
            .filter(|(name, _)| !HIDDEN.contains(name) || **name == WWW_AUTHENTICATE)
            .take(MAX_SHOWN_HEADERS)
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (format!("header {name}"), value)
            });
        facts.extend(shown);
        if !self.body.is_empty() {
            facts.push(("body".to_owned(), beginning(&self.body)));
        }
        facts
    }
}

/// `200 OK`, with the reason phrase of the standard, not the server's own.
pub(super) fn status_line(head: &Parts) -> String {
    match head.status.canonical_reason() {
        Some(phrase) => format!("{} {phrase}", head.status.as_str()),
        None => head.status.as_str().to_owned(),
    }
}

/// The beginning of a body as text without control characters.
pub(crate) fn beginning(body: &[u8]) -> String {
    let shown = &body[..body.len().min(SHOWN_BODY_BYTES)];
    String::from_utf8_lossy(shown)
        .chars()
        .map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c })
        .collect()
}
