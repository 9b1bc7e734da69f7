//! From the wall clock to an instant.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// The instant of a wall-clock time: the first one when it is repeated, the end of the gap when
/// it is skipped. None beyond the range of time.
pub(super) fn instant(zone: &TimeZone, civil: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil).ok(),
        AmbiguousOffset::Gap { after, .. } => {
            // With the later offset a skipped time reads as an instant before the change.
            let earlier = after.to_timestamp(civil).ok()?;
            zone.following(earlier).next().map(|change| change.timestamp())
        }
    }
}
