//! Names to addresses, for every check: literals, this host's files, then DNS. Measures nothing
//! itself; the caller's clock sees real time whenever the answer is not a moment old.

mod cache;
mod control;
mod error;
mod health;
mod order;
mod system;
mod upstream;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use hickory_proto::rr::Name;
use kuma_core::check::IpFamily;
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;
use kuma_core::settings::Settings;
use kuma_core::time::Clock;
use tokio::time::Instant;

pub use error::ResolveError;

use crate::dns::text;
use cache::{Cache, Key, Looked, Running, Timed};
pub(crate) use control::{Trouble, reserve};
use system::{LOCALHOST, System};
use upstream::Upstream;

/// Sets of servers remembered; more than one only while settings or `resolv.conf` change.
const MAX_UPSTREAMS: usize = 4;

/// Looks names up. One for the whole process; cheap to share.
pub struct Resolver {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    system: System,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    upstreams: Vec<(usize, Arc<Upstream>)>,
    next_upstream: usize,
    cache: Cache,
}

impl Resolver {
    /// A resolver that reads this host's `/etc/hosts` and `/etc/resolv.conf`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_files(clock, Path::new("/etc/hosts"), Path::new("/etc/resolv.conf"))
    }

    /// A resolver that reads other files in their place.
    pub fn with_files(clock: Arc<dyn Clock>, hosts: &Path, resolv_conf: &Path) -> Self {
        Self {
            inner: Arc::new(Inner {
                clock,
                system: System::new(hosts, resolv_conf),
                state: Mutex::default(),
            }),
        }
    }

    /// The addresses of `host` of the family asked for, in the order in which to try them; never
    /// empty. Takes at most `networking.dns.timeoutSeconds` and at most `left`.
    ///
    /// # Errors
    /// [`ResolveError::outcome`] says whose fault it is, as `engine.md` has it.
    pub async fn lookup(
        &self,
        host: &str,
        family: IpFamily,
        settings: &Settings,
        left: Duration,
    ) -> Result<Vec<IpAddr>, ResolveError> {
        if let Some(address) = literal(host) {
            return of_family(&[address], family).ok_or_else(|| no_such_family(host, family));
        }
        let absolute = host.trim_end_matches('.');
        if is_localhost(absolute) {
            return of_family(&LOCALHOST, family).ok_or_else(|| no_such_family(host, family));
        }
        let lower = host.to_ascii_lowercase();
        let hosts = self.inner.system.hosts(self.inner.clock.now().mono);
        if let Some(listed) = hosts.get(lower.trim_end_matches('.'))
            && let Some(addresses) = of_family(listed, family)
        {
            return Ok(addresses);
        }
        let name = text::parse_name(host).map_err(|why| {
            ResolveError::new(
                Outcome::Failure(Reason::TargetInvalid),
                format!("`{host}` is neither an address nor a name: {why}"),
            )
        })?;
        let began = Instant::now();
        let budget = within(settings.networking.dns_timeout, left);
        let looking = self.inner.through_dns(lower, name, family, settings, budget)?;
        // Ends by itself in time, unless it was begun and then not driven by somebody else.
        match tokio::time::timeout(left, looking).await {
            Ok(looked) => looked.map(|addresses| addresses.to_vec()),
            Err(_elapsed) => {
                let down = self.inner.upstream(settings)?.cut_off(began);
                let fault = error::Fault::Silent("no time was left".to_owned());
                Err(fault.into_error(host, family_name(family), down))
            }
        }
    }

    /// A question that a check asked the servers in force was answered with records.
    pub(crate) fn answered(&self, name: &str, settings: &Settings) {
        if let Ok(upstream) = self.inner.upstream(settings) {
            let now = self.inner.clock.now().mono;
            upstream.resolved(&name.to_ascii_lowercase(), now);
        }
    }

    /// One of the servers in force answered a check, whatever it said.
    pub(crate) fn heard(&self, settings: &Settings) {
        if let Ok(upstream) = self.inner.upstream(settings) {
            upstream.heard();
        }
    }

    /// A question that a check asked the servers in force at `began` was met with `trouble`. Says
    /// within `left` why the servers are to blame rather than the name; `None` if they are not.
    pub(crate) async fn blame(
        &self,
        name: &str,
        trouble: Trouble,
        settings: &Settings,
        began: Instant,
        left: Duration,
    ) -> Option<&'static str> {
        let upstream = self.inner.upstream(settings).ok()?;
        let now = self.inner.clock.now().mono;
        let name = name.to_ascii_lowercase();
        upstream.failed(&name, trouble, now, began, Instant::now() + left).await
    }

    /// The DNS servers in force, in order: the settings', else this host's.
    pub fn servers(&self, settings: &Settings) -> Result<Vec<SocketAddr>, ResolveError> {
        Ok(self.inner.conf(settings)?.servers)
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn conf(&self, settings: &Settings) -> Result<system::ResolvConf, ResolveError> {
        let system = self.system.resolv_conf(self.clock.now().mono);
        let mut conf = (*system).clone();
        let named = &settings.networking.resolvers;
        if !named.is_empty() {
            conf.servers =
                named.iter().map(|text| server_address(text)).collect::<Result<_, _>>()?;
        }
        Ok(conf)
    }

    /// The set of servers in force.
    fn upstream(&self, settings: &Settings) -> Result<Arc<Upstream>, ResolveError> {
        let conf = self.conf(settings)?;
        Ok(self.state().upstream(conf).1)
    }

    /// What is known, what is under way, or a new look-up.
    fn through_dns(
        self: &Arc<Self>,
        host: String,
        name: Name,
        family: IpFamily,
        settings: &Settings,
        budget: Duration,
    ) -> Result<Running, ResolveError> {
        let conf = self.conf(settings)?;
        let now = self.clock.now().mono;
        let mut state = self.state();
        let (number, upstream) = state.upstream(conf);
        let key = Key { upstream: number, host, family };
        if let Some(known) = state.cache.get(&key, now) {
            return Ok(std::future::ready(Ok(known)).boxed().shared());
        }
        let timed = (key, budget);
        if let Some(running) = state.cache.running(&timed) {
            return Ok(running);
        }
        let lookup = Arc::clone(self).look_up(timed.clone(), upstream, name).boxed().shared();
        state.cache.begin(timed, &lookup);
        Ok(lookup)
    }

    async fn look_up(self: Arc<Self>, timed: Timed, upstream: Arc<Upstream>, name: Name) -> Looked {
        let (key, budget) = &timed;
        let began = Instant::now();
        let deadline = began + *budget;
        let result = upstream.resolve(&name, key.family, deadline - reserve(*budget)).await;
        let now = self.clock.now().mono;
        let (looked, found) = match result {
            Ok(mut found) => {
                upstream.resolved(&key.host, now);
                order::order(&mut found.addresses, order::has_route);
                let addresses: Arc<[IpAddr]> = found.addresses.into();
                (Ok(Arc::clone(&addresses)), Some((addresses, found.ttl)))
            }
            Err(fault) => {
                let down = match fault.trouble() {
                    Some(trouble) => {
                        upstream.failed(&key.host, trouble, now, began, deadline).await
                    }
                    None => None,
                };
                let error = fault.into_error(&key.host, family_name(key.family), down);
                (Err(error), None)
            }
        };
        self.state().cache.end(timed, found, now);
        looked
    }
}

