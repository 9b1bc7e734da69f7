//! TCP connections in the place of echo requests. A refusal is an answer too: the host is there.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use kuma_core::time::Clock;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::echo::Plan;
use super::tally::Tally;

/// Connects as often as the plan says, one connection after the other. The error is the last one
/// that the network reported, if any.
///
/// # Errors
/// What says nothing about the target.
pub(crate) async fn run(
    plan: &Plan,
    port: u16,
    clock: &dyn Clock,
    tally: &mut Tally,
) -> io::Result<Option<io::Error>> {
    let target = SocketAddr::new(plan.address, port);
    let deadline = Instant::now() + plan.budget;
    let mut reported = None;
    for turn in 0..plan.count {
        let started = Instant::now();
        let left = deadline.saturating_duration_since(started);
        let share = left / u32::try_from(plan.count - turn).unwrap_or(1);
        let number = tally.send(clock.now().mono);
        match tokio::time::timeout(share, TcpStream::connect(target)).await {
            Ok(Ok(_)) => tally.answer(number, clock.now().mono),
            Ok(Err(error)) => match error.kind() {
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => {
                    tally.answer(number, clock.now().mono);
                }
                ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::TimedOut => {
                    tally.unreachable(number, 0);
                    reported = Some(error);
                }
                _ => return Err(error),
            },
            Err(_) => {}
        }
        if turn + 1 < plan.count {
            tokio::time::sleep_until((started + plan.gap()).min(deadline)).await;
        }
    }
    Ok(reported)
}
