//! Texts that people write: secret references, addresses, patterns, templates.

use kuma_core::object::Problem;
use kuma_core::secret::{SecretRef, SecretText};
use kuma_expr::{Condition, EVENT_VARIABLES, JsonPath, Pattern, Template, Variable};
use url::Url;

use super::Context;
use super::common::secret_ref;
use crate::kinds::common::{HeaderFrom, SecretKeyRef, TextMap};

/// An address for people, also one that cannot be read: who writes a password into it by mistake
/// must not find it in every log.
fn without_credentials(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    match rest.rsplit_once('@') {
        Some((_, host)) if scheme.is_empty() => format!("•••@{host}"),
        Some((_, host)) => format!("{scheme}://•••@{host}"),
        None => text.to_owned(),
    }
}

/// A credential and the fields that may hold it.
pub(super) struct Credential<'a> {
    /// The `…SecretRef` field's name.
    pub(super) reference: &'static str,
    /// Its value.
    pub(super) secret: Option<&'a SecretKeyRef>,
    /// The plain field's name.
    pub(super) plain: &'static str,
    /// Its value.
    pub(super) text: Option<&'a String>,
}

impl Context<'_> {
    /// A text in which secrets may stand.
    pub(super) fn secret_text(&mut self, path: &str, text: &str) -> Option<SecretText> {
        match SecretText::parse(text) {
            Ok(text) => Some(text),
            Err(error) => {
                self.push(
                    Problem::semantic(path, error.to_string())
                        .with_fix("write ${SECRET:name:key}, or $${SECRET: for the text itself"),
                );
                None
            }
        }
    }

    /// A credential, which has to come from a Secret; none where neither field is set.
    pub(super) fn credential(&mut self, at: &str, it: &Credential<'_>) -> Option<SecretText> {
        if let Some(secret) = it.secret {
            return Some(SecretText::from_ref(&secret_ref(secret)));
        }
        let path = format!("{at}.{}", it.plain);
        let text = self.secret_text(&path, it.text?)?;
        if text.references().is_empty() {
            self.push(
                Problem::semantic(path, "a credential must not be written into the spec").with_fix(
                    format!(
                        "put it into a Secret and name that in {}, or write ${{SECRET:name:key}}",
                        it.reference
                    ),
                ),
            );
            return None;
        }
        Some(text)
    }

    /// The same where one is needed.
    pub(super) fn needed_credential(
        &mut self,
        at: &str,
        it: &Credential<'_>,
    ) -> Option<SecretText> {
        if it.secret.is_none() && it.text.is_none() {
            self.error(at, format!("{} is missing", it.reference));
        }
        self.credential(at, it)
    }

    /// An address with one of `schemes`. What secrets make of it is only known when it is used.
    pub(super) fn address(
        &mut self,
        path: &str,
        text: &str,
        schemes: &[&str],
    ) -> Option<SecretText> {
        let address = self.secret_text(path, text)?;
        if let Some(plain) = address.as_plain() {
            self.plain_address(path, &plain, schemes).then_some(address)
        } else {
            let written = address.as_written();
            let starts_secret = written.starts_with("${SECRET:");
            let known = schemes.iter().any(|scheme| written.starts_with(&format!("{scheme}://")));
            if !starts_secret && !known {
                self.bad_scheme(path, written, schemes);
                return None;
            }
            Some(address)
        }
    }

    /// Whether a text without secrets is an address with one of `schemes`.
    pub(super) fn plain_address(&mut self, path: &str, text: &str, schemes: &[&str]) -> bool {
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(error) => {
                self.push(
                    Problem::semantic(path, format!("this is not an address: {error}"))
                        .with_value(without_credentials(text))
                        .with_fix(format!("write it as {}://host/path", schemes.join(":// or "))),
                );
                return false;
            }
        };
        if !schemes.contains(&url.scheme()) {
            self.bad_scheme(path, text, schemes);
            return false;
        }
        if url.password().is_some_and(|password| !password.is_empty()) {
            self.push(
                Problem::semantic(path, "the address holds a password").with_fix(
                    "put it into a Secret and write ${SECRET:name:key}, or use the field for credentials",
                ),
            );
            return false;
        }
        if url.scheme() != "unix" && url.host_str().is_none_or(str::is_empty) {
            self.push(
                Problem::semantic(path, "the address names no host")
                    .with_value(without_credentials(text)),
            );
            return false;
        }
        true
    }

    fn bad_scheme(&mut self, path: &str, text: &str, schemes: &[&str]) {
        let scheme = text.split("://").next().unwrap_or_default();
        self.push(
            Problem::semantic(path, "the address has the wrong scheme")
                .with_value(scheme)
                .with_fix(format!("begin it with {}://", schemes.join(":// or "))),
        );
    }

    /// `headers` and `headersFrom`, in order.
    pub(super) fn headers(
        &mut self,
        at: &str,
        headers: Option<&TextMap>,
        from: Option<&Vec<HeaderFrom>>,
    ) -> Vec<(String, SecretText)> {
        let mut list = Vec::new();
        for (name, value) in headers.into_iter().flatten() {
            let path = format!("{at}.headers.{name}");
            if !self.header_name(&path, name) {
                continue;
            }
            if value.contains(['\r', '\n', '\0']) {
                self.error(&path, "the value of a header must be one line");
                continue;
            }
            if let Some(text) = self.secret_text(&path, value) {
                if text.references().is_empty() && is_credential(name) {
                    self.push(
                        Problem::warning(&path, "a credential is written into the spec").with_fix(
                            "put it into a Secret and use headersFrom or ${SECRET:name:key}",
                        ),
                    );
                }
                list.push((name.clone(), text));
            }
        }
        for (index, entry) in from.into_iter().flatten().enumerate() {
            let path = format!("{at}.headersFrom[{index}].name");
            if self.header_name(&path, &entry.name) {
                let value = SecretText::from_ref(&secret_ref(&entry.value_from_secret_ref));
                list.push((entry.name.clone(), value));
            }
        }
        list
    }

    fn header_name(&mut self, path: &str, name: &str) -> bool {
        let good = !name.is_empty() && name.bytes().all(is_token);
        if !good {
            self.push(
                Problem::semantic(path, "this is not the name of a header")
                    .with_value(name)
                    .with_fix("use letters, digits and - only"),
            );
        }
        good
    }

    /// A request method in upper case.
    pub(super) fn method(&mut self, path: &str, text: &str) -> String {
        if !text.bytes().all(is_token) || text.is_empty() {
            self.push(
                Problem::semantic(path, "this is not a request method")
                    .with_value(text)
                    .with_fix("use GET, HEAD, POST or another method of letters"),
            );
        }
        text.to_ascii_uppercase()
    }

    /// A regular expression.
    pub(super) fn pattern(&mut self, path: &str, source: &str) -> Option<Pattern> {
        match Pattern::compile(source) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let why = last_line(&error.to_string());
                self.push(
                    Problem::semantic(
                        path,
                        format!("this regular expression cannot be used: {why}"),
                    )
                    .with_value(source)
                    .with_fix("use RE2 syntax, which has no look-around and no back-references"),
                );
                None
            }
        }
    }

    /// A `JSONPath` query.
    pub(super) fn json_path(&mut self, path: &str, source: &str) -> Option<JsonPath> {
        match JsonPath::compile(source) {
            Ok(query) => Some(query),
            Err(error) => {
                self.push(
                    Problem::semantic(path, format!("this JSONPath query cannot be used: {error}"))
                        .with_value(source)
                        .with_fix("write it as RFC 9535 has it, beginning with $"),
                );
                None
            }
        }
    }

    /// A condition in CEL that may name `variables`.
    pub(super) fn condition(
        &mut self,
        path: &str,
        source: &str,
        variables: &[Variable],
    ) -> Option<Condition> {
        match Condition::compile(source, variables) {
            Ok(condition) => Some(condition),
            Err(error) => {
                self.push(
                    Problem::semantic(path, format!("this condition cannot be used: {error}"))
                        .with_value(source)
                        .with_fix("docs/reference/conditions.md has the variables and functions"),
                );
                None
            }
        }
    }

    /// A message template.
    pub(super) fn template(&mut self, path: &str, source: &str) -> Option<Template> {
        match Template::compile(source, EVENT_VARIABLES) {
            Ok(template) => Some(template),
            Err(error) => {
                self.push(
                    Problem::semantic(path, format!("this template cannot be used: {error}"))
                        .with_value(source),
                );
                None
            }
        }
    }

    /// A host: a name or an address, without port.
    pub(super) fn host(&mut self, path: &str, host: &str) -> bool {
        let good = is_host(host);
        if !good {
            self.push(
                Problem::semantic(path, "this is not the name or address of a host")
                    .with_value(host)
                    .with_fix("write it as host.example.com, 192.0.2.1 or 2001:db8::1, without scheme and port"),
            );
        }
        good
    }

    /// `host:port`, or with `port_optional` a host alone.
    pub(super) fn host_port(&mut self, path: &str, text: &str, port_optional: bool) -> bool {
        let good = split_port(text)
            .is_some_and(|(host, port)| is_host(host) && (port.is_some() || port_optional));
        if !good {
            let form = if port_optional { "host or host:port" } else { "host:port" };
            self.push(
                Problem::semantic(path, format!("this is not of the form {form}"))
                    .with_value(text)
                    .with_fix("write an IPv6 address with a port as [2001:db8::1]:53"),
            );
        }
        good
    }
}

/// Host and port of `host`, `host:port`, `[v6]:port` or a bare IPv6 address.
pub(super) fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return Some((text, None));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        return match after {
            "" => Some((host, None)),
            _ => Some((host, Some(port(after.strip_prefix(':')?)?))),
        };
    }
    match text.split_once(':') {
        Some((host, after)) => Some((host, Some(port(after)?))),
        None => Some((text, None)),
    }
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0)
}

fn is_host(text: &str) -> bool {
    if text.parse::<std::net::IpAddr>().is_ok() {
        return true;
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
        })
}

/// Whether a byte may be in a header's name.
pub(super) const fn is_token(byte: u8) -> bool {
    // RFC 9110, 5.6.2.
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

fn is_credential(header: &str) -> bool {
    ["authorization", "proxy-authorization", "cookie", "x-api-key"]
        .contains(&header.to_ascii_lowercase().as_str())
}

/// The last line of a message; the lines before it repeat the source with a marker below.
fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

/// A secret reference in core terms, where there is one.
pub(super) fn reference(at: Option<&SecretKeyRef>) -> Option<SecretRef> {
    at.map(secret_ref)
}
