//! Hides the values of a check's secrets in everything that people read about a failure, also in
//! the forms in which a target may echo them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kuma_core::check::{Check, HttpAuth, HttpBody, HttpCheck, WebsocketMessage};
use kuma_core::secret::{ExposeSecret, SecretRef, SecretSource, SecretString, SecretText};
use url::form_urlencoded::byte_serialize;

/// What stands where a secret was.
const HIDDEN: &str = "•••";
/// Values shorter than this are no secrets, and hiding them would make texts unreadable.
const SHORTEST: usize = 3;

/// Knows what to hide.
pub(crate) struct Mask {
    /// Longest first, so that a value within another one does not spoil it.
    needles: Vec<SecretString>,
}

impl Mask {
    /// Collects the secrets of a check. Those that cannot be had cannot leak either.
    pub(crate) fn of(
        check: &Check,
        namespace: &str,
        source: &dyn SecretSource,
        more: &[SecretString],
    ) -> Self {
        let mut found = Collector { namespace, source, needles: Vec::new() };
        for value in more {
            found.value(value.expose_secret());
        }
        match check {
            Check::Http(check) => found.http(check),
            Check::Keyword(check) => found.http(&check.http),
            Check::JsonQuery(check) => found.http(&check.http),
            Check::Tcp(check) => check.send.iter().for_each(|text| found.text(text)),
            Check::Websocket(check) => {
                found.http(&check.handshake);
                if let Some(WebsocketMessage::Text(text)) = &check.message {
                    found.text(text);
                }
            }
            Check::Grpc(check) => check.metadata.iter().for_each(|(_, text)| found.text(text)),
            Check::Dns(_)
            | Check::Ping(_)
            | Check::Tls(_)
            | Check::Steam(_)
            | Check::Docker(_)
            | Check::Push(_)
            | Check::Group(_)
            | Check::Kubernetes(_) => {}
        }
        Self::new(found.needles)
    }

    fn new(mut needles: Vec<String>) -> Self {
        needles.retain(|needle| needle.len() >= SHORTEST);
        needles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        needles.dedup();
        Self { needles: needles.into_iter().map(SecretString::from).collect() }
    }

    /// The text without secrets, also without the beginning of one that the text's end cut off.
    pub(crate) fn apply(&self, mut text: String) -> String {
        for needle in &self.needles {
            let needle = needle.expose_secret();
            if text.contains(needle) {
                text = text.replace(needle, HIDDEN);
            }
        }
        for needle in &self.needles {
            if let Some(at) = cut_start(&text, needle.expose_secret()) {
                text.truncate(at);
                text.push_str(HIDDEN);
            }
        }
        text
    }
}

/// Where the text's end is the beginning of `needle`.
fn cut_start(text: &str, needle: &str) -> Option<usize> {
    let longest = needle.len().min(text.len());
    (SHORTEST..=longest)
        .rev()
        .map(|length| text.len() - length)
        .find(|at| text.is_char_boundary(*at) && needle.starts_with(&text[*at..]))
}

struct Collector<'a> {
    namespace: &'a str,
    source: &'a dyn SecretSource,
    needles: Vec<String>,
}

impl Collector<'_> {
    fn http(&mut self, check: &HttpCheck) {
        self.text(&check.url);
        self.url_credentials(&check.url);
        for (_, value) in &check.headers {
            self.text(value);
        }
        match &check.body {
            None => {}
            Some(HttpBody::Text(text) | HttpBody::Json(text)) => self.text(text),
            Some(HttpBody::Form(fields)) => fields.iter().for_each(|(_, text)| self.text(text)),
        }
        match &check.auth {
            None => {}
            Some(HttpAuth::Bearer(token)) => self.entry(token),
            Some(HttpAuth::OAuth2(client)) => {
                self.text(&client.token_url);
                self.url_credentials(&client.token_url);
                self.text(&client.client_id);
                self.entry(&client.client_secret);
                let id = client.client_id.resolve(self.namespace, self.source);
                if let (Ok(id), Some(secret)) = (id, self.get(&client.client_secret)) {
                    let encoded =
                        |text: &str| byte_serialize(text.trim().as_bytes()).collect::<String>();
                    self.basic(&encoded(id.expose_secret()), &encoded(secret.expose_secret()));
                }
            }
            Some(HttpAuth::Digest { username, password }) => {
                self.entry(username);
                self.entry(password);
            }
            Some(HttpAuth::Basic { username, password }) => {
                self.entry(username);
                self.entry(password);
                if let (Some(username), Some(password)) = (self.get(username), self.get(password)) {
                    self.basic(username.expose_secret(), password.expose_secret());
                }
            }
        }
        if let Some(proxy) = &check.proxy {
            self.entry(&proxy.url);
            if let Some(url) = self.get(&proxy.url) {
                self.credentials_of(url.expose_secret());
            }
        }
    }

    fn text(&mut self, text: &SecretText) {
        for at in text.references() {
            self.entry(at);
        }
    }

    fn entry(&mut self, at: &SecretRef) {
        if let Some(value) = self.get(at) {
            self.value(value.expose_secret());
        }
    }

    /// A password may also be written into the URL itself.
    fn url_credentials(&mut self, url: &SecretText) {
        if let Ok(url) = url.resolve(self.namespace, self.source) {
            self.credentials_of(url.expose_secret());
        }
    }

    fn credentials_of(&mut self, url: &str) {
        let Ok(url) = url::Url::parse(url) else {
            return;
        };
        if let Some(password) = url.password() {
            let username = crate::http::percent_decoded(url.username());
            let decoded = crate::http::percent_decoded(password);
            self.value(password);
            self.value(&decoded);
            self.basic(&username, &decoded);
        }
    }

    fn basic(&mut self, username: &str, password: &str) {
        self.needles.push(BASE64_STANDARD.encode(format!("{username}:{password}")));
    }

    /// A value as it is, without surrounding space, and as forms, URLs and JSON write it.
    fn value(&mut self, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        self.needles.push(value.to_owned());
        self.needles.push(url::form_urlencoded::byte_serialize(value.as_bytes()).collect());
        if let Ok(mut url) = url::Url::parse("http://host/") {
            url.set_path(value);
            url.set_query(Some(value));
            self.needles.push(url.path().trim_start_matches('/').to_owned());
            self.needles.extend(url.query().map(str::to_owned));
        }
        if let Ok(json) = serde_json::to_string(value) {
            self.needles.push(json.trim_matches('"').to_owned());
        }
        if value.contains('\n') {
            let lines = value.lines().map(str::trim).filter(|line| line.len() >= 8);
            self.needles.extend(lines.map(str::to_owned));
        }
    }

    fn get(&self, at: &SecretRef) -> Option<SecretString> {
        self.source.get(self.namespace, at).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_cut_off_beginnings_are_hidden() {
        let mask = Mask::new(vec!["hunter22".into(), "hunter".into(), "ab".into()]);
        let say = |text: &str| mask.apply(text.to_owned());
        assert_eq!(say("token=hunter22!"), "token=•••!");
        assert_eq!(say("a hunter, ab"), "a •••, ab");
        assert_eq!(say("token=hunt"), "token=•••");
        assert_eq!(say("nothing"), "nothing");
    }
}
