//! The receiver of mail: a real server, Python's aiosmtpd.

use kuma_fixture::MailServer;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::{Mood, Receiver};
use crate::evidence::Message;

struct Mail(MailServer);

pub(super) fn smtp(_: &Handle) -> Box<dyn Receiver + Send> {
    Box::new(Mail(MailServer::start()))
}

impl Receiver for Mail {
    fn config(&self) -> Value {
        json!({
            "host": "127.0.0.1",
            "port": self.0.port,
            "security": "none",
            "from": "KubeKuma <kuma@example.com>",
            "to": ["oncall@example.com"],
        })
    }

    fn secret(&self) -> Value {
        json!({})
    }

    /// It is never in a bad mood: it takes what it is given.
    fn be(&self, _: Mood) {}

    fn messages(&self, provider: &str) -> Vec<Message> {
        self.0.mails().iter().map(|mail| message(provider, mail)).collect()
    }
}

fn message(provider: &str, mail: &Value) -> Message {
    let id = mail["id"].as_str().unwrap_or_default();
    // The key stands before the domain: `<key@example.com>`.
    let key = id.trim_start_matches('<').split('@').next().unwrap_or_default();
    let text = format!("{} {}", mail["subject"], mail["parts"]);
    Message {
        provider: provider.to_owned(),
        key: key.to_owned(),
        at: mail["at"].as_i64().unwrap_or_default(),
        marked: text.contains("may be a repeat"),
        taken: true,
        refused: None,
        text,
        dedupes: false,
        renews: false,
        alerts: Vec::new(),
    }
}
