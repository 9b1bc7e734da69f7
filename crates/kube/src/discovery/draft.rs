//! One address that an object shows, on its way to becoming a Monitor.

use kuma_core::check::CheckType;
use kuma_core::digest::sha256_hex;
use serde_json::{Value, json};
use url::Url;

use super::annotations::Wish;

/// Longest name that is made; longer ones end in a digest.
const MAX_NAME: usize = 100;

/// Where something answers, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    /// What it seems to speak.
    pub(super) check: CheckType,
    /// The host.
    pub(super) host: String,
    /// The port.
    pub(super) port: u16,
    /// Whether TLS is spoken.
    pub(super) secure: bool,
    /// The path, for those that have one.
    pub(super) path: String,
    /// What sets it apart from others of its object, for its name.
    pub(super) part: String,
    /// Why it is suggested, as one sentence.
    pub(super) why: String,
}

impl Draft {
    /// The address that is asked, in one form: `http` for everything that asks by URL in the way of
    /// HTTP, so that a keyword monitor of the same URL counts as one that checks it.
    pub(super) fn address(&self) -> String {
        match self.check {
            CheckType::Http | CheckType::Websocket => normal_url(&self.url()),
            CheckType::Ping => format!("ping {}", self.host),
            other => format!("{other} {}:{}", self.host, self.port),
        }
    }

    fn url(&self) -> String {
        let (plain, secure) = match self.check {
            CheckType::Websocket => ("ws", "wss"),
            _ => ("http", "https"),
        };
        let scheme = if self.secure { secure } else { plain };
        let default = if self.secure { 443 } else { 80 };
        let Self { host, port, path, .. } = self;
        if *port == default {
            format!("{scheme}://{host}{path}")
        } else {
            format!("{scheme}://{host}:{port}{path}")
        }
    }

    /// `spec` of the Monitor.
    pub(super) fn spec(&self, wish: &Wish) -> Value {
        let (host, port) = (&self.host, self.port);
        let target = match self.check {
            CheckType::Tcp => json!({"tcp": {"host": host, "port": port}}),
            CheckType::Tls => json!({"tls": {"host": host, "port": port}}),
            CheckType::Ping => json!({"ping": {"host": host}}),
            CheckType::Websocket => json!({"websocket": {"url": self.url()}}),
            CheckType::Grpc if self.secure => {
                json!({"grpc": {"address": format!("{host}:{port}"), "tls": {}}})
            }
            CheckType::Grpc => json!({"grpc": {"address": format!("{host}:{port}")}}),
            _ => json!({"http": {"url": self.url()}}),
        };
        let check = if target.get("http").is_some() { CheckType::Http } else { self.check };
        let mut spec = json!({"type": check.as_str(), "target": target});
        if let Some(seconds) = wish.interval {
            spec["schedule"] = json!({"intervalSeconds": seconds});
        }
        if let Some(policy) = &wish.policy {
            spec["alerting"] = json!({"policyRef": {"name": policy}});
        }
        spec
    }

    /// The name of the Monitor: kind and name of the object, and what sets the address apart. It
    /// depends on nothing else, so that other addresses coming and going change no name.
    pub(super) fn name(&self, kind: &str, object: &str) -> String {
        let whole = format!("{}-{object}-{}", kind.to_ascii_lowercase(), self.part);
        let mut name = String::with_capacity(whole.len());
        for c in whole.trim_end_matches('-').to_ascii_lowercase().chars() {
            let fits = c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.';
            name.push(if fits { c } else { '-' });
        }
        let faithful = name == whole.trim_end_matches('-') && !self.part.contains('/');
        if faithful && name.len() <= MAX_NAME && is_dns_name(&name) {
            return name;
        }
        let digest = &sha256_hex(whole.as_bytes())[..8];
        let cut: String = name.chars().take(MAX_NAME - 9).collect();
        let parts: Vec<_> = cut
            .split('.')
            .map(|part| part.trim_matches('-'))
            .filter(|part| !part.is_empty())
            .collect();
        format!("{}-{digest}", parts.join("."))
    }
}

/// A path below another one.
pub(super) fn joined(prefix: &str, path: &str) -> String {
    format!("{}{path}", prefix.trim_end_matches('/'))
}

/// A URL in one form; as it is if it is none. A secret in it stays as it is written.
pub(super) fn normal_url(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return text.to_owned() };
    url.set_fragment(None);
    // These only fail where there is no host to have them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let host = url.host_str().map(|host| host.trim_end_matches('.').to_owned());
    if let Some(host) = host {
        let _ = url.set_host(Some(&host));
    }
    url.to_string()
}

/// Whether a text is a name as objects and hosts have them (RFC 1123, subdomain).
pub(super) fn is_dns_name(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn draft(part: &str) -> Draft {
        Draft {
            check: CheckType::Http,
            host: "shop.example.com".to_owned(),
            port: 443,
            secure: true,
            path: "/healthz".to_owned(),
            part: part.to_owned(),
            why: String::new(),
        }
    }

    #[test]
    fn a_name_can_be_read_and_depends_on_its_own_address_only() {
        assert_eq!(
            draft("shop.example.com").name("Ingress", "web"),
            "ingress-web-shop.example.com"
        );
        assert_eq!(draft("").name("Service", "web"), "service-web");
        let long = "x".repeat(250);
        assert!(draft(&long).name("Service", "web").len() <= MAX_NAME);
    }

    #[test]
    fn paths_that_look_alike_have_different_names() {
        let (one, other) = (draft("a.example.com/b"), draft("a.example.com-b"));
        assert_ne!(one.name("Ingress", "web"), other.name("Ingress", "web"));
        assert!(one.name("Ingress", "web").starts_with("ingress-web-a.example.com-b-"));
    }

    #[test]
    fn one_url_has_one_form() {
        for text in [
            "https://A.example.com:443/x#y",
            "https://u@a.example.com./x",
            "https://a.example.com/x",
        ] {
            assert_eq!(normal_url(text), "https://a.example.com/x");
        }
        assert_eq!(normal_url("${SECRET:a:b}"), "${SECRET:a:b}");
    }

    proptest! {
        #[test]
        fn every_name_is_one_that_an_object_can_have(part in ".{0,300}", object in "[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?") {
            let name = draft(&part).name("HTTPRoute", &object);
            prop_assert!(is_dns_name(&name) && name.len() <= MAX_NAME + 9, "{name}");
        }
    }
}
