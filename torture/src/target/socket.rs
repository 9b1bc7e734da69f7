//! Targets behind a [`Wire`], and the one of type tcp.

use serde_json::json;

use super::wire::{Deed, Wire};
use super::{Act, Target, World, spec, target};
use crate::evidence::Certainty::{self, May, Must};

/// A way to be bad: its name, whether it is an outage, and what is done.
pub(super) type How = (&'static str, Certainty, Deed);

/// A server that is well by the first deed; its port, its ways to be bad, and the switch.
pub(super) fn behind(
    asked: bool,
    well: Deed,
    hows: &[How],
) -> (u16, Vec<(&'static str, Certainty)>, Act) {
    let deeds = std::iter::once(well).chain(hows.iter().map(|(_, _, deed)| *deed)).collect();
    let wire = match Wire::start(asked, deeds) {
        Ok(wire) => wire,
        Err(error) => panic!("no port on 127.0.0.1: {error}"),
    };
    let names = hows.iter().map(|(name, certainty, _)| (*name, *certainty)).collect();
    (wire.port, names, Box::new(move |how| wire.choose(how.map_or(0, |how| how + 1))))
}

pub(super) fn banner(_: &World) -> Target {
    let hows = [
        ("another greeting", Must, Deed::Say(b"554 too busy\r\n")),
        ("cut off", Must, Deed::Reset),
        ("mute", Must, Deed::Mute),
        ("a greeting without end", Must, Deed::Flood(b"", b"x")),
        ("a greeting byte by byte", May, Deed::Drip(b"220 almost ready\r\n")),
    ];
    let (port, hows, act) = behind(false, Deed::Say(b"220 ready\r\n"), &hows);
    let criteria = json!({ "tcp": { "bannerContains": "220 ready" } });
    let at = json!({ "host": "127.0.0.1", "port": port });
    target("tcp", spec("tcp", &at, Some(("successCriteria", criteria))), hows, act)
}
