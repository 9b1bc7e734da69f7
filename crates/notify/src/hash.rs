//! Short names for long things.

use std::fmt::Write as _;

use aws_lc_rs::digest;

/// SHA-256 of a text in lower-case hex.
pub(crate) fn sha256_hex(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hash.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
