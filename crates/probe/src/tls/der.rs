//! Just enough DER (X.690) to take an OCSP response apart. Every length is checked against what
//! is there, and nothing is followed deeper than a caller asks.

use kuma_core::time::Timestamp;

/// One value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'a> {
    /// Its tag; tags of more than one byte are not read.
    pub(super) tag: u8,
    /// What it holds.
    pub(super) content: &'a [u8],
    /// All of it, with tag and length.
    pub(super) whole: &'a [u8],
}

impl<'a> Value<'a> {
    /// The values within.
    pub(super) fn children(&self) -> Children<'a> {
        children(self.content)
    }
}

/// Values one after the other; ends at the first that cannot be read.
#[derive(Debug, Clone)]
pub(super) struct Children<'a>(&'a [u8]);

impl<'a> Iterator for Children<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let (value, rest) = first(self.0)?;
        self.0 = rest;
        Some(value)
    }
}

/// The values in some bytes.
pub(super) const fn children(bytes: &[u8]) -> Children<'_> {
    Children(bytes)
}

/// The only value in some bytes, if it has this tag.
pub(super) fn only(bytes: &[u8], tag: u8) -> Option<Value<'_>> {
    let (value, rest) = first(bytes)?;
    (value.tag == tag && rest.is_empty()).then_some(value)
}

/// What is signed, the content of the algorithm, and the signature, of anything signed in the way
/// of X.509.
pub(super) fn signed_parts(bytes: &[u8]) -> Option<[&[u8]; 3]> {
    let mut parts = only(bytes, 0x30)?.children();
    let data = parts.next()?.whole;
    let algorithm = parts.next()?.content;
    let signature = parts.next().filter(|it| it.tag == 0x03)?.content.strip_prefix(&[0])?;
    Some([data, algorithm, signature])
}

/// A `GeneralizedTime` as OCSP writes it, in seconds since 1970.
pub(super) fn time(value: Value<'_>) -> Option<i64> {
    let text = std::str::from_utf8(value.content).ok().filter(|_| value.tag == 0x18)?;
    let digits = text.strip_suffix('Z')?;
    if digits.len() != 14 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let written = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &digits[..4],
        &digits[4..6],
        &digits[6..8],
        &digits[8..10],
        &digits[10..12],
        &digits[12..]
    );
    written.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

fn first(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (tag, after) = bytes.split_first()?;
    let (short, after) = after.split_first()?;
    let (length, after) = if *short < 0x80 {
        (usize::from(*short), after)
    } else {
        let count = usize::from(short & 0x7f);
        if !(1..=4).contains(&count) || after.len() < count {
            return None;
        }
        let (length, after) = after.split_at(count);
        (length.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)), after)
    };
    if tag & 0x1f == 0x1f || after.len() < length {
        return None;
    }
    let (content, rest) = after.split_at(length);
    let whole = &bytes[..bytes.len() - rest.len()];
    Some((Value { tag: *tag, content, whole }, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_taken_apart_and_cut_off_ones_are_none() {
        let bytes = [0x30, 6, 2, 1, 5, 4, 1, 7];
        let outer = only(&bytes, 0x30).unwrap();
        let inner: Vec<_> = outer.children().map(|it| (it.tag, it.content.to_vec())).collect();
        assert_eq!(inner, [(2, vec![5]), (4, vec![7])]);
        assert!(only(&bytes[..7], 0x30).is_none());
        assert!(only(&[0x30, 0x85, 0, 0, 0, 0, 1, 1], 0x30).is_none());
        assert!(only(&[0x30, 0x80], 0x30).is_none());
    }

    #[test]
    fn times_are_read() {
        let read = |text: &str| time(Value { tag: 0x18, content: text.as_bytes(), whole: &[] });
        assert_eq!(read("19700101000010Z"), Some(10));
        for bad in ["19700101000010", "1970010100001Z", "19701301000010Z", "1970010100001éZ"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for value in children(&bytes) {
                prop_assert!(value.content.len() <= bytes.len());
                value.children().for_each(drop);
                let _ = time(value);
            }
            let _ = signed_parts(&bytes);
        }
    }
}