impl State {
    /// The set of servers for `conf`, with the number that the cache knows it by.
    fn upstream(&mut self, conf: system::ResolvConf) -> (usize, Arc<Upstream>) {
        let known = self.upstreams.iter().find(|(_, upstream)| upstream.conf == conf);
        if let Some((number, upstream)) = known {
            return (*number, Arc::clone(upstream));
        }
        if self.upstreams.len() == MAX_UPSTREAMS {
            self.upstreams.remove(0);
        }
        self.next_upstream += 1;
        let upstream = Arc::new(Upstream::new(conf));
        self.upstreams.push((self.next_upstream, Arc::clone(&upstream)));
        (self.next_upstream, upstream)
    }
}

/// The time for a look-up. What is less than the settings say is rounded, so that attempts with
/// about the same time left share theirs.
fn within(most: Duration, left: Duration) -> Duration {
    const STEP: Duration = Duration::from_millis(100);
    if left >= most || left < STEP {
        return left.min(most);
    }
    let over = left.subsec_nanos() % STEP.subsec_nanos();
    left.saturating_sub(Duration::from_nanos(over.into()))
}

/// The address that `host` is, with or without the brackets of a URL.
fn literal(host: &str) -> Option<IpAddr> {
    host.parse().ok().or_else(|| {
        let inner = host.strip_prefix('[')?.strip_suffix(']')?;
        inner.parse().ok().map(IpAddr::V6)
    })
}

fn is_localhost(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost")
}

/// `None` when nothing is left.
fn of_family(addresses: &[IpAddr], family: IpFamily) -> Option<Vec<IpAddr>> {
    let left: Vec<_> = addresses
        .iter()
        .copied()
        .filter(|address| match family {
            IpFamily::Auto => true,
            IpFamily::Ipv4 => address.is_ipv4(),
            IpFamily::Ipv6 => address.is_ipv6(),
        })
        .collect();
    (!left.is_empty()).then_some(left)
}

fn no_such_family(host: &str, family: IpFamily) -> ResolveError {
    ResolveError::new(
        Outcome::Failure(Reason::DnsNoData),
        format!("{host} is no {} address", family_name(family)),
    )
}

const fn family_name(family: IpFamily) -> &'static str {
    match family {
        IpFamily::Auto => "IPv4 or IPv6",
        IpFamily::Ipv4 => "IPv4",
        IpFamily::Ipv6 => "IPv6",
    }
}

/// `address`, `address:port` or `[address]:port`; the port is 53 unless named.
fn server_address(text: &str) -> Result<SocketAddr, ResolveError> {
    literal(text)
        .map(|address| SocketAddr::new(address, 53))
        .or_else(|| text.parse().ok())
        .ok_or_else(|| {
            ResolveError::new(
                Outcome::Indeterminate(Reason::ResolverDown),
                format!("`{text}` in `networking.dns.resolvers` is no address"),
            )
        })
}

#[cfg(test)]
mod blame_tests;
#[cfg(test)]
mod tests;
