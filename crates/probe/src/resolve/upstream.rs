//! One set of DNS servers with its search list: asks them in turn and makes one result of what
//! they say.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{self, Either};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use kuma_core::check::IpFamily;
use kuma_core::observation::Outcome;
use kuma_core::time::Mono;
use tokio::time::Instant;

use super::control::{self, Control, Trouble};
use super::error::Fault;
use super::health::Health;
use super::system::ResolvConf;
use crate::dns::exchange::{self, ExchangeError, Question, Transport};
use crate::dns::text;
use crate::net::connect_fault;

/// How long the second family is waited for once the first has addresses: servers exist that
/// never answer one of the two.
const SECOND_FAMILY_WAIT: Duration = Duration::from_millis(250);
/// Aliases followed within an answer.
const MAX_ALIASES: usize = 16;
/// Addresses used of one answer.
const MAX_ADDRESSES: usize = 32;

/// What a name resolved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) addresses: Vec<IpAddr>,
    /// How long it may be kept, in seconds, as the answer says.
    pub(crate) ttl: u32,
}

/// A set of servers.
pub(crate) struct Upstream {
    pub(crate) conf: ResolvConf,
    /// The server asked first: the last one that answered after another did not.
    preferred: AtomicUsize,
    health: Mutex<Health>,
    control: Mutex<control::Last>,
    /// When one of the servers last answered anything.
    heard: Mutex<Option<Instant>>,
}

impl Upstream {
    pub(crate) fn new(conf: ResolvConf) -> Self {
        Self {
            conf,
            preferred: AtomicUsize::new(0),
            health: Mutex::default(),
            control: Mutex::default(),
            heard: Mutex::default(),
        }
    }

    /// A name resolved.
    pub(crate) fn resolved(&self, host: &str, now: Mono) {
        lock(&self.health).resolved(host, now);
    }

