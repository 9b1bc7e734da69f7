//! The loop of a member of a shared store: heartbeats, shards that come and go, and what the
//! members decide about monitors that concern each other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kuma_core::catalog::CatalogSource;
use kuma_core::engine::Handover;
use kuma_core::id::MonitorId;
use kuma_core::ports::{Heartbeat, Membership, PushArrival, Store, StoreError};
use kuma_core::shard::{Held, MemberId, Mode, Plan, Shard, ShardSet, View, plan};
use kuma_core::stats::{Counter, Sample, StatKind, Stats};
use kuma_core::time::Clock;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::catalog::Holder;
use super::commit::Committer;
use super::engine_loop::Message;
use super::newest_incidents;
use super::standing::{Standing, TTL};
use crate::clock::SystemClock;

/// How often the heartbeat is renewed, and the longest that released shards wait for their next
/// owner.
const BEAT: Duration = Duration::from_millis(500);
/// How often messages that dead members were sending are looked for.
const RECOVER_EVERY: u32 = 10;

/// Numbers about membership.
#[derive(Debug, Default)]
pub(super) struct MembershipStats {
    held: Counter,
    members: Counter,
    claimed: Counter,
    lost: Counter,
}

impl Stats for MembershipStats {
    fn samples(&self) -> Vec<Sample> {
        let sample = |name, help, kind, counter: &Counter| Sample {
            name,
            help,
            kind,
            labels: Vec::new(),
            value: counter.get() as f64,
        };
        vec![
            sample(
                "shards_held",
                "Shards that this instance holds, the coordinator's among them.",
                StatKind::Gauge,
                &self.held,
            ),
            sample(
                "members",
                "Instances that share the store and live.",
                StatKind::Gauge,
                &self.members,
            ),
            sample(
                "shards_claimed",
                "Shards that this instance has claimed.",
                StatKind::Counter,
                &self.claimed,
            ),
            sample(
                "shards_lost",
                "Shards that were taken from this instance because its heartbeat had expired.",
                StatKind::Counter,
                &self.lost,
            ),
        ]
    }
}

/// What the loop is made of.
pub(super) struct Parts {
    pub(super) clock: SystemClock,
    pub(super) me: MemberId,
    pub(super) membership: Arc<dyn Membership>,
    pub(super) store: Arc<dyn Store>,
    pub(super) catalog: Holder,
    pub(super) standing: Arc<Standing>,
    pub(super) committer: Committer,
    pub(super) engine: mpsc::UnboundedSender<Message>,
    pub(super) wake_delivery: Arc<dyn Fn() + Send + Sync>,
    pub(super) stats: Arc<MembershipStats>,
}

struct Loop {
    parts: Parts,
    held: BTreeMap<Shard, i64>,
    /// From where others' states are read on.
    cursor: i64,
    rounds: u32,
    out_of_reach: bool,
}

/// Takes part until `stop`, then hands everything over. The engine's loop must still run then.
pub(super) async fn run(parts: Parts, stop: CancellationToken) {
    let mut this = Loop { parts, held: BTreeMap::new(), cursor: 0, rounds: 0, out_of_reach: false };
    let mut ticks = tokio::time::interval(BEAT);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
            () = this.parts.standing.doubted() => {}
        }
        if let Err(error) = this.round().await {
            this.missed(&error);
        }
    }
}

/// Asks the owners of monitors to run them, until `stop`; where that fails they come to their turn.
/// Beside the loop, because a store that does not answer would keep the heartbeat waiting.
pub(super) async fn ask(
    membership: Arc<dyn Membership>,
    mut asked: mpsc::UnboundedReceiver<Vec<MonitorId>>,
    stop: CancellationToken,
) {
    while let Some(Some(mut monitors)) = stop.run_until_cancelled(asked.recv()).await {
        while let Ok(more) = asked.try_recv() {
            monitors.extend(more);
        }
        let asking = stop.run_until_cancelled(membership.ask_runs(&monitors)).await;
        if let Some(Err(error)) = asking {
            debug!(%error, "parents of monitors that failed are not run at once");
        }
    }
}

/// Gives everything up: the others need not wait for the heartbeat to expire. To be called when
/// nothing is decided or written any more.
pub(super) async fn leave(membership: &dyn Membership, me: &MemberId) {
    if let Err(error) = membership.leave(me).await {
        warn!(%error, "the shards are not handed over; they move when the heartbeat has expired");
    }
}

impl Loop {
    async fn round(&mut self) -> Result<(), StoreError> {
        let begun = self.parts.clock.now().mono;
        let beaten = self.parts.membership.beat(&self.parts.me, TTL).await;
        let view = beaten.inspect_err(|error| {
            if matches!(error, StoreError::Unavailable(_)) {
                self.parts.standing.unanswered(begun);
            }
        })?;
        if std::mem::take(&mut self.out_of_reach) {
            info!("the store answers again");
        }
        self.compare(&view).await;
        self.parts.standing.taken(begun);
        let alive = view.members.iter().filter(|member| member.alive).count();
        self.parts.stats.members.set(alive as u64);
        self.parts.standing.set_members(alive as u64);
        let coordinator = view.shards.iter().find(|row| row.shard == Shard::COORDINATOR);
        let active = coordinator.and_then(|row| row.owner.clone());
        self.parts.standing.set_active(active.filter(|owner| *owner != self.parts.me));
        let plan = plan(&view, &self.parts.me, self.mode());
        self.carry_out(plan).await?;
        self.listen().await?;
        self.rounds = self.rounds.wrapping_add(1);
        if self.rounds.is_multiple_of(RECOVER_EVERY) && self.parts.standing.coordinates() {
            self.recover().await?;
        }
        Ok(())
    }

