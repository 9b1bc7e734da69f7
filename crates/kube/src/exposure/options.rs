//! What leads to KubeKuma itself, which pages cannot know.

use std::fmt;
use std::str::FromStr;

/// A Gateway, and perhaps one of its listeners: `name`, `namespace/name`, `namespace/name:listener`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayName {
    /// Its namespace; none is the page's.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The listener; none is every one that fits.
    pub listener: Option<String>,
}

/// A text that names no Gateway.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no Gateway; write name, namespace/name or namespace/name:listener")]
pub struct NotAGateway(String);

impl FromStr for GatewayName {
    type Err = NotAGateway;

    fn from_str(text: &str) -> Result<Self, NotAGateway> {
        let wrong = || NotAGateway(kuma_core::observation::bounded(text.to_owned(), 120));
        let (whole, listener) = match text.split_once(':') {
            Some((whole, listener)) => (whole, Some(listener)),
            None => (text, None),
        };
        let (namespace, name) = match whole.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, whole),
        };
        if [Some(name), namespace, listener].into_iter().flatten().all(is_dns_name) {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            Ok(Self {
                namespace: owned(namespace),
                name: name.to_owned(),
                listener: owned(listener),
            })
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for GatewayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)?;
        self.listener.as_ref().map_or(Ok(()), |listener| write!(f, ":{listener}"))
    }
}

/// Whether a text is a name as objects have them (RFC 1123, subdomain).
pub(super) fn is_dns_name(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

/// How KubeKuma is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `KUBE_NAMESPACE`, where its Service is.
    pub system_namespace: String,
    /// The name of its Service.
    pub service: String,
    /// The port of its Service.
    pub port: u16,
    /// The class of Ingresses whose page names none; none is the cluster's default.
    pub ingress_class: Option<String>,
    /// The Gateway of routes whose page names none.
    pub gateway: Option<GatewayName>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            system_namespace: "kubekuma".to_owned(),
            service: "kubekuma".to_owned(),
            port: 3000,
            ingress_class: None,
            gateway: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_named_in_three_ways() {
        for text in ["edge", "infra/edge", "infra/edge:https", "edge:https"] {
            assert_eq!(text.parse::<GatewayName>().unwrap().to_string(), text);
        }
        for text in ["", "a/b/c", "Edge", "infra/", "edge:", "a:b:c"] {
            assert!(text.parse::<GatewayName>().is_err(), "{text}");
        }
    }
}