    /// A name failed: a clause that says why the servers are to blame, `None` when it is the
    /// name. The look-up began at `began`; the answer is there by `deadline`.
    pub(crate) async fn failed(
        self: &Arc<Self>,
        host: &str,
        trouble: Trouble,
        now: Mono,
        began: Instant,
        deadline: Instant,
    ) -> Option<&'static str> {
        let no_name_resolves = lock(&self.health).failed(host, now);
        let control = self.control(began, deadline).await;
        let control = lock(&self.control).in_context(control, began);
        control::blame(trouble, control, no_name_resolves)
    }

    /// A server answered, whatever it said.
    pub(crate) fn heard(&self) {
        *lock(&self.heard) = Some(Instant::now());
    }

    fn heard_since(&self, began: Instant) -> bool {
        lock(&self.heard).is_some_and(|heard| heard >= began)
    }

    /// Why the servers are to blame for a look-up that was cut off; no time is left to ask them.
    pub(crate) fn cut_off(&self, began: Instant) -> Option<&'static str> {
        let control = Control::Unasked { heard: self.heard_since(began) };
        control::blame(Trouble::Silence, control, false)
    }

    /// What is known of the control question, what one under way comes to, or a new one.
    async fn control(self: &Arc<Self>, began: Instant, deadline: Instant) -> Control {
        let now = Instant::now();
        let unasked = || Control::Unasked { heard: self.heard_since(began) };
        let running = {
            let mut last = lock(&self.control);
            if let Some(known) = last.known(began, now) {
                return known;
            }
            let Some(time) = control::time_for(deadline.saturating_duration_since(now)) else {
                return unasked();
            };
            last.running().unwrap_or_else(|| {
                let running = Arc::clone(self).ask_control(time).boxed().shared();
                last.begin(&running);
                running
            })
        };
        tokio::time::timeout_at(deadline, running).await.unwrap_or_else(|_elapsed| unasked())
    }

    async fn ask_control(self: Arc<Self>, time: Duration) -> Control {
        let asked_at = Instant::now();
        let mut control = control::ask(&self.conf.servers, time).await;
        // Some servers answer names but not this question.
        if control == Control::Silent && self.heard_since(asked_at) {
            control = Control::Answered;
        }
        lock(&self.control).end(control, Instant::now());
        control
    }

    /// Tries the name with and without the search list's suffixes, until `deadline`.
    pub(crate) async fn resolve(
        &self,
        name: &Name,
        family: IpFamily,
        deadline: Instant,
    ) -> Result<Found, Fault> {
        let mut worst = Fault::NxDomain;
        for candidate in candidates(name, &self.conf) {
            match self.addresses(&candidate, family, deadline).await {
                Ok(found) => return Ok(found),
                // The others would be met with silence too, and there is no time left.
                Err(silent @ (Fault::Silent(_) | Fault::Ours(..))) => return Err(silent),
                Err(fault) => worst = worst.max(fault),
            }
        }
        Err(worst)
    }

    async fn addresses(
        &self,
        name: &Name,
        family: IpFamily,
        deadline: Instant,
    ) -> Result<Found, Fault> {
        match family {
            IpFamily::Ipv4 => self.question(name, RecordType::A, deadline).await,
            IpFamily::Ipv6 => self.question(name, RecordType::AAAA, deadline).await,
            IpFamily::Auto => self.both(name, deadline).await,
        }
    }

    async fn both(&self, name: &Name, deadline: Instant) -> Result<Found, Fault> {
        let v4 = Box::pin(self.question(name, RecordType::A, deadline));
        let v6 = Box::pin(self.question(name, RecordType::AAAA, deadline));
        let (first, rest) = match future::select(v4, v6).await {
            Either::Left((first, rest)) | Either::Right((first, rest)) => (first, rest),
        };
        let second = if first.is_ok() {
            match tokio::time::timeout(SECOND_FAMILY_WAIT, rest).await {
                Ok(second) => second,
                Err(_) => return first,
            }
        } else {
            rest.await
        };
        merge(first, second)
    }

    /// Asks the servers in turn until one gives a verdict. Each gets its share of the time left.
    async fn question(
        &self,
        name: &Name,
        record_type: RecordType,
        deadline: Instant,
    ) -> Result<Found, Fault> {
        let question = Question { name: name.clone(), record_type };
        let count = self.conf.servers.len();
        let first = self.preferred.load(Ordering::Relaxed);
        let mut worst: Option<Fault> = None;
        for turn in 0..count {
            let index = (first + turn) % count;
            let server = self.conf.servers[index];
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(count - turn).unwrap_or(1);
            let asked = exchange::ask(server, &question, Transport::Udp, share).await;
            if asked.is_ok() {
                self.heard();
            }
            match verdict(server, name, asked) {
                Err(fault) if !fault.is_verdict() => {
                    worst = worst.max(Some(fault));
                }
                result => {
                    if turn > 0 {
                        self.preferred.store(index, Ordering::Relaxed);
                    }
                    return result;
                }
            }
        }
        Err(worst.unwrap_or_else(|| Fault::Silent("no DNS server is configured".to_owned())))
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The absolute names to try, in order (resolv.conf(5): `search`, `ndots`).
fn candidates(name: &Name, conf: &ResolvConf) -> Vec<Name> {
    let whole = text::absolute(name.clone());
    if name.is_fqdn() {
        return vec![whole];
    }
    let dots = usize::from(name.num_labels()).saturating_sub(1);
    let suffixed = conf.search.iter().filter_map(|suffix| name.clone().append_domain(suffix).ok());
    if dots >= conf.ndots {
        std::iter::once(whole).chain(suffixed).collect()
    } else {
        suffixed.chain(std::iter::once(whole.clone())).collect()
    }
}

/// What an exchange says about a name.
fn verdict(
    server: SocketAddr,
    name: &Name,
    asked: Result<exchange::Answer, ExchangeError>,
) -> Result<Found, Fault> {
    let message = match asked {
        Ok(answer) => answer.message,
        Err(error) => return Err(no_answer(&error)),
    };
    match message.metadata.response_code {
        ResponseCode::NoError => {
            let found = follow(&message, name);
            if found.addresses.is_empty() { Err(Fault::NoData) } else { Ok(found) }
        }
        ResponseCode::NXDomain => Err(Fault::NxDomain),
        ResponseCode::Refused => Err(Fault::Refused(server)),
        code => Err(Fault::ServFail { server, code: code.to_string() }),
    }
}

/// No answer: the server's silence, unless this host could not even ask.
fn no_answer(error: &ExchangeError) -> Fault {
    if let ExchangeError::Io { server, error } = error {
        let fault = connect_fault(error, &server.to_string());
        if let Outcome::Indeterminate(reason) = fault.outcome {
            return Fault::Ours(reason, fault.message);
        }
    }
    Fault::Silent(error.to_string())
}

/// The addresses in the answer that belong to `name` or to what it is an alias of.
fn follow(message: &Message, name: &Name) -> Found {
    let mut owner = name.clone();
    let mut ttl = u32::MAX;
    for _ in 0..MAX_ALIASES {
        let alias = message.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name.eq_ignore_root(&owner) => {
                Some((target.0.clone(), record.ttl))
            }
            _ => None,
        });
        let Some((target, alias_ttl)) = alias else {
            break;
        };
        owner = target;
        ttl = ttl.min(alias_ttl);
    }
    let mut addresses = Vec::new();
    for record in &message.answers {
        let address = match &record.data {
            RData::A(address) => IpAddr::V4(address.0),
            RData::AAAA(address) => IpAddr::V6(address.0),
            _ => continue,
        };
        if record.name.eq_ignore_root(&owner)
            && !addresses.contains(&address)
            && addresses.len() < MAX_ADDRESSES
        {
            addresses.push(address);
            ttl = ttl.min(record.ttl);
        }
    }
    Found { addresses, ttl }
}

/// One result of both families: what was found wins, then the less certain of the two errors.
fn merge(one: Result<Found, Fault>, other: Result<Found, Fault>) -> Result<Found, Fault> {
    match (one, other) {
        (Ok(mut one), Ok(other)) => {
            one.addresses.extend(other.addresses);
            one.ttl = one.ttl.min(other.ttl);
            Ok(one)
        }
        (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
        (Err(one), Err(other)) => Err(one.max(other)),
    }
}

#[cfg(test)]
mod tests;
