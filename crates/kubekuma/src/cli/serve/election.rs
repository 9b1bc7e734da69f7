//! One active instance on a cluster with SQLite: the Lease elects who may open the file, the file's
//! lock is the fence (`design/overview.md`, run modes).

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kuma_core::ports::StoreError;
use kuma_kube::lease::{LeaseKeeper, LeaseState, Terms};
use tokio::sync::watch;
use tracing::{info, warn};

use super::Shown;
use crate::clock::SystemClock;
use crate::cluster::{Cluster, Listening};
use crate::runtime::{self, Options, Running, signals};

/// How soon the database is tried again that another process has not let go of yet.
const LOCKED_AGAIN: Duration = Duration::from_secs(1);

/// Waits for the Lease and runs while it is ours, until the program is told to stop. Who has lost the
/// Lease stops everything, and waits again under another name.
pub(super) async fn run(
    options: &Options,
    cluster: &Cluster,
    shown: &Shown,
    clock: SystemClock,
) -> anyhow::Result<()> {
    let mut stopped = pin!(signals::stopped());
    for term in 1_u32.. {
        let identity = format!("{}-{term}", options.member.0);
        let (time, terms) = (Arc::new(clock), Terms::default());
        let connection = &cluster.connection;
        let keeper = LeaseKeeper::start(connection, &options.namespace, &identity, terms, time);
        // A standby reads and judges everything beforehand, so that it need not when it takes over.
        let listening = Listening::begin(cluster, options, clock);
        let ended = serve_a_term(options, shown, &keeper, listening, stopped.as_mut(), clock).await;
        keeper.release().await;
        match ended? {
            Ended::Stopped => break,
            Ended::Lost => warn!("another instance has taken the Lease; standing by"),
        }
    }
    Ok(())
}

/// How a term ended.
enum Ended {
    Stopped,
    Lost,
}

async fn serve_a_term(
    options: &Options,
    shown: &Shown,
    keeper: &LeaseKeeper,
    listening: Listening,
    mut stopped: Pin<&mut impl Future<Output = ()>>,
    clock: SystemClock,
) -> anyhow::Result<Ended> {
    let (state, locked) = (keeper.state(), Arc::new(AtomicBool::new(false)));
    let (seen, waits) = (state.clone(), locked.clone());
    let why: kuma_server::Why =
        Arc::new(move || describe(&seen.borrow(), waits.load(Ordering::Relaxed)));
    shown.front.show(kuma_server::standby(Arc::new(clock), why.clone()));
    let running = tokio::select! {
        () = &mut stopped => return Ok(Ended::Stopped),
        running = become_active(options, state.clone(), &locked, listening, clock) => running?,
    };
    let Some(running) = running else { return Ok(Ended::Lost) };
    let mut ended = Ended::Stopped;
    let taken = taken_by_another(state);
    let end = async {
        tokio::select! {
            () = stopped => {}
            () = taken => ended = Ended::Lost,
        }
    };
    shown.serve(running, end).await;
    shown.front.show(kuma_server::standby(Arc::new(clock), why));
    Ok(ended)
}

fn describe(state: &LeaseState, locked: bool) -> String {
    match state {
        LeaseState::Held { .. } if locked => {
            "standby: the Lease is held, but its last holder still has the database".to_owned()
        }
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
    locked: &AtomicBool,
    listening: Listening,
    clock: SystemClock,
) -> anyhow::Result<Option<Running>> {
    let is_decided = |state: &LeaseState| !matches!(state, LeaseState::Waiting { .. });
    // A keeper that is gone has released the Lease.
    if state.wait_for(is_decided).await.is_err() {
        return Ok(None);
    }
    info!("the Lease is held; opening the database");
    let storage = loop {
        if matches!(*state.borrow(), LeaseState::Lost { .. } | LeaseState::Released) {
            return Ok(None);
        }
        match runtime::open(options, clock).await {
            Ok(storage) => break storage,
            Err(error) if is_locked(&error) => {
                if !locked.swap(true, Ordering::Relaxed) {
                    warn!(%error, "the last holder of the Lease still has the database; waiting");
                }
                tokio::time::sleep(LOCKED_AGAIN).await;
            }
            Err(error) => return Err(error),
        }
    };
    let running = runtime::start(options.clone(), storage, Some(listening), clock).await?;
    Ok(Some(running))
}

fn is_locked(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<StoreError>(), Some(StoreError::Locked(_)))
}

async fn taken_by_another(mut state: watch::Receiver<LeaseState>) {
    let lost = |state: &LeaseState| matches!(state, LeaseState::Lost { .. });
    if state.wait_for(lost).await.is_err() {
        // The keeper is gone; whoever let it go decides what follows.
        std::future::pending::<()>().await;
    }
}
