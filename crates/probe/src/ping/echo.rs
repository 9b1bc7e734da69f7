//! ICMP echo over a socket of the kernel's: no process, no thread, no copy of the host's `ping`.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use kuma_core::time::Clock;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::filter;
use super::packet::{self, Event, Identity, MAX_IP_HEADER, Version};
use super::tally::Tally;

/// From one request to the next, at most.
const GAP: Duration = Duration::from_millis(200);
/// Once something was answered, how long the last request is waited for at least.
const LINGER: Duration = Duration::from_secs(1);
/// Room for an error message that quotes a request.
const MIN_BUFFER: usize = 1024;
/// "Protocol not supported": a kernel without datagram ICMP sockets.
const NO_PROTOCOL: [i32; 2] = [93, 43];

/// What to send and how long to wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) address: IpAddr,
    pub(crate) count: usize,
    /// Payload bytes.
    pub(crate) size: usize,
    /// For everything together.
    pub(crate) budget: Duration,
}

impl Plan {
    /// From one request to the next: all of them fit into half of the time.
    pub(crate) fn gap(&self) -> Duration {
        let half = u32::try_from(self.count.max(1) * 2).unwrap_or(u32::MAX);
        GAP.min(self.budget / half)
    }
}

/// A socket for echo requests to one address.
pub(crate) struct EchoSocket {
    /// In truth an ICMP socket: tokio's type for UDP does no more than `send` and `recv` on a
    /// descriptor that it owns, without unsafe code.
    socket: UdpSocket,
    raw: bool,
    version: Version,
    identifier: u16,
}

/// Why there is no socket.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// This process may not have one of this kind.
    NotPermitted,
    /// Something else.
    Io(io::Error),
}

impl EchoSocket {
    /// Opens a socket that sees only what comes from `address`.
    pub(crate) fn open(address: IpAddr, raw: bool) -> Result<Self, OpenError> {
        let version = Version::of(address);
        let (domain, protocol) = match version {
            Version::V4 => (Domain::IPV4, Protocol::ICMPV4),
            Version::V6 => (Domain::IPV6, Protocol::ICMPV6),
        };
        let kind = if raw { Type::RAW } else { Type::DGRAM };
        let socket = Socket::new(domain, kind, Some(protocol)).map_err(|error| {
            let unknown = error.raw_os_error().is_some_and(|code| NO_PROTOCOL.contains(&code));
            if error.kind() == ErrorKind::PermissionDenied || unknown {
                OpenError::NotPermitted
            } else {
                OpenError::Io(error)
            }
        })?;
        let ready = || -> io::Result<(UdpSocket, u16)> {
            let identifier = u16::from_be_bytes(random()?);
            if raw {
                filter::attach(&socket, version, identifier)?;
            }
            socket.set_nonblocking(true)?;
            socket.connect(&SocketAddr::new(address, 0).into())?;
            Ok((UdpSocket::from_std(socket.into())?, identifier))
        };
        let (socket, identifier) = ready().map_err(OpenError::Io)?;
        Ok(Self { socket, raw, version, identifier })
    }

    /// Sends the plan's requests and waits for their replies, until all have come or the time is
    /// over. What became of each is in `tally`; the error is the last one that the network
    /// reported instead of a reply, if any.
    ///
    /// # Errors
    /// What says nothing about the target.
    pub(crate) async fn run(
        &self,
        plan: &Plan,
        clock: &dyn Clock,
        tally: &mut Tally,
    ) -> io::Result<Option<io::Error>> {
        let identity = Identity { identifier: self.identifier, nonce: random()?, size: plan.size };
        let mut buffer = vec![0; MIN_BUFFER.max(plan.size + MAX_IP_HEADER + 8)];
        let started = Instant::now();
        let deadline = started + plan.budget;
        let mut last_send = started;
        let mut reported = None;
        loop {
            let all_sent = tally.sent() == plan.count;
            if all_sent && !tally.is_waiting() {
                break;
            }
            let wake = match (all_sent, tally.sent()) {
                (true, _) => give_up_at(last_send, tally).unwrap_or(deadline),
                (false, 0) => started,
                (false, _) => last_send + plan.gap(),
            };
            tokio::select! {
                // Replies first: when this process was held up, they wait beside an elapsed timer.
                biased;
                received = self.socket.recv(&mut buffer) => match received {
                    Ok(length) => {
                        let event = packet::read(self.version, self.raw, &identity, &buffer[..length]);
                        if matches!(event, Some(Event::Reply(_))) {
                            tally.hop_limit = packet::hop_limit(self.version, self.raw, &buffer);
                        }
                        note(event, clock, tally);
                    }
                    Err(error) => reported = Some(accept(error, tally)?),
                },
                () = tokio::time::sleep_until(wake.min(deadline)) => {
                    if all_sent || Instant::now() >= deadline {
                        break;
                    }
                    let number = tally.send(clock.now().mono);
                    let sequence = u16::try_from(number).unwrap_or(u16::MAX);
                    let request = packet::request(self.version, &identity, sequence);
                    last_send = Instant::now();
                    if let Err(error) = self.socket.send(&request).await {
                        reported = Some(accept(error, tally)?);
                    }
                }
            }
        }
        Ok(reported)
    }
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(bytes)
}

fn note(event: Option<Event>, clock: &dyn Clock, tally: &mut Tally) {
    match event {
        Some(Event::Reply(sequence)) => tally.answer(usize::from(sequence), clock.now().mono),
        Some(Event::Unreachable { sequence, code }) => {
            tally.unreachable(usize::from(sequence), code);
        }
        None => {}
    }
}

/// Errors by which the network says that a request did not get there belong to the last request.
fn accept(error: io::Error, tally: &mut Tally) -> io::Result<io::Error> {
    if !is_report(&error) {
        return Err(error);
    }
    tally.unreachable(tally.sent().saturating_sub(1), 0);
    Ok(error)
}

fn is_report(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::ConnectionRefused
    )
}

/// With replies at hand, a lost one is not waited for to the end of the attempt's time.
fn give_up_at(last_send: Instant, tally: &Tally) -> Option<Instant> {
    let slowest = tally.times()?.max;
    Some(last_send + LINGER.max(slowest * 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_requests_fit_into_half_of_the_time() {
        for (count, budget_ms, gap_ms) in [(1, 10_000, 200), (10, 1_000, 50), (100, 10_000, 50)] {
            let plan = Plan {
                address: IpAddr::from([127, 0, 0, 1]),
                count,
                size: 0,
                budget: Duration::from_millis(budget_ms),
            };
            assert_eq!(plan.gap(), Duration::from_millis(gap_ms));
        }
    }
}
