//! What the tests of checks share: a prober with a real clock, and a monitor for a check.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use kuma_core::check::kubernetes::ClusterObjects;
use kuma_core::check::{Check, Criteria, GroupCheck, GroupMembers, GroupRule, variables};
use kuma_core::id::ObjectName;
use kuma_core::monitor::{Alerting, Monitor, MonitorOrigin, Schedule};
use kuma_core::observation::Observation;
use kuma_core::secret::{SecretError, SecretRef, SecretSource, SecretString};
use kuma_core::settings::Settings;
use kuma_core::time::{Clock, Mono, Now, Timestamp};
use kuma_expr::Condition;

use crate::prober::{Prober, ProberConfig};

/// Tokio's clock, which a test may pause.
pub(crate) struct TokioClock(tokio::time::Instant);

impl TokioClock {
    pub(crate) fn start() -> Arc<Self> {
        Arc::new(Self(tokio::time::Instant::now()))
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Now {
        Now {
            mono: Mono(u64::try_from(self.0.elapsed().as_nanos()).unwrap()),
            // The start of 2026: within the validity of certificates made for tests.
            wall: Timestamp::from_second(1_767_225_600).unwrap(),
        }
    }
}

/// One Secret, `tcp` with the entry `word`.
struct OneSecret;

impl SecretSource for OneSecret {
    fn get(&self, namespace: &str, at: &SecretRef) -> Result<SecretString, SecretError> {
        if at.name == "tcp" && at.key == "word" {
            return Ok("open-sesame".to_owned().into());
        }
        Err(SecretError::Missing {
            namespace: namespace.to_owned(),
            name: at.name.clone(),
            key: at.key.clone(),
        })
    }
}

/// A monitor that runs `check`.
pub(crate) fn monitor(check: Check) -> Monitor {
    Monitor {
        name: ObjectName { namespace: "kubekuma".into(), name: "test".into() },
        origin: MonitorOrigin::Monitor,
        generation: 1,
        labels: BTreeMap::new(),
        enabled: true,
        check,
        criteria: Criteria::default(),
        schedule: Schedule {
            interval: Duration::from_mins(1),
            timeout: None,
            retries: 0,
            retry_interval: None,
            initial_delay: Duration::ZERO,
            grace_down: Duration::ZERO,
            recover_after: 1,
            jitter_percent: None,
        },
        alerting: Alerting::default(),
        depends_on: Vec::new(),
        tags: Vec::new(),
        annotations: BTreeMap::new(),
    }
}

/// A check that has no attempts.
pub(crate) fn group() -> Check {
    Check::Group(Box::new(GroupCheck {
        members: GroupMembers::Names(Vec::new()),
        rule: GroupRule::All,
        suppress_members: false,
    }))
}

/// A prober as the program has it.
pub(crate) fn prober() -> Prober {
    prober_in(None)
}

/// The same in a cluster, or without one.
pub(crate) fn prober_in(cluster: Option<Arc<dyn ClusterObjects>>) -> Prober {
    let (secrets, clock) = (Arc::new(OneSecret), TokioClock::start());
    Prober::new(ProberConfig { secrets, clock, cluster }).unwrap()
}

/// One prober for all tests: loading authorities takes long.
static SHARED: LazyLock<Prober> = LazyLock::new(prober);

/// Runs `check` once.
pub(crate) async fn run(check: Check, settings: &Settings, timeout: Duration) -> Observation {
    SHARED.run(&monitor(check), settings, timeout).await
}

/// Runs `check` once and judges it by a condition.
pub(crate) async fn run_judged(check: Check, condition: &str) -> Observation {
    let mut monitor = monitor(check);
    let known = variables(monitor.check.check_type());
    monitor.criteria.condition = Some(Condition::compile(condition, &known).unwrap());
    SHARED.run(&monitor, &Settings::default(), Duration::from_secs(5)).await
}

/// A fact of the observation's evidence.
pub(crate) fn fact<'a>(observation: &'a Observation, name: &str) -> Option<&'a str> {
    let evidence = observation.evidence.as_deref()?;
    let (_, value) = evidence.0.iter().find(|(fact, _)| fact == name)?;
    Some(value)
}
