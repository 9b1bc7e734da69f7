//! The two messages of the health service, each of one field, in protocol buffers' encoding and
//! gRPC's framing: a byte that says whether it is compressed, and its length in four.

/// What the server says about a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// Not known yet.
    Unknown,
    /// It serves.
    Serving,
    /// It does not.
    NotServing,
    /// There is no such service (only streams say it this way; some servers do here too).
    ServiceUnknown,
    /// A number that the protocol does not define.
    Other(u64),
}

/// `HealthCheckRequest { service = 1 }` in its frame.
pub(super) fn question(service: &str) -> Vec<u8> {
    let mut message = Vec::with_capacity(service.len() + 10);
    if !service.is_empty() {
        message.push(0x0a);
        put_varint(&mut message, service.len() as u64);
        message.extend_from_slice(service.as_bytes());
    }
    let mut frame = vec![0];
    frame.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend_from_slice(&message);
    frame
}

/// `HealthCheckResponse { status = 1 }` out of its frame; `Err` says what is wrong.
pub(super) fn answer(body: &[u8]) -> Result<Health, &'static str> {
    let (head, rest) = body.split_first_chunk::<5>().ok_or("no message came")?;
    let [compressed, length @ ..] = *head;
    if compressed != 0 {
        return Err("the message is compressed, which was not offered");
    }
    if usize::try_from(u32::from_be_bytes(length)) != Ok(rest.len()) {
        return Err("the message does not have the length that it says");
    }
    status(rest).ok_or("the message is no HealthCheckResponse")
}

/// The last field 1; fields that later versions may add are passed over.
fn status(mut message: &[u8]) -> Option<Health> {
    let mut status = 0;
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let skipped = match (tag >> 3, tag & 7) {
            (1, 0) => {
                status = varint(&mut message)?;
                0
            }
            (0 | 1, _) => return None,
            (_, 0) => varint(&mut message).map(|_| 0)?,
            (_, 1) => 8,
            (_, 2) => usize::try_from(varint(&mut message)?).ok()?,
            (_, 5) => 4,
            _ => return None,
        };
        message = message.get(skipped..)?;
    }
    Some(match status {
        0 => Health::Unknown,
        1 => Health::Serving,
        2 => Health::NotServing,
        3 => Health::ServiceUnknown,
        other => Health::Other(other),
    })
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_question_names_the_service() {
        assert_eq!(question(""), [0, 0, 0, 0, 0]);
        assert_eq!(question("a.B"), [0, 0, 0, 0, 5, 0x0a, 3, b'a', b'.', b'B']);
        let long = question(&"x".repeat(200));
        assert_eq!(long[..8], [0, 0, 0, 0, 203, 0x0a, 200, 1]);
    }

    #[test]
    fn the_answer_is_read_also_from_a_later_version() {
        let say = |message: &[u8]| {
            let length = u8::try_from(message.len()).unwrap();
            answer(&[&[0, 0, 0, 0, length], message].concat())
        };
        assert_eq!(say(&[8, 1]), Ok(Health::Serving));
        assert_eq!(say(&[8, 2]), Ok(Health::NotServing));
        assert_eq!(say(&[]), Ok(Health::Unknown));
        assert_eq!(say(&[8, 0x96, 1]), Ok(Health::Other(150)));
        assert_eq!(say(&[0x12, 2, b'h', b'i', 8, 1, 0x18, 5]), Ok(Health::Serving));
        for bad in [&[8][..], &[8, 0xff], &[0x0a, 1, 0], &[0x12, 200], &[0, 0], &[0x0b]] {
            assert_eq!(say(bad), Err("the message is no HealthCheckResponse"), "{bad:?}");
        }
        assert_eq!(answer(b""), Err("no message came"));
        assert!(answer(&[1, 0, 0, 0, 0]).is_err());
        assert!(answer(&[0, 0, 0, 0, 3, 8, 1]).is_err());
        assert!(answer(&[0, 0, 0, 0, 2, 8, 1, 0]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = answer(&bytes);
            let _ = status(&bytes);
        }
    }
}
