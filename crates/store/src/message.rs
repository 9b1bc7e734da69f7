//! What every store says of a message on its way: its status, and the key of a claim.

use aws_lc_rs::digest;

use crate::code::damaged;

/// Receipts of one claim; a group of many incidents that were told often has more.
pub(crate) const MOST_EARLIER: u32 = 200;
/// Incidents of one provider that are told again.
pub(crate) const MOST_STANDING: u32 = 10_000;

/// As stored in `outbox.status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    Pending = 0,
    Sending = 1,
    Sent = 2,
    Failed = 3,
    Suppressed = 4,
    ToldWithAnother = 5,
}

impl Status {
    /// The delivery log's word for a stored status.
    pub(crate) fn word(code: u8) -> sqlx::Result<&'static str> {
        Ok(match code {
            0 => "pending",
            1 => "sending",
            2 => "sent",
            3 => "failed",
            4 | 5 => "deduped",
            other => return Err(damaged("delivery status", other)),
        })
    }
}

/// The row's own key, or for several the SHA-256 of their sorted keys.
pub(crate) fn claim_key<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    let mut keys: Vec<&str> = keys.collect();
    keys.sort_unstable();
    if let [only] = keys.as_slice() {
        return (*only).to_owned();
    }
    let hash = digest::digest(&digest::SHA256, keys.join("\n").as_bytes());
    hash.as_ref().iter().fold(String::new(), |mut hex, byte| {
        use std::fmt::Write;
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
