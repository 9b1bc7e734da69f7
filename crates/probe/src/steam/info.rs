//! The answer to A2S_INFO, in the form of Source and in the older one of GoldSource. Bytes come
//! from whoever answers, so every read is checked and every text is made fit to be shown.

use kuma_core::observation::bounded;

/// Longest text kept, in bytes; names on servers are at most a few dozen.
const MAX_TEXT_BYTES: usize = 128;
/// "The Ship", whose answer has three bytes of its own before the version.
const THE_SHIP: u16 = 2400;

/// What a server says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Info {
    /// Its name.
    pub(super) name: String,
    /// The map being played.
    pub(super) map: String,
    /// The game.
    pub(super) game: String,
    /// Players, bots included.
    pub(super) players: u8,
    /// Most players.
    pub(super) most: u8,
    /// How many of the players are bots.
    pub(super) bots: u8,
    /// The game's version; GoldSource does not say it.
    pub(super) version: Option<String>,
}

/// An answer that ends before it is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut;

impl Info {
    /// What follows the type byte `I`.
    pub(super) fn source(bytes: &[u8]) -> Result<Self, Cut> {
        let mut rest = Reader(bytes);
        rest.skip(1)?; // protocol
        let (name, map) = (rest.text()?, rest.text()?);
        rest.text()?; // folder
        let game = rest.text()?;
        let app = rest.short()?;
        let (players, most, bots) = (rest.byte()?, rest.byte()?, rest.byte()?);
        rest.skip(4)?; // kind of server, system, password, anti-cheat
        if app == THE_SHIP {
            rest.skip(3)?;
        }
        let version = Some(rest.text()?);
        Ok(Self { name, map, game, players, most, bots, version })
    }

    /// What follows the type byte `m`.
    pub(super) fn gold_source(bytes: &[u8]) -> Result<Self, Cut> {
        let mut rest = Reader(bytes);
        rest.text()?; // address
        let (name, map) = (rest.text()?, rest.text()?);
        rest.text()?; // folder
        let game = rest.text()?;
        let (players, most) = (rest.byte()?, rest.byte()?);
        rest.skip(4)?; // protocol, kind of server, system, password
        if rest.byte()? == 1 {
            rest.text()?; // address of the modification
            rest.text()?; // where to download it
            rest.skip(11)?; // a zero, version, size, kind, library
        }
        rest.skip(1)?; // anti-cheat
        let bots = rest.byte()?;
        Ok(Self { name, map, game, players, most, bots, version: None })
    }

    /// One sentence for a person.
    pub(super) fn sentence(&self) -> String {
        let bots = match self.bots {
            0 => String::new(),
            1 => ", 1 of them a bot".to_owned(),
            several => format!(", {several} of them bots"),
        };
        format!(
            "`{}` plays {} with {} of {} players{bots}",
            self.name, self.map, self.players, self.most
        )
    }

    /// Everything that was said.
    pub(super) fn facts(&self) -> Vec<(String, String)> {
        let mut facts = vec![
            ("name".to_owned(), self.name.clone()),
            ("game".to_owned(), self.game.clone()),
            ("map".to_owned(), self.map.clone()),
            ("players".to_owned(), format!("{} of {}", self.players, self.most)),
            ("bots".to_owned(), self.bots.to_string()),
        ];
        facts.extend(self.version.iter().map(|it| ("version".to_owned(), it.clone())));
        facts
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn skip(&mut self, length: usize) -> Result<(), Cut> {
        self.0 = self.0.get(length..).ok_or(Cut)?;
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, Cut> {
        let (first, rest) = self.0.split_first().ok_or(Cut)?;
        self.0 = rest;
        Ok(*first)
    }

    fn short(&mut self) -> Result<u16, Cut> {
        Ok(u16::from_le_bytes([self.byte()?, self.byte()?]))
    }

    /// Text up to a zero byte, without control characters.
    fn text(&mut self) -> Result<String, Cut> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(Cut)?;
        let text = String::from_utf8_lossy(&self.0[..end]);
        let text = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        self.0 = &self.0[end + 1..];
        Ok(bounded(text, MAX_TEXT_BYTES))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOURCE: &[u8] = b"\x11Friday\x00de_dust2\x00cstrike\x00Counter-Strike\x00\xf0\x00\
        \x05\x18\x02dl\x00\x011.38\x00";

    #[test]
    fn the_answer_of_source_is_read() {
        let info = Info::source(SOURCE).unwrap();
        assert_eq!((info.players, info.most, info.bots), (5, 24, 2));
        assert_eq!(info.version.as_deref(), Some("1.38"));
        assert_eq!(info.sentence(), "`Friday` plays de_dust2 with 5 of 24 players, 2 of them bots");
    }

    #[test]
    fn the_answer_of_gold_source_is_read_with_and_without_a_modification() {
        let start =
            b"192.0.2.1:27015\x00Old\x00crossfire\x00valve\x00Half-Life\x00\x03\x10\x2fdl\x00";
        let plain = [&start[..], b"\x00\x01\x02"].concat();
        let info = Info::gold_source(&plain).unwrap();
        assert_eq!((info.players, info.most, info.bots, info.version), (3, 16, 2, None));
        let modified = [
            &start[..],
            b"\x01http://mod.example\x00\x00",
            b"\x00\x01\x00\x00\x00\x02\x00\x00\x00\x01\x00",
            b"\x01\x02",
        ]
        .concat();
        assert_eq!(Info::gold_source(&modified).unwrap().bots, 2);
    }

    #[test]
    fn every_truncation_is_noticed() {
        for end in 0..SOURCE.len() {
            assert_eq!(Info::source(&SOURCE[..end]), Err(Cut), "{end}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for info in [Info::source(&bytes), Info::gold_source(&bytes)].into_iter().flatten() {
                prop_assert!(!info.sentence().contains(char::is_control));
            }
        }
    }
}
