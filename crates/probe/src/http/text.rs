//! Percent-encoding, for user info in URLs.

/// The text with `%41` read as `A`; what is no encoding stays.
pub(crate) fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let encoded = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = encoded {
            decoded.push(byte);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_encodings_are_decoded() {
        assert_eq!(percent_decoded("p%40ss%3aw%rd%2"), "p@ss:w%rd%2");
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(text in "[a-z@:/% é+]{0,20}") {
            let encoded = text.bytes().fold(String::new(), |mut encoded, byte| {
                let _ = write!(encoded, "%{byte:02X}");
                encoded
            });
            prop_assert_eq!(percent_decoded(&encoded), text);
        }
    }
}
