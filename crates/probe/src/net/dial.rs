//! From a name to a connection. Egress rules are applied to the very addresses that are dialled.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kuma_core::check::IpFamily;
use kuma_core::egress::Refusal;
use kuma_core::observation::Outcome;
use kuma_core::reason::{Class, Reason};
use tokio::net::TcpStream;

use super::connect_fault;
use crate::attempt::Attempt;
use crate::fault::Fault;
use crate::trace::Stage;

/// How long an address may take before the next one is tried beside it (RFC 8305, section 5).
const STAGGER: Duration = Duration::from_millis(250);
/// Most addresses tried.
const MAX_ADDRESSES: usize = 8;

impl Attempt<'_> {
    /// Connects to `host`, which is a name or an address without brackets.
    pub(crate) async fn dial(
        &mut self,
        host: &str,
        port: u16,
        family: IpFamily,
    ) -> Result<TcpStream, Fault> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            self.permitted_literal(ip, family)?;
            return self.dial_one(SocketAddr::new(ip, port)).await;
        }
        let addresses = self.permitted_addresses(host, family).await?;
        match addresses.as_slice() {
            [only] => self.dial_one(SocketAddr::new(*only, port)).await,
            several => self.dial_several(host, several, port).await,
        }
    }

    /// The addresses of a name that may be asked; at least one.
    pub(crate) async fn permitted_addresses(
        &mut self,
        host: &str,
        family: IpFamily,
    ) -> Result<Vec<IpAddr>, Fault> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            self.permitted_literal(ip, family)?;
            return Ok(vec![ip]);
        }
        self.trace.enter(Stage::Resolve);
        let left = self.left();
        let found = self.shared.resolver.lookup(host, family, self.settings, left).await;
        self.trace.enter(Stage::Idle);
        let found = found?;
        if found.is_empty() {
            return Err(Fault::target(
                Reason::DnsNoData,
                format!("{host} has no address of the asked family"),
            ));
        }
        let mut permitted = Vec::with_capacity(found.len().min(MAX_ADDRESSES));
        let mut refused = None;
        for ip in found {
            match self.permitted(ip) {
                Ok(()) => permitted.push(ip),
                Err(refusal) => refused = refused.or(Some((ip, refusal))),
            }
        }
        permitted.truncate(MAX_ADDRESSES);
        match refused {
            Some((ip, refusal)) if permitted.is_empty() => {
                Err(denied(&format!("{host} is {ip}, which"), refusal))
            }
            _ => Ok(permitted),
        }
    }

    fn permitted_literal(&self, ip: IpAddr, family: IpFamily) -> Result<(), Fault> {
        let right_family = match family {
            IpFamily::Auto => true,
            IpFamily::Ipv4 => ip.is_ipv4(),
            IpFamily::Ipv6 => ip.is_ipv6(),
        };
        if !right_family {
            return Err(Fault::target(
                Reason::TargetInvalid,
                format!("{ip} is not of the family that `ipFamily` asks for"),
            ));
        }
        self.permitted(ip).map_err(|refusal| denied(&ip.to_string(), refusal))
    }

    /// Whether the rules let this monitor ask an address.
    fn permitted(&self, ip: IpAddr) -> Result<(), Refusal> {
        self.settings.networking.egress.permits(self.namespace(), ip)
    }

    /// Whether the rules let this monitor name a host to a proxy that resolves it itself.
    pub(crate) fn permitted_by_proxy(&self, host: &str) -> Result<(), Fault> {
        let egress = &self.settings.networking.egress;
        egress.permits_by_proxy(self.namespace(), host).map_err(|refusal| {
            denied(host, refusal).with("egress", "the proxy resolves names itself")
        })
    }

    async fn dial_one(&mut self, address: SocketAddr) -> Result<TcpStream, Fault> {
        self.trace.peer = Some(address.ip());
        self.trace.enter(Stage::Connect);
        let connected = connect(address).await;
        self.trace.enter(Stage::Idle);
        connected.map_err(|error| connect_fault(&error, &address.to_string()))
    }

    /// Tries addresses in order, each after the one before failed or took [`STAGGER`]; the first
    /// that connects wins.
    async fn dial_several(
        &mut self,
        host: &str,
        addresses: &[IpAddr],
        port: u16,
    ) -> Result<TcpStream, Fault> {
        self.trace.enter(Stage::Connect);
        self.trace.peer = addresses.first().copied();
        let mut waiting = addresses.iter().map(|ip| SocketAddr::new(*ip, port));
        let mut running = FuturesUnordered::new();
        let mut faults = Vec::new();
        running.extend(waiting.next().map(labelled));
        while !running.is_empty() {
            let more = waiting.len() > 0;
            tokio::select! {
                Some((address, connected)) = running.next() => match connected {
                    Ok(stream) => {
                        self.trace.peer = Some(address.ip());
                        self.trace.enter(Stage::Idle);
                        return Ok(stream);
                    }
                    Err(error) => {
                        let fault = connect_fault(&error, &address.to_string());
                        self.trace.note(format!("address {address}"), fault.message.clone());
                        faults.push(fault);
                        running.extend(waiting.next().map(labelled));
                    }
                },
                () = tokio::time::sleep(STAGGER), if more => {
                    running.extend(waiting.next().map(labelled));
                }
            }
        }
        self.trace.enter(Stage::Idle);
        Err(most_telling(faults)
            .unwrap_or_else(|| Fault::target(Reason::DnsNoData, format!("{host} has no address"))))
    }
}

async fn labelled(address: SocketAddr) -> (SocketAddr, io::Result<TcpStream>) {
    (address, connect(address).await)
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // Without it small writes may wait for acknowledgements; that changes timings, not results.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

fn denied(whom: &str, refusal: Refusal) -> Fault {
    Fault::ours(Reason::EgressDenied, format!("{whom} may not be asked: {refusal}"))
}

/// Of several addresses' faults the one that says most: an answer before our own trouble, that
/// before silence.
fn most_telling(faults: Vec<Fault>) -> Option<Fault> {
    faults.into_iter().min_by_key(|fault| match fault.outcome {
        Outcome::Failure(reason) if reason.class() == Class::Answered => 0,
        Outcome::Indeterminate(_) => 1,
        _ => 2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_more_than_silence() {
        let faults = vec![
            Fault::target(Reason::NetworkUnreachable, "v6"),
            Fault::ours(Reason::Resources, "ours"),
            Fault::target(Reason::ConnectionRefused, "v4"),
        ];
        let told = most_telling(faults).map(|fault| fault.outcome);
        assert_eq!(told, Some(Outcome::Failure(Reason::ConnectionRefused)));
    }
}
