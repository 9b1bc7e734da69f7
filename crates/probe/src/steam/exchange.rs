//! Question and answer in datagrams. Datagrams get lost, so a question without an answer is asked
//! again; and anybody may send one, so what cannot be read decides nothing before it comes again.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use kuma_core::check::IpFamily;
use kuma_core::reason::Reason;
use tokio::net::UdpSocket;

use super::info::Info;
use super::packet::{Assembly, Challenge, Message, question};
use crate::attempt::Attempt;
use crate::fault::Fault;
use crate::net::connect_fault;
use crate::trace::Stage;
use crate::words;

/// A question without an answer is sent again after this, then after twice as long, and so on.
const FIRST_RESEND: Duration = Duration::from_secs(1);
/// The largest datagram looked at; the protocol's are at most 1400 bytes.
const BUFFER: usize = 4096;
/// Most datagrams of one attempt.
const MAX_DATAGRAMS: u32 = 64;
/// Most challenges of one attempt: each question may be answered by one, and they may change.
const MAX_CHALLENGES: u32 = 8;
/// So many answers that cannot be read are a verdict.
const MAX_UNREADABLE: u32 = 3;

/// Asks the server at `host` for its information.
pub(super) async fn ask(attempt: &mut Attempt<'_>, host: &str, port: u16) -> Result<Info, Fault> {
    let addresses = attempt.permitted_addresses(host, IpFamily::Auto).await?;
    // Most game servers know only IPv4, also where their host has an IPv6 address.
    let ip = addresses.iter().find(|ip| ip.is_ipv4()).or_else(|| addresses.first()).copied();
    let ip =
        ip.ok_or_else(|| Fault::target(Reason::DnsNoData, format!("{host} has no address")))?;
    let address = SocketAddr::new(ip, port);
    attempt.trace.peer = Some(ip);
    let fault = |error: io::Error| connect_fault(&error, &address.to_string());
    let socket = open(address).await.map_err(fault)?;
    attempt.trace.enter(Stage::FirstByte);
    let mut talk = Talk::default();
    let end = tokio::time::timeout(attempt.left(), converse(&socket, &mut talk)).await;
    attempt.trace.enter(Stage::Idle);
    match end {
        Ok(Ok(heard)) => heard,
        Ok(Err(error)) => Err(fault(error)),
        Err(_) => Err(talk.unanswered(attempt.timeout)),
    }
}

/// A socket that takes datagrams from this address only.
async fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(address).await?;
    Ok(socket)
}

async fn converse(socket: &UdpSocket, talk: &mut Talk) -> io::Result<Result<Info, Fault>> {
    let mut buffer = vec![0; BUFFER];
    let mut patience = FIRST_RESEND;
    let mut step = Step::Ask;
    loop {
        match step {
            Step::Done(info) => return Ok(Ok(info)),
            Step::Ask => {
                socket.send(&question(talk.challenge)).await?;
            }
            Step::Listen => {}
        }
        step = match tokio::time::timeout(patience, socket.recv(&mut buffer)).await {
            Err(_) => {
                patience *= 2;
                Step::Ask
            }
            Ok(length) => match talk.hear(&buffer[..length?]) {
                Ok(step) => step,
                Err(fault) => return Ok(Err(fault)),
            },
        };
    }
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Ask, with the challenge if there is one.
    Ask,
    /// Wait for more.
    Listen,
    /// That was it.
    Done(Info),
}

/// The state of a conversation.
#[derive(Default)]
struct Talk {
    challenge: Option<Challenge>,
    challenges: u32,
    assembly: Assembly,
    datagrams: u32,
    unreadable: u32,
    /// What was wrong with the last of them.
    why: String,
}

impl Talk {
    /// Takes a datagram. A fault when there is no hope for an answer.
    fn hear(&mut self, datagram: &[u8]) -> Result<Step, Fault> {
        self.datagrams += 1;
        if self.datagrams > MAX_DATAGRAMS {
            return Err(malformed(format!("no answer within {MAX_DATAGRAMS} datagrams")));
        }
        match self.assembly.take(datagram) {
            Ok(Some(Message::Info(info))) => Ok(Step::Done(info)),
            Ok(Some(Message::Challenge(challenge))) => self.challenged(challenge),
            Ok(None) => Ok(Step::Listen),
            Err(why) => {
                self.unreadable += 1;
                self.why = why;
                if self.unreadable >= MAX_UNREADABLE {
                    return Err(self.unreadable());
                }
                Ok(Step::Listen)
            }
        }
    }

    fn challenged(&mut self, challenge: Challenge) -> Result<Step, Fault> {
        self.challenges += 1;
        self.challenge = Some(challenge);
        if self.challenges > MAX_CHALLENGES {
            return Err(malformed(format!(
                "the server answered {MAX_CHALLENGES} times with another challenge"
            )));
        }
        Ok(Step::Ask)
    }

    /// The time is up.
    fn unanswered(&self, timeout: Duration) -> Fault {
        if self.unreadable > 0 {
            return self.unreadable();
        }
        let after = words::duration(timeout);
        let what = if self.challenge.is_some() {
            format!("a challenge came and then no answer to it within {after}")
        } else {
            format!("no answer to the query within {after}")
        };
        Fault::target(Reason::Timeout, what)
    }

    fn unreadable(&self) -> Fault {
        malformed(format!("the server sent {}", self.why))
    }
}

fn malformed(message: String) -> Fault {
    Fault::target(Reason::SteamMalformed, message)
}

#[cfg(test)]
mod tests {
    use kuma_core::observation::Outcome;

    use super::*;

    #[test]
    fn endless_challenges_and_datagrams_end() {
        let mut talk = Talk::default();
        for byte in 0..8 {
            let heard = talk.hear(&[0xff, 0xff, 0xff, 0xff, b'A', byte, 0, 0, 0]);
            assert_eq!(heard.unwrap(), Step::Ask);
            assert_eq!(talk.challenge, Some([byte, 0, 0, 0]));
        }
        let fault = talk.hear(b"\xff\xff\xff\xffA\x09\x00\x00\x00").unwrap_err();
        assert_eq!(fault.outcome, Outcome::Failure(Reason::SteamMalformed));

        let mut talk = Talk::default();
        let part = b"\xfe\xff\xff\xff\x01\x00\x00\x00\x02\x00\xe0\x04";
        for _ in 0..MAX_DATAGRAMS {
            assert_eq!(talk.hear(part).unwrap(), Step::Listen);
        }
        assert_eq!(talk.hear(part).unwrap_err().message, "no answer within 64 datagrams");
    }

    #[test]
    fn one_stray_datagram_decides_nothing() {
        let mut talk = Talk::default();
        assert_eq!(talk.hear(b"stray").unwrap(), Step::Listen);
        assert_eq!(talk.hear(b"\xff\xff\xff\xffA\x01\x02\x03\x04").unwrap(), Step::Ask);
        assert_eq!(
            talk.unanswered(Duration::from_secs(5)).message,
            "the server sent a datagram that is none of the protocol's"
        );
    }
}
