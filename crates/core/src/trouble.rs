//! Trouble of our own, told to the provider that is marked as system provider
//! (`design/engine.md`, own-fault guard; `kubekuma.io/system-provider`).

use std::collections::BTreeMap;

use crate::catalog::Catalog;
use crate::digest::sha256_hex;
use crate::event::{Event, EventKind};
use crate::id::ObjectName;
use crate::ports::OutboxRow;
use crate::state::MonitorState;
use crate::time::{Timestamp, to_ms};

/// What is wrong with us, since when, and until when if it is over.
#[derive(Debug, Clone, Copy)]
pub struct Trouble<'a> {
    /// A word that tells kinds of trouble apart, such as `store`.
    pub kind: &'a str,
    /// One sentence for people.
    pub message: &'a str,
    /// Its beginning.
    pub since: Timestamp,
    /// Its end, if it is over.
    pub over: Option<Timestamp>,
}

/// The message about it; none where no provider is marked. The key is derived, so that telling
/// the same trouble twice is one message.
pub fn row(catalog: &Catalog, trouble: Trouble<'_>, now: Timestamp) -> Option<OutboxRow> {
    let provider = catalog.providers.get(catalog.system_provider.as_ref()?)?;
    let subject = format!("kubekuma#{} {}", trouble.kind, to_ms(trouble.since));
    let step = if trouble.over.is_some() { "over" } else { "begun" };
    let (previous_state, current_state) = match trouble.over {
        Some(_) => (MonitorState::Unknown, MonitorState::Up),
        None => (MonitorState::Up, MonitorState::Unknown),
    };
    Some(OutboxRow {
        key: sha256_hex(format!("{subject}\n{step}\n{}", provider.name).as_bytes()),
        subject,
        monitor: None,
        policy: None,
        provider: provider.name.clone(),
        provider_type: provider.config.provider_type().to_string(),
        not_before: now,
        group_key: None,
        merges: None,
        event: Event {
            kind: EventKind::OwnTrouble,
            monitor: ObjectName::new(catalog.system_namespace.as_str(), "kubekuma"),
            check_type: String::new(),
            target: String::new(),
            incident: None,
            previous_state,
            current_state,
            reason: None,
            message: Some(trouble.message.to_owned()),
            latency_ms: None,
            at: trouble.over.unwrap_or(trouble.since),
            started_at: Some(trouble.since),
            ended_at: trouble.over,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            tags: Vec::new(),
            cert_days: None,
            attempts: 0,
            note: None,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::provider::{Provider, ProviderConfig, ProviderType};

    fn catalog(marked: bool) -> Catalog {
        let name = ObjectName::new("kubekuma", "ops");
        let provider = Provider {
            name: name.clone(),
            generation: 1,
            enabled: true,
            config: ProviderConfig::Unsupported(ProviderType::Apprise),
            send_test_message: false,
            is_default: false,
            is_system: marked,
        };
        Catalog {
            system_provider: marked.then(|| name.clone()),
            providers: BTreeMap::from([(name, Arc::new(provider))]),
            ..Catalog::default()
        }
    }

    #[test]
    fn only_the_marked_provider_hears_of_it_and_begin_and_end_are_told_apart() {
        let at = |s| Timestamp::from_second(s).unwrap();
        let trouble = Trouble { kind: "store", message: "gone", since: at(10), over: None };
        assert_eq!(row(&catalog(false), trouble, at(20)), None);
        let begun = row(&catalog(true), trouble, at(20)).unwrap();
        assert_eq!(row(&catalog(true), trouble, at(99)).unwrap().key, begun.key);
        let over = Trouble { over: Some(at(30)), ..trouble };
        let over = row(&catalog(true), over, at(30)).unwrap();
        assert_ne!(over.key, begun.key);
        assert_eq!(over.subject, begun.subject, "the end does not overtake the beginning");
    }
}
