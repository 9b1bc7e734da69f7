//! From a message that passed to rows, one per provider, each with its derived key.

use crate::catalog::Catalog;
use crate::event::Event;
use crate::id::{MonitorId, ObjectName};
use crate::ports::OutboxRow;
use crate::time::{Timestamp, to_ms};

use super::super::key;

/// What the rows of one message share.
pub(in super::super) struct Envelope<'a> {
    /// Which monitor.
    pub(in super::super) monitor: MonitorId,
    /// The stream.
    pub(in super::super) subject: &'a str,
    /// What happened.
    pub(in super::super) event: &'a Event,
    /// Number of the message.
    pub(in super::super) sequence: u64,
    /// The route's name.
    pub(in super::super) route: &'a ObjectName,
    /// Whether it is a policy's.
    pub(in super::super) is_policy: bool,
    /// Escalation step, counted from 1; 0 is the route itself.
    pub(in super::super) step: usize,
    /// Earliest delivery.
    pub(in super::super) not_before: Timestamp,
    /// What it travels with.
    pub(in super::super) group_key: Option<&'a str>,
}

impl Envelope<'_> {
    fn row(&self, provider: &ObjectName, provider_type: String) -> OutboxRow {
        // The time makes keys differ from those of an earlier life whose counter was lost.
        let sequence = format!("{}.{}", to_ms(self.event.at), self.sequence);
        let step = format!("{}/{}", self.route, self.step);
        OutboxRow {
            key: key::hash(&[
                self.subject,
                self.event.kind.as_str(),
                &sequence,
                &step,
                &provider.to_string(),
            ]),
            subject: self.subject.to_owned(),
            monitor: Some(self.monitor),
            policy: self.is_policy.then(|| self.route.clone()),
            provider: provider.clone(),
            provider_type,
            not_before: self.not_before,
            group_key: self.group_key.map(str::to_owned),
            merges: None,
            event: self.event.clone(),
        }
    }
}

/// The rows of a message, for those providers that exist.
pub(in super::super) fn rows<'a>(
    envelope: &'a Envelope<'a>,
    catalog: &'a Catalog,
    providers: impl IntoIterator<Item = &'a ObjectName> + 'a,
) -> impl Iterator<Item = OutboxRow> + 'a {
    providers.into_iter().filter_map(move |name| {
        let provider = catalog.providers.get(name)?;
        let provider_type = provider.config.provider_type().to_string();
        Some(envelope.row(name, provider_type))
    })
}
