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
use kuma_core::check::{DnsCheck, DnsProtocol, IpFamily, RecordType, TlsOptions};
use kuma_core::observation::Outcome;
use kuma_core::particulars::DnsParticulars;
use kuma_core::reason::Reason;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::attempt::{Attempt, Verdict};
use crate::fault::Fault;
use crate::net::connect_fault;
use crate::resolve::{self, Trouble};
use crate::tls::{self, Alpn};
use crate::trace::Stage;
use exchange::{Answer, ExchangeError, Question, Transport};

/// Where DNS servers listen unless said (RFC 1035 4.2).
const PORT: u16 = 53;
/// Where they listen for TLS (RFC 7858 3.1).
const TLS_PORT: u16 = 853;

/// Asks the question and judges the answer.
pub(crate) async fn run(attempt: &mut Attempt<'_>, check: &DnsCheck) -> Verdict {
    let question = question(check)?;
    let servers = servers(attempt, check).await?;
    let began = Instant::now();
    let verdict = match ask(attempt, check, &servers, &question).await {
        Ok(answer) => {
            if check.server.is_none() {
                attempt.shared.resolver.heard(attempt.settings);
            }
            attempt.trace.facts.extend(judge::facts(&answer));
            if let Some(seen) = &mut attempt.trace.particulars {
                seen.dns = Some(particulars(&answer));
            }
            attempt.give(|| judge::given(&question, &answer));
            judge::judge(check, &question, &answer)
        }
        Err(fault) => Err(fault),
    };
    if check.server.is_none() {
        return blame(attempt, check, verdict, began).await;
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

/// A server to ask, and the name by which it has to show itself.
struct Server {
    address: SocketAddr,
    host: String,
}

/// Whom to ask, in order: the check's server, else the servers in force.
async fn servers(attempt: &mut Attempt<'_>, check: &DnsCheck) -> Result<Vec<Server>, Fault> {
    let port = match check.protocol {
        DnsProtocol::Udp | DnsProtocol::Tcp => PORT,
        DnsProtocol::Tls(_) => TLS_PORT,
    };
    let Some(named) = &check.server else {
        let known = attempt.shared.resolver.servers(attempt.settings)?;
        let ours = known.into_iter().map(|mut address| {
            if address.port() == PORT {
                address.set_port(port);
            }
            Server { address, host: address.ip().to_string() }
        });
        return Ok(ours.collect());
    };
    let (host, port) = server::split(named, port).ok_or_else(|| {
        Fault::target(Reason::TargetInvalid, format!("`{named}` is neither `host` nor `host:port`"))
    })?;
    let addresses = attempt.permitted_addresses(&host, IpFamily::Auto).await?;
    let named = |address| Server { address: SocketAddr::new(address, port), host: host.clone() };
    Ok(addresses.into_iter().map(named).collect())
}

/// Asks one server after the other until one answers; each gets its share of the time left. Where
/// they are our own resolver's, time is kept free to find out whether they live.
async fn ask(
    attempt: &mut Attempt<'_>,
    check: &DnsCheck,
    servers: &[Server],
    question: &Question,
) -> Result<Answer, Fault> {
    let reserved = match check.server {
        Some(_) => Duration::ZERO,
        None => resolve::reserve(attempt.left()),
    };
    let mut last = Fault::ours(Reason::ResolverDown, "no DNS server is configured");
    for (turn, server) in servers.iter().enumerate() {
        let remaining = u32::try_from(servers.len() - turn).unwrap_or(1);
        let budget = attempt.left().saturating_sub(reserved) / remaining;
        attempt.trace.peer = Some(server.address.ip());
        let asked = match &check.protocol {
            DnsProtocol::Udp => plainly(attempt, server, question, Transport::Udp, budget).await,
            DnsProtocol::Tcp => plainly(attempt, server, question, Transport::Tcp, budget).await,
            DnsProtocol::Tls(options) => {
                let asking = over_tls(attempt, server, options, question);
                let asked = tokio::time::timeout(budget, asking).await;
                asked.unwrap_or_else(|_elapsed| Err(attempt.trace.timed_out(budget)))
            }
        };
        attempt.trace.enter(Stage::Idle);
        match asked {
            Ok(answer) => return Ok(answer),
            Err(fault) => {
                attempt.trace.note(format!("server {}", server.address), fault.message.clone());
                last = fault;
            }
        }
    }
    Err(last)
}

async fn plainly(
    attempt: &mut Attempt<'_>,
    server: &Server,
    question: &Question,
    transport: Transport,
    budget: Duration,
) -> Result<Answer, Fault> {
    attempt.trace.enter(Stage::FirstByte);
    let asked = exchange::ask(server.address, question, transport, budget).await;
    asked.map_err(|error| no_answer(error, attempt.timeout))
}

/// RFC 7858: TLS from the first byte.
async fn over_tls(
    attempt: &mut Attempt<'_>,
    server: &Server,
    options: &TlsOptions,
    question: &Question,
) -> Result<Answer, Fault> {
    attempt.trace.enter(Stage::Connect);
    let stream = TcpStream::connect(server.address)
        .await
        .map_err(|error| connect_fault(&error, &server.address.to_string()))?;
    let mut stream = tls::connect(attempt, stream, &server.host, options, Alpn::None).await?;
    attempt.trace.enter(Stage::FirstByte);
    let asked = exchange::ask_on(&mut stream, server.address, question).await;
    asked.map_err(|error| no_answer(error, attempt.timeout))
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
async fn blame(
    attempt: &Attempt<'_>,
    check: &DnsCheck,
    verdict: Verdict,
    began: Instant,
) -> Verdict {
    let resolver = &attempt.shared.resolver;
    let settings = attempt.settings;
    match verdict {
        Ok(said) => {
            resolver.answered(&check.domain, settings);
            Ok(said)
        }
        Err(mut fault) => {
            if let Some(trouble) = trouble(fault.outcome)
                && let Some(why) =
                    resolver.blame(&check.domain, trouble, settings, began, attempt.left()).await
            {
                fault.outcome = Outcome::Indeterminate(Reason::ResolverDown);
                fault.message = format!("{}; {why}", fault.message);
            }
            Err(fault)
        }
    }
}

/// What may be the resolver's fault.
const fn trouble(outcome: Outcome) -> Option<Trouble> {
    match outcome {
        Outcome::Failure(Reason::DnsServfail) => Some(Trouble::ServFail),
        Outcome::Failure(
            Reason::DnsTimeout
            | Reason::ConnectTimeout
            | Reason::ConnectionRefused
            | Reason::HostUnreachable
            | Reason::NetworkUnreachable,
        ) => Some(Trouble::Silence),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
