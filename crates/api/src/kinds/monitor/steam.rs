//! `target.steam`: a game server's answer to a Steam query.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;

/// A Steam game server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.minPlayers) || !has(self.maxPlayers) || self.minPlayers <= self.maxPlayers",
    "minPlayers must not exceed maxPlayers",
)])))]
pub struct SteamTarget {
    /// Name or address.
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    /// Query port. Default: `27015`.
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<u16>,
    /// Fewer players are a failure. Default: no limit.
    #[schemars(range(min = 0, max = 100_000))]
    pub min_players: Option<u32>,
    /// More players are a failure. Default: no limit.
    #[schemars(range(min = 0, max = 100_000))]
    pub max_players: Option<u32>,
    /// Map that must be played. Default: any.
    #[schemars(length(min = 1, max = 256))]
    pub expected_map: Option<String>,
}
