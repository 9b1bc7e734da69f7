//! The prober: runs one attempt of any check type within its time, whatever happens inside.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use kuma_core::check::Check;
use kuma_core::check::kubernetes::ClusterObjects;
use kuma_core::monitor::Monitor;
use kuma_core::observation::Observation;
use kuma_core::particulars::{Examiner, Particulars};
use kuma_core::reason::Reason;
use kuma_core::secret::SecretSource;
use kuma_core::settings::Settings;
use kuma_core::stats::{Sample, Stats};
use kuma_core::time::Clock;

use crate::attempt::{Attempt, Verdict};
use crate::fault::Fault;
use crate::http::TokenCache;
use crate::resolve::Resolver;
use crate::stats::ProbeStats;
use crate::tls::TlsStack;
use crate::{
    certificate, condition, dns, docker, grpc, http, json_query, keyword, kubernetes, ping, steam,
    tcp, websocket,
};

/// What a prober needs from outside.
pub struct ProberConfig {
    /// Where the monitors' Secrets come from.
    pub secrets: Arc<dyn SecretSource>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where objects of the cluster come from, in cluster mode.
    pub cluster: Option<Arc<dyn ClusterObjects>>,
}

/// Why no prober can be had.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// What all attempts share.
pub(crate) struct Shared {
    pub(crate) secrets: Arc<dyn SecretSource>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) cluster: Option<Arc<dyn ClusterObjects>>,
    pub(crate) resolver: Resolver,
    pub(crate) tls: TlsStack,
    pub(crate) tokens: TokenCache,
}

/// Runs attempts. Share it in an [`Arc`].
pub struct Prober {
    shared: Shared,
    stats: ProbeStats,
}

impl Prober {
    /// Loads the system's certificate authorities, or the compiled-in ones where it has none.
    pub fn new(config: ProberConfig) -> Result<Self, ProbeError> {
        let tls = TlsStack::new(Arc::clone(&config.clock))?;
        Ok(Self {
            shared: Shared {
                secrets: config.secrets,
                resolver: Resolver::new(Arc::clone(&config.clock)),
                clock: config.clock,
                cluster: config.cluster,
                tls,
                tokens: TokenCache::default(),
            },
            stats: ProbeStats::default(),
        })
    }

    /// One attempt, which takes at most `timeout`. Applies `criteria.max_latency` and
    /// `criteria.upside_down`; a panic inside is no verdict about the target.
    pub async fn run(
        &self,
        monitor: &Monitor,
        settings: &Settings,
        timeout: Duration,
    ) -> Observation {
        let attempt = Attempt::start(&self.shared, monitor, settings, timeout);
        self.finish(attempt).await.0
    }

    /// Runs an attempt to its end.
    async fn finish(&self, mut attempt: Attempt<'_>) -> (Observation, Option<Box<Particulars>>) {
        let (monitor, timeout) = (attempt.monitor, attempt.timeout);
        let check = async {
            let check = pin!(AssertUnwindSafe(dispatch(&mut attempt)).catch_unwind());
            tokio::time::timeout(timeout, check).await
        };
        let verdict = match check.await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(_panic)) => {
                self.stats.panicked();
                tracing::error!(monitor = %monitor.name, "a check failed inside this program");
                Err(Fault::ours(Reason::Internal, "the check failed inside this program"))
            }
            Err(_elapsed) => Err(attempt.trace.timed_out(timeout)),
        };
        let particulars = attempt.trace.particulars.take();
        let observation = attempt.conclude(verdict);
        self.stats.ended(monitor.check.check_type(), observation.outcome);
        (observation, particulars)
    }
}

impl Examiner for Prober {
    fn examine<'a>(
        &'a self,
        monitor: &'a Monitor,
        settings: &'a Settings,
        timeout: Duration,
    ) -> BoxFuture<'a, (Observation, Particulars)> {
        async move {
            let mut attempt = Attempt::start(&self.shared, monitor, settings, timeout);
            attempt.trace.particulars = Some(Box::default());
            let (observation, particulars) = self.finish(attempt).await;
            (observation, particulars.map(|seen| *seen).unwrap_or_default())
        }
        .boxed()
    }
}

impl Stats for Prober {
    fn samples(&self) -> Vec<Sample> {
        self.stats.samples()
    }
}

/// The check, and what the monitor's condition says of its answer.
async fn dispatch(attempt: &mut Attempt<'_>) -> Verdict {
    let said = check(attempt).await?;
    condition::judge(attempt, said).await
}

/// The registry of check types.
async fn check(attempt: &mut Attempt<'_>) -> Verdict {
    match &attempt.monitor.check {
        Check::Http(check) => http::run(attempt, check).await,
        Check::Keyword(check) => keyword::run(attempt, check).await,
        Check::JsonQuery(check) => json_query::run(attempt, check).await,
        Check::Tcp(check) => tcp::run(attempt, check).await,
        Check::Dns(check) => dns::run(attempt, check).await,
        Check::Ping(check) => ping::run(attempt, check).await,
        Check::Tls(check) => certificate::run(attempt, check).await,
        Check::Websocket(check) => Box::pin(websocket::run(attempt, check)).await,
        Check::Steam(check) => Box::pin(steam::run(attempt, check)).await,
        Check::Docker(check) => Box::pin(docker::run(attempt, check)).await,
        Check::Grpc(check) => Box::pin(grpc::run(attempt, check)).await,
        Check::Push(_) => Err(passive("a push monitor is decided by what its job sends")),
        Check::Group(_) => Err(passive("a group is decided by its members")),
        Check::Kubernetes(check) => Box::pin(kubernetes::run(attempt, check)).await,
    }
}

fn passive(why: &str) -> Fault {
    Fault::ours(Reason::Unsupported, format!("nothing to ask: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn size_of_sendable<F: Future + Send>(future: &F) -> usize {
        size_of_val(future)
    }

    #[test]
    fn an_attempt_is_small_and_can_run_on_any_thread() {
        const MOST: usize = 8 * 1024;
        let prober = testing::prober();
        let monitor = testing::monitor(testing::group());
        let settings = Settings::default();
        let size = size_of_sendable(&prober.run(&monitor, &settings, Duration::from_secs(1)));
        assert!(size < MOST, "{size} bytes");
    }
}
