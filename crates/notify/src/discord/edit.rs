//! What a message about an outage becomes when it is over.

use kuma_core::ports::LONGEST_RECEIPT;
use serde_json::{Value, json};

use super::LONGEST_TITLE;
use crate::message::Severity;
use crate::rest::cut;

/// What is kept of a message to edit it later: its id and, if there is room, its embed.
pub(super) fn handle(id: &str, body: &Value) -> String {
    let whole = json!({"id": id, "embed": body["embeds"][0]}).to_string();
    if whole.len() <= LONGEST_RECEIPT { whole } else { json!({"id": id}).to_string() }
}

/// The edit of a message of which this was kept: its id and what it becomes.
pub(super) fn edit(kept: &str, note: &str) -> Option<(String, Value)> {
    let kept: Value = serde_json::from_str(kept).ok()?;
    Some((kept["id"].as_str()?.to_owned(), edited(&kept["embed"], note)))
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
