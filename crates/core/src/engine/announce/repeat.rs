//! Resend and escalation: while an outage is open, was told and nobody takes care of it. Each has
//! its own clock, both stop at an acknowledgement, neither is limited by dedupe or rate limit.

use std::time::Duration;

use crate::catalog::Route;
use crate::event::{Event, EventKind};
use crate::id::ObjectName;
use crate::time::{Timestamp, plus};

use super::settle::earliest;
use super::stages::{self, Envelope, Flow, Message};
use super::topic::{Told, Topic};
use super::{AnnounceEffects, AnnounceState, Context};

/// Repeats what is due; says when to look again.
pub(super) fn repeat(
    state: &mut AnnounceState,
    topic: &mut Topic,
    context: &Context<'_>,
    effects: &mut AnnounceEffects,
) -> Option<Timestamp> {
    if !topic.is_incident() || topic.acknowledged.is_some() {
        return None;
    }
    let mut wake = None;
    for route in &context.view.entry?.routes {
        let told = topic.tracks.iter().any(|track| track.is_of(route) && track.is_told());
        if told {
            wake = earliest(wake, escalate(state, topic, route, context, effects));
            wake = earliest(wake, resend(state, topic, route, context, effects));
        }
    }
    wake
}

/// The monitor's interval wins over the policy's; zero is never.
fn resend_interval(route: &Route, context: &Context<'_>) -> Option<Duration> {
    let own = context.view.entry?.monitor.alerting.resend_interval;
    own.or_else(|| route.policy().map(|policy| policy.resend_interval))
        .filter(|interval| !interval.is_zero())
}

fn resend(
    state: &mut AnnounceState,
    topic: &mut Topic,
    route: &Route,
    context: &Context<'_>,
    effects: &mut AnnounceEffects,
) -> Option<Timestamp> {
    let interval = resend_interval(route, context)?;
    let due = plus(topic.track(route).repeated_at?, interval);
    if due > context.now {
        return Some(due);
    }
    let providers: Vec<ObjectName> = topic
        .track(route)
        .told
        .iter()
        .filter(|told| told.open)
        .map(|told| told.provider.clone())
        .collect();
    let told = Repeat {
        kind: EventKind::Resend,
        step: 0,
        note: "still down, and nobody acknowledged it".to_owned(),
        providers,
    };
    match told.send(state, topic, route, context, effects) {
        Sent::Yes => {
            topic.track(route).repeated_at = Some(context.now);
            Some(plus(context.now, interval))
        }
        Sent::Held(until) => Some(until),
        Sent::Unwanted => None,
    }
}

fn escalate(
    state: &mut AnnounceState,
    topic: &mut Topic,
    route: &Route,
    context: &Context<'_>,
    effects: &mut AnnounceEffects,
) -> Option<Timestamp> {
    let policy = route.policy()?;
    let from = topic.track(route).announced_at?;
    loop {
        let index = topic.track(route).escalated;
        let step = policy.escalation.get(index)?;
        let due = plus(from, step.after);
        if due > context.now {
            return Some(due);
        }
        let told = Repeat {
            kind: EventKind::Escalation,
            step: index + 1,
            note: format!("escalation step {}: nobody acknowledged it", index + 1),
            providers: step.providers.clone(),
        };
        match told.send(state, topic, route, context, effects) {
            Sent::Yes => topic.track(route).escalated = index + 1,
            Sent::Held(until) => return Some(until),
            Sent::Unwanted => return None,
        }
    }
}

enum Sent {
    Yes,
    Held(Timestamp),
    Unwanted,
}

struct Repeat {
    kind: EventKind,
    step: usize,
    note: String,
    providers: Vec<ObjectName>,
}

impl Repeat {
    fn send(
        self,
        state: &mut AnnounceState,
        topic: &mut Topic,
        route: &Route,
        context: &Context<'_>,
        effects: &mut AnnounceEffects,
    ) -> Sent {
        let event = Event {
            kind: self.kind,
            previous_state: topic.event.current_state,
            at: context.now,
            note: Some(self.note),
            ..topic.event.clone()
        };
        let mut message = Message::new(&event, topic, route, None, context.now);
        match stages::run(context, &mut message) {
            Flow::Pass => {}
            Flow::Hold(hold) => return Sent::Held(hold.until),
            Flow::Drop => return Sent::Unwanted,
        }
        let (not_before, group_key) = (message.not_before, message.group_key);
        state.sequence += 1;
        let subject = topic.stream();
        let envelope = Envelope {
            monitor: context.view.id,
            subject: &subject,
            event: &event,
            sequence: state.sequence,
            route: route.name(),
            is_policy: route.policy().is_some(),
            step: self.step,
            not_before,
            group_key: group_key.as_deref(),
        };
        let track = topic.track(route);
        for row in stages::rows(&envelope, context.view.catalog, &self.providers) {
            // Whoever first hears of it by escalation hears of its end as well.
            if !track.told.iter().any(|told| told.provider == row.provider) {
                track.told.push(Told {
                    provider: row.provider.clone(),
                    provider_type: row.provider_type.clone(),
                    key: row.key.clone(),
                    level: 0,
                    open: true,
                });
            }
            effects.outbox.push(row);
        }
        Sent::Yes
    }
}
