//! `tls`: the certificate of a server and nothing else.

use super::{Starttls, TlsOptions};

/// A handshake and what its certificate must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsCheck {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The protocol that changes to TLS; none means TLS from the first byte.
    pub starttls: Option<Starttls>,
    /// How the certificate is verified, and from when its expiry is near.
    pub tls: TlsOptions,
}

impl TlsCheck {
    /// `host:port`, and the name asked for where that is another one.
    pub fn target(&self) -> String {
        match &self.tls.sni {
            Some(name) if *name != self.host => format!("{name} @{}:{}", self.host, self.port),
            _ => format!("{}:{}", self.host, self.port),
        }
    }
}
