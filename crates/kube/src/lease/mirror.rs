//! A Lease for each replica of a shared database, for people to look at with `kubectl get leases`.
//! It decides nothing: who lives is judged by the database, on the database's clock.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kuma_core::time::{Clock, Timestamp, between};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::LEASE_NAME;
use crate::client::{Cluster, FIELD_MANAGER, Fault, within};

/// What the Lease says that it lasts.
const DURATION: Duration = Duration::from_secs(60);
/// How often it is renewed; nothing waits for it.
const RENEW: Duration = Duration::from_secs(20);
/// Leases of replicas that were killed are removed after this time.
const LEFT_BEHIND: Duration = Duration::from_secs(3600);
/// How many renewals lie between two looks for Leases that were left behind.
const SWEEP_EVERY: u32 = 180;
/// Tells Leases of replicas from the one that elects.
const LABEL: &str = "kubekuma.io/lease";
const LABEL_VALUE: &str = "member";

/// Writes the Lease of this replica until it is stopped.
pub struct LeaseMirror {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl LeaseMirror {
    /// Begins. `member` is how the store knows this replica.
    pub fn start(cluster: &Cluster, namespace: &str, member: &str, clock: Arc<dyn Clock>) -> Self {
        let stop = CancellationToken::new();
        let mirror = Mirror {
            api: Api::namespaced(cluster.client.clone(), namespace),
            name: name(member),
            member: member.to_owned(),
            since: clock.now().wall,
            clock,
        };
        let task = tokio::spawn(mirror.run(stop.clone()));
        Self { stop, task }
    }

    /// Removes the Lease.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            warn!(%error, "the replica's Lease was not removed");
        }
    }
}

struct Mirror {
    api: Api<Lease>,
    name: String,
    member: String,
    since: Timestamp,
    clock: Arc<dyn Clock>,
}

impl Mirror {
    async fn run(self, stop: CancellationToken) {
        let mut told = None;
        for turn in 0_u32.. {
            if turn % SWEEP_EVERY == 0 {
                self.sweep().await;
            }
            let fault = self.renew().await.err();
            if let Some(fault) = fault.as_ref().filter(|fault| told.as_ref() != Some(*fault)) {
                warn!(?fault, lease = self.name, "the replica's Lease is not written");
            }
            told = fault;
            if stop.run_until_cancelled(tokio::time::sleep(RENEW)).await.is_none() {
                break;
            }
        }
        if let Err(fault) = within(self.api.delete(&self.name, &DeleteParams::default())).await {
            debug!(?fault, lease = self.name, "the replica's Lease was not removed");
        }
    }

    async fn renew(&self) -> Result<(), Fault> {
        let time = |at: Timestamp| format!("{at:.6}");
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name, "labels": {
                "app.kubernetes.io/managed-by": FIELD_MANAGER, LABEL: LABEL_VALUE,
            }},
            "spec": {
                "holderIdentity": self.member,
                "leaseDurationSeconds": DURATION.as_secs(),
                "acquireTime": time(self.since),
                "renewTime": time(self.clock.now().wall),
            },
        });
        let ours = PatchParams::apply(FIELD_MANAGER).force();
        within(self.api.patch(&self.name, &ours, &Patch::Apply(lease))).await.map(drop)
    }

    /// Removes what replicas that were killed left behind.
    async fn sweep(&self) {
        let members = ListParams::default().labels(&format!("{LABEL}={LABEL_VALUE}"));
        let Ok(leases) = within(self.api.list(&members)).await else { return };
        for old in leases.items.iter().filter(|lease| is_left_behind(lease, self.clock.now().wall))
        {
            let Some(name) = &old.metadata.name else { continue };
            let same = kube::api::Preconditions {
                uid: old.metadata.uid.clone(),
                resource_version: old.metadata.resource_version.clone(),
            };
            let only_it = DeleteParams::default().preconditions(same);
            match within(self.api.delete(name, &only_it)).await {
                Ok(_) => debug!(lease = name, "removed the Lease of a replica that is gone"),
                Err(fault) => debug!(lease = name, ?fault, "a Lease that was left behind stays"),
            }
        }
    }
}

/// Whether a Lease was not renewed for so long that no wrong clock explains it.
fn is_left_behind(lease: &Lease, now: Timestamp) -> bool {
    let renewed = lease.spec.as_ref().and_then(|spec| spec.renew_time.as_ref());
    renewed.is_some_and(|renewed| between(renewed.0, now) > LEFT_BEHIND)
}

/// A name that the API server takes.
fn name(member: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let member: String = member.chars().map(plain).take(200).collect();
    format!("{LEASE_NAME}-{member}").trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::LeaseSpec;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    use super::*;

    #[test]
    fn any_member_gives_a_name() {
        assert_eq!(name("kubekuma-0_AB/1"), "kubekuma-kubekuma-0-ab-1");
        assert_eq!(name("ü"), "kubekuma");
        assert!(name(&"x".repeat(1000)).len() < 253);
    }

    #[test]
    fn only_what_was_long_forgotten_is_removed() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let renewed = |second: i64| Lease {
            spec: Some(LeaseSpec {
                renew_time: Some(MicroTime(Timestamp::from_second(second).unwrap())),
                ..LeaseSpec::default()
            }),
            ..Lease::default()
        };
        assert!(is_left_behind(&renewed(990_000), now));
        assert!(!is_left_behind(&renewed(999_000), now));
        assert!(!is_left_behind(&renewed(2_000_000), now), "a clock that is ahead");
        assert!(!is_left_behind(&Lease::default(), now));
    }
}
