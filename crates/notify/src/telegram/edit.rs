//! What is kept of a message, and what it becomes when the outage that it tells is over.

use kuma_core::ports::LONGEST_RECEIPT;
use kuma_core::provider::TelegramMarkup;
use serde_json::{Value, json};

use super::markup;

/// The parts of a message that an edit has to say again.
const KEPT: [&str; 3] = ["text", "parse_mode", "link_preview_options"];

/// What is needed of a message to edit it.
pub(super) fn kept(body: &Value) -> Value {
    KEPT.iter().map(|name| ((*name).to_owned(), body[*name].clone())).collect()
}

/// A message as it is referred to later: where it is, its number there and, if there is room, what
/// an edit needs.
pub(super) fn handle(place: &str, id: i64, kept: Option<Value>) -> String {
    let short = format!("{place} {id}");
    match kept.map(|kept| format!("{short} {kept}")) {
        Some(whole) if whole.len() <= LONGEST_RECEIPT => whole,
        _ => short,
    }
}

/// A message's number, and what was kept of it, if it is in this place.
pub(super) fn read<'a>(handle: &'a str, place: &str) -> Option<(i64, Option<&'a str>)> {
    let mut parts = handle.splitn(3, ' ');
    let at = parts.next()?;
    let id = parts.next()?.parse().ok()?;
    (at == place).then(|| (id, parts.next()))
}

/// The edit of a message: the end in bold above what it said, but for the chat.
pub(super) fn edit(handle: &str, place: &str, note: &str) -> Option<Value> {
    let (id, kept) = read(handle, place)?;
    let mut body: Value = serde_json::from_str(kept?).ok()?;
    let markup: TelegramMarkup = serde_json::from_value(body["parse_mode"].clone()).ok()?;
    let over = markup::bold(&format!("OVER – {note}"), markup);
    body["text"] = format!("{over}\n\n{}", body["text"].as_str()?).into();
    body["message_id"] = json!(id);
    Some(body)
}
