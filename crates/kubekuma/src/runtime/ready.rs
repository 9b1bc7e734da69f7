//! Whether traffic and trust may be put on this process, and what push tokens mean.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kuma_core::id::{MonitorId, ObjectName};
use kuma_core::ports::PushArrival;
use kuma_server::{ReadyCheck, Runtime};
use tokio::sync::mpsc;

use super::commit::CommitStats;
use super::engine_loop::Message;
use super::engine_loop::pushes::Arrivals;
use super::standing::Standing;

/// What the source says of itself.
#[derive(Debug, Clone, Default)]
pub struct SourceStatus {
    /// Whether the first scan is done and in force.
    pub synced: bool,
    /// Objects and files that cannot be used as written.
    pub broken: Vec<String>,
    /// What else is worth knowing, such as that the last catalog is kept because much vanished.
    pub remarks: Vec<String>,
}

/// The running program as the server sees it.
#[derive(Debug)]
pub struct Status {
    source: Mutex<SourceStatus>,
    tokens: Mutex<HashMap<String, MonitorId>>,
    engine: mpsc::UnboundedSender<Message>,
    commits: Arc<CommitStats>,
    arrivals: Arc<Arrivals>,
    standing: Arc<Standing>,
    stopping: AtomicBool,
}

impl Status {
    /// A status that hands arrivals to the engine's loop.
    pub fn new(
        engine: mpsc::UnboundedSender<Message>,
        commits: Arc<CommitStats>,
        arrivals: Arc<Arrivals>,
        standing: Arc<Standing>,
    ) -> Self {
        Self {
            source: Mutex::default(),
            tokens: Mutex::default(),
            engine,
            commits,
            arrivals,
            standing,
            stopping: AtomicBool::new(false),
        }
    }

    /// Says how the source stands.
    pub fn set_source(&self, status: SourceStatus) {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    /// Replaces the push tokens.
    pub fn set_tokens(&self, tokens: HashMap<String, MonitorId>) {
        *self.tokens.lock().unwrap_or_else(PoisonError::into_inner) = tokens;
    }

    /// Not ready from now on.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

impl Runtime for Status {
    fn ready(&self) -> BTreeMap<&'static str, ReadyCheck> {
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut remarks = Vec::new();
        if !source.synced {
            remarks.push("not everything that is there was seen yet".to_owned());
        }
        remarks.extend(source.remarks.iter().cloned());
        if !source.broken.is_empty() {
            let shown: Vec<_> = source.broken.iter().take(5).cloned().collect();
            let more = source.broken.len() - shown.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            remarks.push(format!(
                "last valid versions are in force for what is broken: {}{more}",
                shown.join("; ")
            ));
        }
        let message = (!remarks.is_empty()).then(|| remarks.join("; "));
        let mut checks = BTreeMap::from([("source", ReadyCheck { ok: source.synced, message })]);
        if self.commits.away.load(Ordering::Relaxed) {
            let message = Some("commits fail; decisions wait in memory".to_owned());
            checks.insert("commits", ReadyCheck { ok: false, message });
        }
        if let Some(standby) = self.standing.standby() {
            checks.insert("member", ReadyCheck { ok: false, message: Some(standby) });
        }
        if self.stopping.load(Ordering::Relaxed) {
            let message = Some("the process is stopping".to_owned());
            checks.insert("process", ReadyCheck { ok: false, message });
        }
        checks
    }

    fn push_target(&self, token: &str) -> Option<MonitorId> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(token).copied()
    }

    fn push_comes(&self, monitor: MonitorId) {
        self.arrivals.begin(monitor);
    }

    fn push_refused(&self, monitor: MonitorId) {
        // Without a loop the process is stopping.
        let _ = self.engine.send(Message::PushRefused(monitor));
    }

    fn pushed(&self, arrival: PushArrival) {
        // Without a loop the process is stopping; the inbox row is consumed after the restart.
        let _ = self.engine.send(Message::Pushed(arrival));
    }
}

/// The monitor that each push token belongs to, and pairs of monitors that share one.
#[derive(Debug, Default)]
pub struct Tokens {
    /// By token.
    pub by_token: HashMap<String, MonitorId>,
    /// A later monitor and the earlier one whose token it has.
    pub clashes: Vec<(ObjectName, ObjectName)>,
    /// Monitors whose token cannot be had, and why.
    pub missing: Vec<(ObjectName, String)>,
}
