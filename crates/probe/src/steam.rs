//! `steam`: a game server's own words about itself, asked for with A2S_INFO (Valve Developer
//! Community, "Server queries").

mod exchange;
mod info;
mod packet;

use kuma_core::check::SteamCheck;
use kuma_core::reason::Reason;
use kuma_expr::Value;

use self::info::Info;
use crate::attempt::{Attempt, Verdict};
use crate::condition::Given;
use crate::fault::Fault;

/// Asks, and compares players and map with what is wanted.
pub(crate) async fn run(attempt: &mut Attempt<'_>, check: &SteamCheck) -> Verdict {
    let info = exchange::ask(attempt, &check.host, check.port).await?;
    attempt.give(|| given(&info));
    judge(check, &info).map_err(|fault| fault.with_all(info.facts()))?;
    Ok(info.sentence())
}

/// What a condition may look at.
fn given(info: &Info) -> Given {
    let values = [
        ("name", info.name.clone().into()),
        ("map", info.map.clone().into()),
        ("players", Value::Int(info.players.into())),
        ("bots", Value::Int(info.bots.into())),
        ("slots", Value::Int(info.most.into())),
    ];
    Given::of(values, info.facts())
}

fn judge(check: &SteamCheck, info: &Info) -> Result<(), Fault> {
    let players = u32::from(info.players);
    let said = info.sentence();
    if let Some(least) = check.min_players.filter(|least| players < *least) {
        return Err(Fault::target(
            Reason::SteamPlayers,
            format!("{said}; expected at least {least}"),
        ));
    }
    if let Some(most) = check.max_players.filter(|most| players > *most) {
        return Err(Fault::target(
            Reason::SteamPlayers,
            format!("{said}; expected at most {most}"),
        ));
    }
    match &check.expected_map {
        Some(map) if *map != info.map => {
            Err(Fault::target(Reason::SteamMap, format!("{said}; expected the map {map}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use kuma_core::observation::Outcome;

    use super::*;

    fn info(players: u8) -> Info {
        Info {
            name: "Friday night".to_owned(),
            map: "de_dust2".to_owned(),
            game: "Counter-Strike".to_owned(),
            players,
            most: 24,
            bots: 1,
            version: Some("1.38".to_owned()),
        }
    }

    fn check(least: Option<u32>, most: Option<u32>, map: Option<&str>) -> SteamCheck {
        SteamCheck {
            host: "game.example".to_owned(),
            port: SteamCheck::DEFAULT_PORT,
            min_players: least,
            max_players: most,
            expected_map: map.map(str::to_owned),
        }
    }

    #[test]
    fn both_limits_are_included() {
        let within = check(Some(3), Some(5), Some("de_dust2"));
        for (players, good) in [(2, false), (3, true), (5, true), (6, false)] {
            let judged = judge(&within, &info(players));
            assert_eq!(judged.is_ok(), good, "{players}");
            if let Err(fault) = judged {
                assert_eq!(fault.outcome, Outcome::Failure(Reason::SteamPlayers));
            }
        }
        assert!(judge(&check(None, None, None), &info(0)).is_ok());
    }

    #[test]
    fn another_map_is_named() {
        let fault = judge(&check(None, None, Some("de_nuke")), &info(4)).unwrap_err();
        assert_eq!(fault.outcome, Outcome::Failure(Reason::SteamMap));
        insta::assert_snapshot!(
            fault.message,
            @"`Friday night` plays de_dust2 with 4 of 24 players, 1 of them a bot; expected the map de_nuke"
        );
    }
}
