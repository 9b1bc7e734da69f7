//! `docker`: the state of a container, as its engine knows it.

use std::fmt;

use super::TlsOptions;

/// A container and what its state must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerCheck {
    /// Name, or id or the beginning of one.
    pub container: String,
    /// Where its engine listens.
    pub engine: DockerEngine,
    /// Whether a container with a health check must be healthy, not only running.
    pub require_healthy: bool,
}

impl DockerCheck {
    /// Container and engine.
    pub fn target(&self) -> String {
        format!("{} on {}", self.container, self.engine)
    }
}

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerEngine {
    /// A socket of this host, by its path.
    Unix(String),
    /// A port, without TLS.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// A port, with TLS.
    Tls {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
        /// How TLS is spoken.
        tls: Box<TlsOptions>,
    },
}

impl DockerEngine {
    /// Where the engine of this host listens.
    pub const DEFAULT_SOCKET: &'static str = "/var/run/docker.sock";

    /// The host that is asked; none for a socket of this one.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Unix(_) => None,
            Self::Tcp { host, .. } | Self::Tls { host, .. } => Some(host),
        }
    }
}

impl fmt::Display for DockerEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{path}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Tls { host, port, .. } => write!(f, "https://{host}:{port}"),
        }
    }
}
