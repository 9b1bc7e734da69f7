//! What a run leaves behind, as plain data: what was injected, what receivers got, what the store
//! says, what the process printed. [`judge`](crate::judge) compares them; times are milliseconds
//! since the epoch, of one clock.

use serde::Serialize;

/// Whether an outage has to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Certainty {
    /// The target is out by any reading of its check.
    Must,
    /// Hostile behaviour that may be called an outage or not.
    May,
}

/// A time in which a target was out, from before the first bad answer to after the last.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outage {
    /// The monitor's name.
    pub(crate) target: String,
    /// Its beginning.
    pub(crate) from: i64,
    /// From when on it was being made well, and may have answered well.
    pub(crate) mending: i64,
    /// Its end.
    pub(crate) to: i64,
    /// How it behaved.
    pub(crate) how: &'static str,
    /// Whether it has to be found.
    pub(crate) certainty: Certainty,
}

/// One life of the process.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Life {
    /// When it was started.
    pub(crate) started: i64,
    /// When it said that it runs, if it came to that.
    pub(crate) ready: Option<i64>,
    /// When it was gone.
    pub(crate) ended: i64,
    /// Whether it was killed; if not, it stopped by itself when asked.
    pub(crate) killed: bool,
    /// Resident memory at its end, KiB.
    pub(crate) rss_kib: Option<u64>,
    /// Open file descriptors at its end.
    pub(crate) files: Option<u64>,
}

/// A time in which we kept the program from its work.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Fault {
    /// Its beginning.
    pub(crate) from: i64,
    /// Its end.
    pub(crate) to: i64,
    /// What was done.
    pub(crate) what: &'static str,
    /// Whether checks cannot be expected to go on.
    pub(crate) disturbs: bool,
}

/// A monitor of the run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Watched {
    /// Its name.
    pub(crate) name: String,
    /// An outage that lasts so long while the program runs undisturbed must be found.
    pub(crate) found_within: i64,
    /// An attempt that began before the end of an outage fails at most so long after it.
    pub(crate) lag: i64,
    /// Whether other monitors decide it: it may end before an outage of theirs was found.
    pub(crate) derived: bool,
}

/// A message as a receiver got it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Message {
    /// The provider's name.
    pub(crate) provider: String,
    /// The key that it carries.
    pub(crate) key: String,
    /// When it came.
    pub(crate) at: i64,
    /// Whether it says that it may be a repeat.
    pub(crate) marked: bool,
    /// Whether the receiver said that it has it.
    pub(crate) taken: bool,
    /// Why the vendor would refuse it, if so.
    pub(crate) refused: Option<String>,
    /// Everything in it that people read.
    pub(crate) text: String,
    /// Whether the receiver keeps one of each by a key of its own, so that a repeat changes nothing
    /// and need not say that it is one.
    pub(crate) dedupes: bool,
    /// Whether it only tells again what stands, to a receiver that forgets.
    pub(crate) renews: bool,
    /// What it says to a receiver that keeps alerts.
    pub(crate) alerts: Vec<Alert>,
}

/// What a receiver that keeps alerts is told of one. Labels and beginning say which one it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Alert {
    /// Its labels, in one order.
    pub(crate) labels: String,
    /// When it began.
    pub(crate) starts: i64,
    /// Whether it fires; if not, it is resolved.
    pub(crate) fires: bool,
}

/// An incident of the store.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Incident {
    /// Its number.
    pub(crate) id: i64,
    /// The monitor's name.
    pub(crate) monitor: String,
    /// Its beginning.
    pub(crate) started: i64,
    /// Its end.
    pub(crate) ended: Option<i64>,
    /// Why it ended.
    pub(crate) closed_reason: Option<String>,
}

/// How a message stands in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Standing {
    /// Not sent yet.
    Waiting,
    /// Sent.
    Sent,
    /// Given up.
    Failed,
    /// Decided not to be sent.
    Withheld,
    /// Told with another.
    Merged,
}

/// A message of the store.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// Its key.
    pub(crate) key: String,
    /// The provider's name.
    pub(crate) provider: String,
    /// The event, `down`, `up`, …
    pub(crate) event: String,
    /// What it is about.
    pub(crate) incident: Option<i64>,
    /// How it stands.
    pub(crate) standing: Standing,
}

/// A part of a monitor's time line.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Interval {
    /// The monitor's name.
    pub(crate) monitor: String,
    /// Its beginning.
    pub(crate) from: i64,
    /// Its end; none for the last one.
    pub(crate) to: Option<i64>,
    /// The state.
    pub(crate) state: String,
}

/// A log line that matters: an error, or what is no log line.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    /// When.
    pub(crate) at: i64,
    /// The line.
    pub(crate) text: String,
}

/// Everything.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Evidence {
    /// The monitors.
    pub(crate) watched: Vec<Watched>,
    /// The providers that hear of everything.
    pub(crate) providers: Vec<String>,
    /// The ledger of outages.
    pub(crate) outages: Vec<Outage>,
    /// The ledger of our own faults.
    pub(crate) faults: Vec<Fault>,
    /// The lives of the process.
    pub(crate) lives: Vec<Life>,
    /// What receivers got.
    pub(crate) messages: Vec<Message>,
    /// Incidents of the store.
    pub(crate) incidents: Vec<Incident>,
    /// Messages of the store.
    pub(crate) rows: Vec<Row>,
    /// Time lines of the store.
    pub(crate) intervals: Vec<Interval>,
    /// Errors and panics of the log.
    pub(crate) lines: Vec<Line>,
    /// What went wrong while the run went on, such as a start that failed.
    pub(crate) mishaps: Vec<String>,
}
