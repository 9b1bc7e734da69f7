//! Waiting for conditions of a cluster, which take longer than those of one process.

use std::time::Duration;

use kuma_fixture::wait::now;

/// Longest wait for anything. Far more than is needed, so that a busy machine fails no test.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// Pause between two looks, most of which start a kubectl.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks again and again until `look` has an answer; panics with `what` when it has none in time.
#[track_caller]
pub fn until<T>(what: &str, look: impl FnMut() -> Result<T, String>) -> T {
    until_for(PATIENCE, what, look)
}

/// The same with another patience.
#[track_caller]
pub fn until_for<T>(patience: Duration, what: &str, look: impl FnMut() -> Result<T, String>) -> T {
    match look_for(patience, look) {
        Ok(found) => found,
        Err(last) => panic!("waited {patience:?} for {what}; last seen: {last}"),
    }
}

/// The same for who can go on without: what was last seen when the patience is over.
pub fn look_for<T>(
    patience: Duration,
    mut look: impl FnMut() -> Result<T, String>,
) -> Result<T, String> {
    let begun = now();
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(last) if begun.elapsed() > patience => return Err(last),
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}
