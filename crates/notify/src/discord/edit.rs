//! What becomes of the messages about an outage when it is over.

use kuma_core::ports::{Earlier, LONGEST_RECEIPT};
use serde_json::{Value, json};

use super::LONGEST_TITLE;
use crate::condition::is_over;
use crate::human;
use crate::message::{Message, Severity};
use crate::rest::cut;

/// Most messages that one recovery edits: an outage that was told often has as many.
const MOST_EDITS: usize = 5;

/// What a message says about incidents that are over: `[{incident, note}]`.
pub(super) fn over(message: &Message) -> Vec<Value> {
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

/// What is kept of a message to edit it later: its id and, if there is room, its embed.
pub(super) fn handle(id: &str, body: &Value) -> String {
    let whole = json!({"id": id, "embed": body["embeds"][0]}).to_string();
    if whole.len() <= LONGEST_RECEIPT { whole } else { json!({"id": id}).to_string() }
}

/// The edits that follow: ids of messages and what they become.
pub(super) fn edits(over: &Value, earlier: &[Earlier]) -> Vec<(String, Value)> {
    let note_of = |it: &Earlier| {
        let over = over.as_array()?.iter().find(|over| over["incident"] == it.incident.0)?;
        over["note"].as_str()
    };
    let edit = |it: &Earlier| {
        let note = note_of(it)?;
        let kept: Value = serde_json::from_str(&it.receipt).ok()?;
        Some((kept["id"].as_str()?.to_owned(), edited(&kept["embed"], note)))
    };
    earlier.iter().filter_map(edit).take(MOST_EDITS).collect()
}

/// The embed in the colour of what is well, with the end beneath it. Without the embed, the end
/// stands above the message.
fn edited(embed: &Value, note: &str) -> Value {
    let mentions = json!({"parse": []});
    let Some(title) = embed["title"].as_str() else {
        return json!({"content": format!("Over: {note}"), "allowed_mentions": mentions});
    };
    let mut embed = embed.clone();
    embed["title"] = cut(&format!("OVER – {title}"), LONGEST_TITLE).into();
    embed["color"] = super::colour(Severity::Ok).into();
    embed["footer"] = json!({"text": note});
    json!({"embeds": [embed], "allowed_mentions": mentions})
}
