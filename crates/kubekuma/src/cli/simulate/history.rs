//! Stored results on their way to the replay: read in pages, in the order of time.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use kuma_core::catalog::Catalog;
use kuma_core::id::MonitorId;
use kuma_core::ports::{Heartbeat, StoreError};
use kuma_core::reason::Reason;
use kuma_core::time::Timestamp;
use kuma_store::SqliteStore;
use tokio::sync::mpsc;

/// Results read at once.
const PAGE: usize = 10_000;
/// Pages that may wait.
const WAITING: usize = 2;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// How many results.
    pub(super) results: u64,
    /// Of whom.
    pub(super) monitors: BTreeSet<MonitorId>,
    /// When the first of them was.
    pub(super) first: Option<Timestamp>,
}

/// The end that reads.
pub(super) struct Feed(mpsc::Sender<Vec<Heartbeat>>);

/// The end that is played.
pub(super) struct Results {
    pages: mpsc::Receiver<Vec<Heartbeat>>,
    page: std::vec::IntoIter<Heartbeat>,
}

/// Both ends.
pub(super) fn channel() -> (Feed, Results) {
    let (sender, pages) = mpsc::channel(WAITING);
    (Feed(sender), Results { pages, page: Vec::new().into_iter() })
}

impl Iterator for Results {
    type Item = Heartbeat;

    fn next(&mut self) -> Option<Heartbeat> {
        loop {
            if let Some(next) = self.page.next() {
                return Some(next);
            }
            self.page = self.pages.blocking_recv()?.into_iter();
        }
    }
}

impl Feed {
    /// Reads the results of the catalog's monitors in `[from, to)`.
    pub(super) async fn run(
        self,
        store: &SqliteStore,
        catalog: &Catalog,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Heard, StoreError> {
        let mut heard = Heard::default();
        let mut words = Words::default();
        let mut replay = store.replay(from, to);
        loop {
            let mut page = replay.next_page(PAGE).await?;
            if page.is_empty() {
                for damaged in replay.damaged() {
                    tracing::warn!("passed over: {damaged}");
                }
                return Ok(heard);
            }
            page.retain(|beat| catalog.by_id.contains_key(&beat.monitor));
            for beat in &mut page {
                words.complete(beat);
                heard.results += 1;
                heard.monitors.insert(beat.monitor);
                heard.first.get_or_insert(beat.at);
            }
            // Whoever plays has ended only if time did.
            if !page.is_empty() && self.0.send(page).await.is_err() {
                return Ok(heard);
            }
        }
    }
}

/// A message is stored only where it differs from the one before.
#[derive(Default)]
struct Words(HashMap<MonitorId, (Option<Reason>, Arc<str>)>);

impl Words {
    fn complete(&mut self, beat: &mut Heartbeat) {
        if let Some(message) = &beat.message {
            self.0.insert(beat.monitor, (beat.reason, message.clone()));
        } else if let Some((reason, message)) = self.0.get(&beat.monitor)
            && *reason == beat.reason
        {
            beat.message = Some(message.clone());
        }
    }
}
