//! One active instance on a cluster with SQLite: the Lease elects who may open the file, the file's
//! lock is the fence (`design/overview.md`, run modes).

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use kuma_core::ports::StoreError;
use kuma_kube::lease::{LeaseKeeper, LeaseState, Terms};
use tokio::sync::watch;
use tracing::{info, warn};

use super::Shown;
use crate::clock::SystemClock;
use crate::cluster::Cluster;
use crate::runtime::{self, Options, Running, signals};

/// How soon the database is tried again that another process has not let go of yet.
const LOCKED_AGAIN: Duration = Duration::from_secs(1);

/// Waits for the Lease, runs while it is ours, and ends when it was lost: what takes part again is
/// another start of this program.
pub(super) async fn run(
    options: &Options,
    cluster: &Cluster,
    shown: &Shown,
    clock: SystemClock,
) -> anyhow::Result<()> {
    let keeper = LeaseKeeper::start(
        &cluster.connection,
        &options.namespace,
        &options.member.0,
        Terms::default(),
        Arc::new(clock),
    );
    let state = keeper.state();
    let seen = state.clone();
    let why: kuma_server::Why = Arc::new(move || describe(&seen.borrow()));
    shown.front.show(kuma_server::standby(Arc::new(clock), why.clone()));
    let mut stopped = pin!(signals::stopped());
    let running = tokio::select! {
        () = &mut stopped => None,
        running = become_active(options, state.clone(), clock) => running?,
    };
    let mut lost = false;
    if let Some(running) = running {
        let taken = taken_by_another(state);
        let end = async {
            tokio::select! {
                () = stopped => {}
                () = taken => lost = true,
            }
        };
        shown.serve(running, end).await;
    }
    shown.front.show(kuma_server::standby(Arc::new(clock), why));
    keeper.release().await;
    anyhow::ensure!(
        !lost,
        "another instance has taken the Lease; this one has stopped and waits again after a restart"
    );
    Ok(())
}

fn describe(state: &LeaseState) -> String {
    match state {
        LeaseState::Waiting { why } => format!("standby: {why}"),
        LeaseState::Held { trouble: None } => "it is starting".to_owned(),
        LeaseState::Held { trouble: Some(trouble) } => format!("it is starting; {trouble}"),
        LeaseState::Lost { to } => format!("{to} has taken the Lease"),
        LeaseState::Released => "it is stopping".to_owned(),
    }
}

/// Resolves when the Lease is ours and the database is open; none when the Lease was lost before.
async fn become_active(
    options: &Options,
    mut state: watch::Receiver<LeaseState>,
    clock: SystemClock,
) -> anyhow::Result<Option<Running>> {
    let is_decided = |state: &LeaseState| !matches!(state, LeaseState::Waiting { .. });
    // A keeper that is gone has released the Lease.
    if state.wait_for(is_decided).await.is_err() {
        return Ok(None);
    }
    info!("the Lease is held; opening the database");
    loop {
        if matches!(*state.borrow(), LeaseState::Lost { .. } | LeaseState::Released) {
            return Ok(None);
        }
        match runtime::start(options.clone(), clock).await {
            Ok(running) => return Ok(Some(running)),
            Err(error) if is_locked(&error) => {
                warn!(%error, "the last holder of the Lease still has the database; waiting");
                tokio::time::sleep(LOCKED_AGAIN).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_locked(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<StoreError>(), Some(StoreError::Locked(_)))
}

async fn taken_by_another(mut state: watch::Receiver<LeaseState>) {
    let lost = |state: &LeaseState| matches!(state, LeaseState::Lost { .. });
    if state.wait_for(lost).await.is_err() {
        // The keeper is gone; whoever let it go decides what follows.
        std::future::pending().await
    }
}