    fn missed(&mut self, error: &StoreError) {
        if !std::mem::replace(&mut self.out_of_reach, true) {
            warn!(%error, "the shared store cannot be asked; checks go on");
        }
    }

    fn mode(&self) -> Mode {
        if self.parts.catalog.current().settings.mode.single_instance_required {
            Mode::Single
        } else {
            Mode::Spread
        }
    }

    /// What the store no longer knows as ours was taken: our heartbeat had expired. Nothing of it
    /// may be written or said from here on.
    async fn compare(&mut self, view: &View) {
        let me = &self.parts.me;
        let ours: BTreeMap<Shard, i64> = view
            .shards
            .iter()
            .filter(|row| row.owner.as_ref() == Some(me))
            .map(|row| (row.shard, row.epoch))
            .collect();
        let lost: ShardSet = self
            .held
            .iter()
            .filter(|(shard, epoch)| ours.get(*shard) != Some(*epoch))
            .map(|(shard, _)| *shard)
            .collect();
        if lost.is_empty() {
            return;
        }
        error!(
            shards = lost.len(),
            "our heartbeat expired and our shards were taken; stopping their checks"
        );
        self.parts.stats.lost.add(u64::from(lost.len()));
        self.drop_shards(lost).await;
    }

    /// Stops acting on shards; resolves when the engine's loop has.
    async fn drop_shards(&mut self, shards: ShardSet) {
        self.held.retain(|shard, _| !shards.contains(*shard));
        self.publish();
        let (done, lost) = oneshot::channel();
        if self.parts.engine.send(Message::Lose(shards, done)).is_ok() {
            // A loop that has ended acts on nothing.
            let _ = lost.await;
        }
    }

    fn publish(&self) {
        self.parts.stats.held.set(self.held.len() as u64);
        let held = Held { member: self.parts.me.clone(), epochs: self.held.clone() };
        self.parts.standing.set_held(held);
    }

    async fn carry_out(&mut self, plan: Plan) -> Result<(), StoreError> {
        if !plan.release.is_empty() {
            // What was decided is written under the old epochs before they are given up.
            let (done, lost) = oneshot::channel();
            if self.parts.engine.send(Message::Lose(plan.release, done)).is_ok() {
                let _ = lost.await;
            }
            self.parts.committer.flush().await;
            self.held.retain(|shard, _| !plan.release.contains(*shard));
            self.publish();
            self.parts.membership.release_shards(&self.parts.me, plan.release).await?;
            info!(shards = plan.release.len(), "shards handed over");
        }
        if !plan.claim.is_empty() {
            self.claim(plan.claim).await?;
        }
        Ok(())
    }

    async fn claim(&mut self, shards: ShardSet) -> Result<(), StoreError> {
        let claimed = self.parts.membership.claim_shards(&self.parts.me, shards).await?;
        if claimed.is_empty() {
            return Ok(());
        }
        let gained: ShardSet = claimed.iter().map(|(shard, _)| *shard).collect();
        // Held from here on, so that a failure below gives them up again instead of forgetting them.
        self.held.extend(claimed);
        match self.take_over(gained).await {
            Ok((handover, pushes)) => {
                self.publish();
                self.parts.stats.claimed.add(u64::from(gained.len()));
                info!(shards = gained.len(), monitors = handover.states.len(), "shards taken over");
                // Without an engine loop the process is stopping.
                let _ = self.parts.engine.send(Message::Gain(gained, Box::new(handover)));
                for arrival in pushes {
                    let _ = self.parts.engine.send(Message::Pushed(arrival));
                }
                (self.parts.wake_delivery)();
                Ok(())
            }
            Err(error) => {
                self.held.retain(|shard, _| !gained.contains(*shard));
                self.parts.membership.release_shards(&self.parts.me, gained).await?;
                Err(error)
            }
        }
    }

    async fn take_over(
        &self,
        shards: ShardSet,
    ) -> Result<(Handover, Vec<PushArrival>), StoreError> {
        let store = &self.parts.store;
        let states = store.load_states(shards).await?;
        let last = store.last_results(shards).await?;
        let last: Vec<Heartbeat> = last.into_iter().map(|result| result.heartbeat).collect();
        let known: std::collections::HashSet<MonitorId> =
            states.iter().map(|row| row.monitor).collect();
        let lost: Vec<MonitorId> =
            last.iter().map(|beat| beat.monitor).filter(|id| !known.contains(id)).collect();
        let incidents = newest_incidents(&**store, &lost).await?;
        let pushes = store.pending_pushes(shards).await?;
        Ok((Handover { states, last, incidents }, pushes))
    }

    /// What others decided, and what arrived with them for monitors of ours.
    async fn listen(&mut self) -> Result<(), StoreError> {
        let (states, cursor) = self.parts.store.states_since(self.cursor).await?;
        self.cursor = cursor;
        if !states.is_empty() {
            // Without an engine loop the process is stopping.
            let _ = self.parts.engine.send(Message::Others(states));
        }
        let held = self.parts.standing.held();
        if !held.is_empty() {
            let asked = self.parts.membership.take_asked(held).await?;
            if !asked.is_empty() {
                let _ = self.parts.engine.send(Message::RunNow(asked));
            }
            for arrival in self.parts.store.pending_pushes(held).await? {
                let _ = self.parts.engine.send(Message::Pushed(arrival));
            }
        }
        Ok(())
    }

    async fn recover(&self) -> Result<(), StoreError> {
        let now = self.parts.clock.now().wall;
        let recovered = self.parts.store.recover_sending(now).await?;
        if recovered > 0 {
            info!(recovered, "messages that a dead instance was sending are sent again");
            (self.parts.wake_delivery)();
        }
        Ok(())
    }
}
