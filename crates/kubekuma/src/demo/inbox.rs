//! What the demo's receivers got.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Most messages kept.
const MAX_KEPT: usize = 100;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// `webhook` or `mail`.
    pub channel: &'static str,
    /// Its subject or first line.
    pub title: String,
    /// All of it.
    pub text: String,
}

/// The last messages.
#[derive(Debug, Default)]
pub struct Inbox(Mutex<VecDeque<Received>>);

impl Inbox {
    /// Keeps a message and logs its title.
    pub fn add(&self, received: Received) {
        tracing::info!(
            channel = received.channel,
            title = received.title,
            "demo received a message"
        );
        let mut messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if messages.len() == MAX_KEPT {
            messages.pop_front();
        }
        messages.push_back(received);
    }

    /// The messages, oldest first.
    pub fn all(&self) -> Vec<Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
