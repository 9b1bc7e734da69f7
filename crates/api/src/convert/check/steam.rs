//! `steam`.

use kuma_core::check::{Check, SteamCheck};

use super::{Context, Part, missing};

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    /// The protocol counts players in one byte.
    const MOST_PLAYERS: u32 = 255;
    let Some(target) = &part.target.steam else {
        missing(context, part, "steam");
        return None;
    };
    let at = part.path("steam");
    context.host(&format!("{at}.host"), &target.host);
    if target.min_players.is_some_and(|least| least > MOST_PLAYERS) {
        context.error(
            format!("{at}.minPlayers"),
            "a Steam query counts at most 255 players, so this could never hold",
        );
    }
    Some(Check::Steam(Box::new(SteamCheck {
        host: target.host.clone(),
        port: target.port.unwrap_or(SteamCheck::DEFAULT_PORT),
        min_players: target.min_players,
        max_players: target.max_players,
        expected_map: target.expected_map.clone(),
    })))
}
