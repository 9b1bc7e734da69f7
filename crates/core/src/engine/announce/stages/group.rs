//! Messages of one policy and kind that have `groupBy` in common travel together after
//! `groupWaitSeconds`.

use crate::event::Event;
use crate::policy::GroupBy;
use crate::time::plus;

use super::super::key;
use super::{Context, Flow, Message};

pub(super) fn stage(context: &Context<'_>, message: &mut Message<'_>) -> Flow {
    if let Some(policy) = message.route.policy()
        && !policy.group_by.is_empty()
    {
        let name = policy.name.to_string();
        let values: Vec<String> =
            policy.group_by.iter().map(|by| value(by, message.event)).collect();
        let mut parts = vec![name.as_str(), message.kind().as_str()];
        parts.extend(values.iter().map(String::as_str));
        message.group_key = Some(key::hash(&parts));
        message.not_before = plus(context.now, policy.group_wait);
    }
    Flow::Pass
}

fn value(by: &GroupBy, event: &Event) -> String {
    match by {
        GroupBy::Namespace => event.monitor.namespace.to_string(),
        GroupBy::Name => event.monitor.name.to_string(),
        GroupBy::Type => event.check_type.clone(),
        GroupBy::Reason => event.reason.clone().unwrap_or_default(),
        GroupBy::Label(label) => event.labels.get(label).cloned().unwrap_or_default(),
    }
}
