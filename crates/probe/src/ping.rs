//! `ping`: ICMP echo, with TCP where ICMP is not permitted and the settings allow it.

mod connect;
mod echo;
mod filter;
mod method;
mod packet;
mod tally;

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use kuma_core::check::PingCheck;
use kuma_core::observation::{Outcome, micros};
use kuma_core::particulars::IcmpParticulars;
use kuma_core::reason::Reason;
use kuma_expr::Value;

use crate::attempt::{Attempt, Verdict};
use crate::condition::Given;
use crate::fault::Fault;
use crate::net::connect_fault;
use crate::trace::Stage;
use echo::{EchoSocket, OpenError, Plan};
use method::Method;
use packet::{Identity, NONCE, Version};
use tally::Tally;

/// Pings the first of the host's addresses that this host has a way to.
pub(crate) async fn run(attempt: &mut Attempt<'_>, check: &PingCheck) -> Verdict {
    let addresses = attempt.permitted_addresses(&check.host, check.ip_family).await?;
    let mut methods = method::methods(check, &attempt.settings.networking);
    if attempt.trace.particulars.is_some() {
        // A raw socket shows the reply's time to live; TCP stays the last resort.
        methods.sort_by_key(|method| match method {
            Method::Raw => 0,
            Method::Datagram => 1,
            Method::Tcp(_) => 2,
        });
    }
    let mut unroutable = None;
    for address in addresses {
        match ping(attempt, check, address, &methods).await {
            Err(fault) if is_unroutable(&fault) => {
                unroutable.get_or_insert(fault);
            }
            verdict => return verdict,
        }
    }
    Err(unroutable.unwrap_or_else(|| {
        Fault::target(Reason::DnsNoData, format!("{} has no address", check.host))
    }))
}

fn is_unroutable(fault: &Fault) -> bool {
    fault.outcome == Outcome::Failure(Reason::NetworkUnreachable)
}

/// Tries the methods in turn until this host permits one.
async fn ping(
    attempt: &mut Attempt<'_>,
    check: &PingCheck,
    address: IpAddr,
    methods: &[Method],
) -> Verdict {
    attempt.trace.peer = Some(address);
    for method in methods {
        let socket = match method {
            Method::Tcp(port) => {
                return measure(attempt, check, address, *method, Way::Tcp(*port)).await;
            }
            Method::Datagram => EchoSocket::open(address, false),
            Method::Raw => EchoSocket::open(address, true),
        };
        match socket {
            Ok(socket) => {
                return measure(attempt, check, address, *method, Way::Icmp(&socket)).await;
            }
            Err(OpenError::NotPermitted) => {}
            Err(OpenError::Io(error)) => return Err(no_way(&error, address)),
        }
    }
    Err(Fault::ours(Reason::Permission, method::how_to_permit(&attempt.settings.networking)))
}

/// A method that this host permits.
enum Way<'a> {
    Icmp(&'a EchoSocket),
    Tcp(u16),
}

async fn measure(
    attempt: &mut Attempt<'_>,
    check: &PingCheck,
    address: IpAddr,
    method: Method,
    way: Way<'_>,
) -> Verdict {
    let plan = Plan {
        address,
        count: check.count.max(1) as usize,
        size: check.packet_size as usize,
        budget: attempt.left(),
    };
    let clock = attempt.shared.clock.as_ref();
    let mut tally = Tally::default();
    let began = attempt.trace.elapsed();
    attempt.trace.enter(Stage::FirstByte);
    let ended = match way {
        Way::Icmp(socket) => socket.run(&plan, clock, &mut tally).await,
        Way::Tcp(port) => connect::run(&plan, port, clock, &mut tally).await,
    };
    attempt.trace.enter(Stage::Idle);
    if let Some(seen) = &mut attempt.trace.particulars {
        let resolve = Duration::from_micros(attempt.trace.phases.resolve.unwrap_or(0).into());
        let setup = began.saturating_sub(resolve);
        seen.icmp = Some(IcmpParticulars { setup, hop_limit: tally.hop_limit });
    }
    let reported = ended.map_err(|error| no_way(&error, address))?;
    if let Some(times) = tally.times() {
        // What a ping measures is the round trip, not how long all of them took together.
        attempt.trace.phases.first_byte = Some(micros(times.mean));
        attempt.latency = Some(times.mean);
    }
    attempt.give(|| given(&tally, plan.count));
    judge(check, &plan, method, &tally, reported)
}

/// What a condition may look at.
fn given(tally: &Tally, count: usize) -> Given {
    let ms = |time: Duration| Value::Double(time.as_secs_f64() * 1e3);
    let times = tally.times().unwrap_or_default();
    let values = [
        ("lossPercent", Value::Double(tally.loss_percent(count))),
        ("minMs", ms(times.min)),
        ("maxMs", ms(times.max)),
        ("jitterMs", ms(times.mdev)),
    ];
    let facts = [("requests", tally.list()), ("min/avg/max/mdev", times.to_string())];
    Given::of(values, facts.map(|(name, value)| (name.to_owned(), value)).into())
}

fn judge(
    check: &PingCheck,
    plan: &Plan,
    method: Method,
    tally: &Tally,
    reported: Option<io::Error>,
) -> Verdict {
    let name = method.name();
    let summary = tally.summary(plan.count);
    if tally.is_good(plan.count, check.max_loss_percent) {
        return Ok(match tally.times() {
            Some(times) => format!("{name}: {summary}, min/avg/max/mdev {times}"),
            None => format!("{name}: {summary}"),
        });
    }
    let fault = match reported {
        None if tally.sent() < plan.count => Fault::ours(
            Reason::Resources,
            format!(
                "{name}: only {} of {} requests could be sent in time, this host is too busy",
                tally.sent(),
                plan.count
            ),
        ),
        Some(error) if tally.answered() == 0 => no_way(&error, plan.address),
        None if tally.answered() == 0 && tally.unreachable_code().is_some() => Fault::target(
            Reason::HostUnreachable,
            format!("{} cannot be reached: the network says so", plan.address),
        ),
        _ => Fault::target(
            Reason::PingLoss,
            format!("{name}: {summary}, at most {} % loss is accepted", check.max_loss_percent),
        ),
    };
    let fault = fault.with("method", name).with("requests", tally.list());
    Err(match tally.times() {
        Some(times) => fault.with("min/avg/max/mdev", times.to_string()),
        None => fault,
    })
}

/// Reads a packet as each kind of socket shows it: any bytes are understood or left alone.
pub fn any_packet(bytes: &[u8]) {
    let identity = Identity { identifier: 0x1234, nonce: [7; NONCE], size: 56 };
    for version in [Version::V4, Version::V6] {
        for raw in [false, true] {
            packet::read(version, raw, &identity, bytes);
            packet::hop_limit(version, raw, bytes);
        }
    }
}

/// An error of the socket. A host without the address's family has no way to it.
fn no_way(error: &io::Error, address: IpAddr) -> Fault {
    /// "Address family not supported", on Linux and on the BSDs.
    const NO_FAMILY: [i32; 2] = [97, 47];
    let no_family = error.raw_os_error().is_some_and(|code| NO_FAMILY.contains(&code));
    if no_family {
        return Fault::target(
            Reason::NetworkUnreachable,
            format!("{address} cannot be asked: this host has no such address family"),
        );
    }
    connect_fault(error, &address.to_string())
}

#[cfg(test)]
mod tests;
