//! The Lease: one of two holds it, and it passes on when it is given back, left behind or stolen.

use std::sync::Arc;
use std::time::Duration;

use kuma_core::time::Clock;
use kuma_kube::client::Cluster;
use kuma_kube::lease::{LeaseKeeper, LeaseMirror, LeaseState, Terms};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::fake::Fake;
use crate::kit::{PATIENCE, TestClock, cluster, cluster_at};

/// Shorter than in the product; long enough for a busy machine to renew in time.
const TERMS: Terms = Terms {
    duration: Duration::from_secs(5),
    renew: Duration::from_millis(300),
    retry: Duration::from_millis(100),
};

fn keeper(cluster: &Cluster, name: &str) -> LeaseKeeper {
    LeaseKeeper::start(cluster, "kubekuma", name, TERMS, clock())
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(TestClock(Instant::now()))
}

async fn until(state: &mut watch::Receiver<LeaseState>, done: impl FnMut(&LeaseState) -> bool) {
    if let Ok(reached) = tokio::time::timeout(PATIENCE, state.wait_for(done)).await {
        reached.expect("its task ended");
    } else {
        panic!("it never came; it is {:?}", *state.borrow());
    }
}

fn holds(state: &LeaseState) -> bool {
    matches!(state, LeaseState::Held { .. })
}

fn waits(state: &LeaseState) -> bool {
    matches!(state, LeaseState::Waiting { why } if why.contains("holds the Lease"))
}

#[tokio::test]
async fn a_lease_that_is_given_back_passes_on_at_once() {
    let fake = Fake::start().await;
    let cluster = cluster(&fake).await;
    let first = keeper(&cluster, "first");
    until(&mut first.state(), holds).await;
    let second = keeper(&cluster, "second");
    until(&mut second.state(), waits).await;
    let mut state = first.state();
    first.release().await;
    assert_eq!(*state.borrow_and_update(), LeaseState::Released);
    until(&mut second.state(), holds).await;
    let lease = fake.get("leases", "kubekuma", "kubekuma").unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "second");
    assert_eq!(lease["spec"]["leaseTransitions"], 1);
    assert_eq!(lease["spec"]["leaseDurationSeconds"], 5);
    second.release().await;
    let lease = fake.get("leases", "kubekuma", "kubekuma").unwrap();
    assert_eq!(lease["spec"].get("holderIdentity"), None);
}

#[tokio::test]
async fn a_holder_that_died_is_followed_when_its_lease_has_expired() {
    let fake = Fake::start().await;
    // It dies with its runtime, in the middle of whatever it does.
    let doomed = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let port = fake.port;
    let first = doomed.spawn(async move { keeper(&cluster_at(port).await, "first") });
    let first = first.await.unwrap();
    until(&mut first.state(), holds).await;
    let second = keeper(&cluster(&fake).await, "second");
    until(&mut second.state(), waits).await;
    doomed.shutdown_background();
    let died = Instant::now();
    until(&mut second.state(), holds).await;
    assert!(died.elapsed() + TERMS.renew + TERMS.retry > TERMS.duration, "{:?}", died.elapsed());
    second.release().await;
}

#[tokio::test]
async fn an_api_server_that_is_away_is_no_reason_to_stop_and_a_thief_is() {
    let fake = Fake::start().await;
    let cluster = cluster(&fake).await;
    let keeper = keeper(&cluster, "first");
    let mut state = keeper.state();
    until(&mut state, holds).await;
    fake.cut(true);
    until(&mut state, |state| matches!(state, LeaseState::Held { trouble: Some(_) })).await;
    // Longer than the Lease lasts: it is still held.
    let longer = tokio::time::sleep(TERMS.duration + TERMS.renew);
    tokio::select! {
        () = longer => {}
        lost = state.wait_for(|state| !holds(state)) => panic!("{lost:?}"),
    }
    fake.cut(false);
    until(&mut state, |state| *state == LeaseState::Held { trouble: None }).await;

    let mut lease = fake.get("leases", "kubekuma", "kubekuma").unwrap();
    lease["spec"]["holderIdentity"] = Value::from("thief");
    fake.put("leases", lease);
    until(&mut state, |state| *state == LeaseState::Lost { to: "thief".to_owned() }).await;
    keeper.release().await;
    let lease = fake.get("leases", "kubekuma", "kubekuma").unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "thief", "what is not ours is not given back");
}

#[tokio::test]
async fn what_rbac_forbids_comes_with_the_rule_to_add() {
    let fake = Fake::start().await;
    fake.forbid("create", "leases", true);
    let keeper = keeper(&cluster(&fake).await, "first");
    let mut state = keeper.state();
    until(&mut state, |state| {
        matches!(state, LeaseState::Waiting { why } if why.contains("[coordination.k8s.io]"))
    })
    .await;
    fake.forbid("create", "leases", false);
    until(&mut state, holds).await;
    keeper.release().await;
}

#[tokio::test]
async fn a_replica_shows_itself_while_it_runs() {
    let fake = Fake::start().await;
    let mirror = LeaseMirror::start(&cluster(&fake).await, "kubekuma", "Pod_1", clock());
    let shown = async {
        while fake.get("leases", "kubekuma", "kubekuma-pod-1").is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, shown).await.expect("it shows itself");
    let lease = fake.get("leases", "kubekuma", "kubekuma-pod-1").unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "Pod_1");
    mirror.stop().await;
    assert_eq!(fake.get("leases", "kubekuma", "kubekuma-pod-1"), None);
}
