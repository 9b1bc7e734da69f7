//! What becomes of messages about an outage once it is over, where a channel can edit them: nobody
//! who scrolls past shall take them for news.

use std::time::Duration;

use kuma_core::ports::Earlier;
use serde_json::{Value, json};

use crate::condition::is_over;
use crate::human;
use crate::message::Message;

/// Most messages that one recovery edits: an outage that was told often has as many.
const MOST_EDITS: usize = 5;

/// How long the edits of a recovery may take together. It has arrived by then and is not recorded
/// before they end, so it would be sent again if the process died.
const EDITED_WITHIN: Duration = Duration::from_secs(3);

/// Edits for as long as they may take.
pub(crate) async fn in_time(edits: impl Future<Output = ()>) {
    if tokio::time::timeout(EDITED_WITHIN, edits).await.is_err() {
        tracing::info!("earlier messages stay as they are: the vendor takes too long to edit them");
    }
}

/// What is stored with a message for ourselves: the incident of one that tells of nothing else, and
/// the incidents that it says are over. None if there are neither.
pub(crate) fn own(message: &Message) -> Option<Value> {
    let incident = message.incident().map(|incident| incident.0);
    let over = over(message);
    match (incident, over.is_empty()) {
        (None, true) => None,
        (Some(incident), true) => Some(json!({"incident": incident})),
        (None, false) => Some(json!({"over": over})),
        (Some(incident), false) => Some(json!({"incident": incident, "over": over})),
    }
}

/// `[{incident, note}]`.
fn over(message: &Message) -> Vec<Value> {
    message
        .events
        .iter()
        .filter(|event| is_over(event))
        .filter_map(|event| {
            let at = human::instant(event.ended_at.unwrap_or(event.at));
            let lasted = event.duration(message.at).map(human::duration);
            let lasted = lasted.map(|span| format!(", after {span}")).unwrap_or_default();
            let word = event.current_state.as_str();
            Some(json!({"incident": event.incident?.0, "note": format!("{word} since {at}{lasted}")}))
        })
        .collect()
}

/// Whether a message with this of its own is edited when its incident is over. A digest is not: when
/// one of its outages is over, others may go on.
pub(crate) fn is_edited_later(own: &Value) -> bool {
    own["incident"].is_number() && !is_end(own)
}

/// Whether a message with this of its own says that something is over.
pub(crate) fn is_end(own: &Value) -> bool {
    own["over"].is_array()
}

/// The messages that a message with this of its own makes past ones, each with what to say of it.
pub(crate) fn ended<'a, T>(
    own: &'a Value,
    earlier: &'a [Earlier],
    edit: impl Fn(&'a str, &'a str) -> Option<T>,
) -> Vec<T> {
    let note_of = |it: &Earlier| {
        let over = own["over"].as_array()?.iter().find(|over| over["incident"] == it.incident.0)?;
        over["note"].as_str()
    };
    let edits = earlier.iter().filter_map(|it| edit(&it.receipt, note_of(it)?));
    edits.take(MOST_EDITS).collect()
}
