//! What stands in the database: a damaged file, or one that somebody else wrote.

use kuma_core::engine::MonitorRecord;
use kuma_core::id::MonitorId;
use kuma_core::ports::StateRow;
use kuma_core::sketch::Sketch;
use kuma_store::chunk;

/// The first byte says what the rest is read as.
pub(crate) fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    match kind % 3 {
        0 => {
            if let Ok(beats) = chunk::decode(1, rest) {
                assert!(beats.len() <= chunk::MAX_BEATS, "{} heartbeats in a chunk", beats.len());
            }
        }
        1 => {
            if let Ok(sketch) = Sketch::decode(rest) {
                let _ = sketch.quantile(0.99);
                assert_eq!(Sketch::decode(&sketch.encode()), Ok(sketch));
            }
        }
        _ => {
            let row = StateRow { monitor: MonitorId(1), version: 1, blob: rest.to_vec() };
            let _ = MonitorRecord::decode(&row);
        }
    }
}
