//! `steam`: what a game server says about itself.

/// A game server and what it must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SteamCheck {
    /// Name or address.
    pub host: String,
    /// Query port.
    pub port: u16,
    /// Fewer players are a failure.
    pub min_players: Option<u32>,
    /// More players are a failure.
    pub max_players: Option<u32>,
    /// The map that must be played.
    pub expected_map: Option<String>,
}

impl SteamCheck {
    /// The port of most servers.
    pub const DEFAULT_PORT: u16 = 27_015;
}
