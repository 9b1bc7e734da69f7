//! `dns`: a question to a DNS server and what its answer must hold.

pub(crate) mod exchange;
mod judge;
mod records;
mod server;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod text;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::rr::{Name, RData};
use kuma_core::check::{DnsCheck, DnsProtocol, IpFamily, RecordType};
use kuma_core::observation::Outcome;
use kuma_core::particulars::DnsParticulars;
use kuma_core::reason::Reason;

use crate::attempt::{Attempt, Verdict};
use crate::fault::Fault;
use crate::net::connect_fault;
use crate::trace::Stage;
use exchange::{Answer, ExchangeError, Question, Transport};

/// Asks the question and judges the answer.
pub(crate) async fn run(attempt: &mut Attempt<'_>, check: &DnsCheck) -> Verdict {
    let transport = match check.protocol {
        DnsProtocol::Udp => Transport::Udp,
        DnsProtocol::Tcp => Transport::Tcp,
        DnsProtocol::Tls => {
            return Err(Fault::ours(
                Reason::Unsupported,
                "this build cannot ask DNS questions over TLS",
            ));
        }
    };
    let question = question(check)?;
    let servers = servers(attempt, check).await?;
    let verdict = match ask(attempt, &servers, &question, transport).await {
        Ok(answer) => {
            attempt.trace.facts.extend(judge::facts(&answer));
            if let Some(seen) = &mut attempt.trace.particulars {
                seen.dns = Some(particulars(&answer));
            }
            judge::judge(check, &question, &answer)
        }
        Err(fault) => Err(fault),
    };
    if check.server.is_none() {
        return blame(attempt, check, verdict);
    }
    verdict
}

fn particulars(answer: &Answer) -> DnsParticulars {
    let message = &answer.message;
    DnsParticulars {
        answers: message.answers.len(),
        authorities: message.authorities.len(),
        additionals: message.additionals.len(),
        serial: message.answers.iter().find_map(|record| match &record.data {
            RData::SOA(soa) => Some(soa.serial),
            _ => None,
        }),
    }
}

/// The name and type on the wire; an address asked for its PTR is turned into its reverse name.
fn question(check: &DnsCheck) -> Result<Question, Fault> {
    let name = match check.domain.parse::<IpAddr>() {
        Ok(address) if check.record_type == RecordType::Ptr => Name::from(address),
        _ => text::parse_name(&check.domain).map_err(|why| {
            Fault::target(Reason::TargetInvalid, format!("`{}` is no name: {why}", check.domain))
        })?,
    };
    Ok(Question { name: text::absolute(name), record_type: records::wire_type(check.record_type) })
}

/// Whom to ask, in order: the check's server, else the servers in force.
async fn servers(attempt: &mut Attempt<'_>, check: &DnsCheck) -> Result<Vec<SocketAddr>, Fault> {
    let Some(named) = &check.server else {
        return Ok(attempt.shared.resolver.servers(attempt.settings)?);
    };
    let (host, port) = server::split(named).ok_or_else(|| {
        Fault::target(Reason::TargetInvalid, format!("`{named}` is neither `host` nor `host:port`"))
    })?;
    let addresses = attempt.permitted_addresses(&host, IpFamily::Auto).await?;
    Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

/// Asks one server after the other until one answers; each gets its share of the time left.
async fn ask(
    attempt: &mut Attempt<'_>,
    servers: &[SocketAddr],
    question: &Question,
    transport: Transport,
) -> Result<Answer, Fault> {
    let mut last = Fault::ours(Reason::ResolverDown, "no DNS server is configured");
    for (turn, server) in servers.iter().enumerate() {
        let remaining = u32::try_from(servers.len() - turn).unwrap_or(1);
        let budget = attempt.left() / remaining;
        attempt.trace.peer = Some(server.ip());
        attempt.trace.enter(Stage::FirstByte);
        let asked = exchange::ask(*server, question, transport, budget).await;
        attempt.trace.enter(Stage::Idle);
        match asked {
            Ok(answer) => return Ok(answer),
            Err(error) => {
                let fault = no_answer(error, attempt.timeout);
                attempt.trace.note(format!("server {server}"), fault.message.clone());
                last = fault;
            }
        }
    }
    Err(last)
}

fn no_answer(error: ExchangeError, timeout: Duration) -> Fault {
    let message = error.to_string();
    match error {
        ExchangeError::Timeout { ignored: 0, .. } => Fault::target(Reason::DnsTimeout, message),
        ExchangeError::Timeout { ignored, .. } => Fault::target(
            Reason::DnsTimeout,
            format!("{message}; {ignored} messages that answer something else were left alone"),
        ),
        ExchangeError::Io { server, error } => {
            let fault = connect_fault(&error, &server.to_string());
            if fault.outcome == Outcome::Failure(Reason::ConnectTimeout) {
                let timeout = crate::words::duration(timeout);
                return Fault::target(
                    Reason::DnsTimeout,
                    format!("no answer from {server} within {timeout}"),
                );
            }
            fault
        }
        ExchangeError::Closed { .. } => Fault::target(Reason::ConnectionClosed, message),
        ExchangeError::Malformed { .. } => Fault::target(Reason::DnsMalformed, message),
        ExchangeError::Question(_) => Fault::target(Reason::TargetInvalid, message),
    }
}

/// Where the servers are our own resolver's, their trouble may be ours and not the name's.
fn blame(attempt: &Attempt<'_>, check: &DnsCheck, verdict: Verdict) -> Verdict {
    let resolver = &attempt.shared.resolver;
    let settings = attempt.settings;
    match verdict {
        Ok(said) => {
            resolver.answered(&check.domain, settings);
            Ok(said)
        }
        Err(mut fault) => {
            let may_be_ours = matches!(
                fault.outcome,
                Outcome::Failure(
                    Reason::DnsServfail | Reason::DnsTimeout | Reason::ConnectionRefused
                )
            );
            if may_be_ours && resolver.is_to_blame(&check.domain, settings) {
                fault.outcome = Outcome::Indeterminate(Reason::ResolverDown);
                fault.message.push_str("; no other name resolves either");
            }
            Err(fault)
        }
    }
}

#[cfg(test)]
mod tests;
