//! Datagrams of the protocol: whole ones, and parts that are put together again. All that a
//! server sends is bounded; see the constants.

use super::info::{Cut, Info};

/// Starts a whole message (−1 as a little-endian integer).
const WHOLE: [u8; 4] = [0xff; 4];
/// Starts a part of a message (−2).
const PART: [u8; 4] = [0xfe, 0xff, 0xff, 0xff];
/// Most parts of one message; a real answer has one or two.
const MAX_PARTS: u8 = 16;
/// Most bytes of a message put together.
const MAX_BYTES: usize = 16 * 1024;

/// The question, without a challenge.
const QUESTION: &[u8] = b"\xff\xff\xff\xffTSource Engine Query\0";

/// Proof that we receive at the address we ask from.
pub(super) type Challenge = [u8; 4];

/// The question, with the challenge if the server gave one.
pub(super) fn question(challenge: Option<Challenge>) -> Vec<u8> {
    let mut bytes = QUESTION.to_vec();
    bytes.extend(challenge.into_iter().flatten());
    bytes
}

/// What a server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Ask again with this.
    Challenge(Challenge),
    /// The answer.
    Info(Info),
}

/// Puts parts together.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    id: u32,
    total: u8,
    parts: Vec<Option<Vec<u8>>>,
}

impl Assembly {
    /// Takes a datagram; a message if it completes one. `Err` says why it cannot be read.
    pub(super) fn take(&mut self, datagram: &[u8]) -> Result<Option<Message>, String> {
        let Some((start, rest)) = datagram.split_first_chunk::<4>() else {
            return Err(format!("a datagram of {} bytes", datagram.len()));
        };
        match *start {
            WHOLE => message(rest).map(Some),
            PART => self.part(rest),
            _ => Err("a datagram that is none of the protocol's".to_owned()),
        }
    }

    fn part(&mut self, bytes: &[u8]) -> Result<Option<Message>, String> {
        let cut = || "a part that ends within its head".to_owned();
        let (id, rest) = bytes.split_first_chunk::<4>().ok_or_else(cut)?;
        // Number of parts, this part's number, and the size at which the server splits.
        let ([total, number, _, _], payload) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let id = u32::from_le_bytes(*id);
        if id & 0x8000_0000 != 0 {
            return Err("a compressed answer, which A2S_INFO never needs".to_owned());
        }
        if *total == 0 || *total > MAX_PARTS || number >= total {
            return Err(format!("part {number} of {total}"));
        }
        if self.parts.is_empty() || self.id != id || self.total != *total {
            // Parts of an earlier answer are of no use any more: a repeated question has its own.
            *self = Self { id, total: *total, parts: vec![None; usize::from(*total)] };
        }
        if let Some(place) = self.parts.get_mut(usize::from(*number)) {
            place.get_or_insert_with(|| payload.to_vec());
        }
        if self.parts.iter().flatten().map(Vec::len).sum::<usize>() > MAX_BYTES {
            self.parts.clear();
            return Err(format!("an answer of more than {MAX_BYTES} bytes"));
        }
        if self.parts.iter().any(Option::is_none) {
            return Ok(None);
        }
        let whole: Vec<u8> = self.parts.drain(..).flatten().flatten().collect();
        match whole.split_first_chunk::<4>() {
            Some((&WHOLE, rest)) => message(rest).map(Some),
            _ => Err("parts that do not make a message".to_owned()),
        }
    }
}

fn message(bytes: &[u8]) -> Result<Message, String> {
    let cut = |Cut| "an answer that ends too early".to_owned();
    match bytes.split_first() {
        Some((b'A', rest)) => {
            let challenge = rest.first_chunk::<4>().ok_or(Cut).map_err(cut)?;
            Ok(Message::Challenge(*challenge))
        }
        Some((b'I', rest)) => Info::source(rest).map(Message::Info).map_err(cut),
        Some((b'm', rest)) => Info::gold_source(rest).map(Message::Info).map_err(cut),
        Some((other, _)) => Err(format!("an answer of type 0x{other:02x}")),
        None => Err("an empty answer".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANSWER: &[u8] = b"\xff\xff\xff\xffI\x11Friday\x00de_dust2\x00cstrike\x00CS\x00\xf0\x00\
        \x05\x18\x00dl\x00\x011.38\x00";

    fn part(id: u32, total: u8, number: u8, payload: &[u8]) -> Vec<u8> {
        [&PART, &id.to_le_bytes(), &[total, number, 0xe0, 0x04][..], payload].concat()
    }

    fn whole() -> Message {
        Assembly::default().take(ANSWER).unwrap().unwrap()
    }

    #[test]
    fn the_question_carries_the_challenge() {
        assert_eq!(question(None).len(), 25);
        assert_eq!(&question(Some([1, 2, 3, 4]))[25..], [1, 2, 3, 4]);
        let challenge = Assembly::default().take(b"\xff\xff\xff\xffA\x01\x02\x03\x04");
        assert_eq!(challenge, Ok(Some(Message::Challenge([1, 2, 3, 4]))));
    }

    #[test]
    fn parts_come_in_any_order_and_twice() {
        let chunks: Vec<&[u8]> = ANSWER.chunks(20).collect();
        let total = u8::try_from(chunks.len()).unwrap();
        let mut assembly = Assembly::default();
        assert_eq!(assembly.take(&part(1, total, 0, b"of an earlier answer")), Ok(None));
        let mut last = None;
        for number in (0..total).rev() {
            let bytes = part(7, total, number, chunks[usize::from(number)]);
            last = assembly.take(&bytes).unwrap();
            if number > 0 {
                assert_eq!(assembly.take(&bytes), Ok(None));
            }
        }
        assert_eq!(last, Some(whole()));
    }

    #[test]
    fn what_would_cost_memory_or_never_end_is_refused() {
        let say = |bytes: &[u8]| Assembly::default().take(bytes).unwrap_err();
        assert_eq!(say(&part(1, 0, 0, b"")), "part 0 of 0");
        assert_eq!(say(&part(1, 255, 0, b"")), "part 0 of 255");
        assert_eq!(say(&part(1, 2, 2, b"")), "part 2 of 2");
        assert_eq!(
            say(&part(0x8000_0001, 2, 0, b"BZh9")),
            "a compressed answer, which A2S_INFO never needs"
        );
        assert_eq!(say(b"\xfe\xff\xff\xff\x01"), "a part that ends within its head");
        assert_eq!(say(&part(1, 1, 0, b"no message")), "parts that do not make a message");
        let mut assembly = Assembly::default();
        let large = vec![0; 9000];
        assert_eq!(assembly.take(&part(1, 3, 0, &large)), Ok(None));
        let refused = assembly.take(&part(1, 3, 1, &large)).unwrap_err();
        assert_eq!(refused, "an answer of more than 16384 bytes");
    }

    #[test]
    fn every_truncation_is_refused() {
        for end in 0..ANSWER.len() {
            assert!(Assembly::default().take(&ANSWER[..end]).is_err(), "{end}");
        }
    }

    proptest! {
        #[test]
        fn any_datagrams_are_read_or_refused(
            datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
            start in 0..3_usize,
        ) {
            let mut assembly = Assembly::default();
            for datagram in datagrams {
                let start: &[u8] = [&WHOLE[..], &PART[..], &[]][start];
                let _ = assembly.take(&[start, &datagram].concat());
                prop_assert!(assembly.parts.len() <= usize::from(MAX_PARTS));
            }
        }
    }
}
