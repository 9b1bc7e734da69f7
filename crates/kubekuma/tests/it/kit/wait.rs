//! Waiting for conditions, and ports that nobody else takes.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for anything. Far more than is needed, so that a busy machine fails no test.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// The time, for deadlines and measurements of the tests.
#[expect(clippy::disallowed_methods, reason = "tests measure the program from outside")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Looks again and again until `look` has an answer; panics with `what` when it has none in time.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(last) if begun.elapsed() > PATIENCE => {
                panic!("waited {PATIENCE:?} for {what}; last seen: {last}")
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// A port that is free now. It is below the range that the system takes ports of outgoing
/// connections from, and no other test of this process gets it.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + u16::try_from(std::process::id() % 80).unwrap_or_default() * 100;
    loop {
        let port = start + NEXT.fetch_add(1, Ordering::Relaxed);
        let free = TcpListener::bind(("127.0.0.1", port)).is_ok()
            && std::net::UdpSocket::bind(("127.0.0.1", port)).is_ok();
        if free {
            return port;
        }
    }
}
