//! `tcp`: a connection, with TLS and an exchange if asked.

use kuma_expr::Pattern;

use super::{Starttls, TlsOptions};
use crate::secret::SecretText;

/// What the target must send.
#[derive(Debug, Clone, PartialEq)]
pub enum TcpExpect {
    /// These bytes, somewhere.
    Text(String),
    /// A match, somewhere.
    Regex(Pattern),
}

/// A TCP connection and what is expected on it.
#[derive(Debug, Clone, PartialEq)]
pub struct TcpCheck {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// What to send once connected.
    pub send: Option<SecretText>,
    /// What must come back, within [`TcpCheck::MAX_ANSWER_BYTES`].
    pub expect: Option<TcpExpect>,
    /// What the target must send before we send anything (`successCriteria.tcp.bannerContains`).
    pub banner_contains: Option<String>,
    /// TLS, from the first byte on or after [`TcpCheck::starttls`].
    pub tls: Option<TlsOptions>,
    /// What is spoken before the handshake; has no effect without [`TcpCheck::tls`].
    pub starttls: Option<Starttls>,
}

impl TcpCheck {
    /// How much of an answer is read.
    pub const MAX_ANSWER_BYTES: usize = 64 * 1024;
}
