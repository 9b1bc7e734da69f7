//! `target.docker`: the health of a container.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TlsSpec;

/// A Docker container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DockerTarget {
    /// Name of the container, or its id or the beginning of that.
    #[schemars(length(min = 1, max = 253))]
    pub container: String,
    /// Address of the engine: `unix:///path`, `tcp://host:port` (port 2375 if none is written) or
    /// `https://host:port` (port 2376). Default: `unix:///var/run/docker.sock`.
    #[schemars(length(min = 1, max = 2048))]
    pub engine: Option<String>,
    /// How TLS is spoken, for `https`; most engines want `clientCertSecretRef`.
    pub tls: Option<TlsSpec>,
    /// Whether a container with a health check must be healthy, not only running; while it
    /// starts it is not. Default: `true`.
    pub require_healthy: Option<bool>,
}
