//! Tells ends: an up or a closing notice to exactly those who were told the beginning, and a row of
//! the delivery log for what was held until it had nothing left to say.

use crate::catalog::Route;
use crate::id::ObjectName;
use crate::ports::SuppressedRow;

use super::settle::missing;
use super::stages::{self, Envelope, Flow, Message};
use super::topic::{Hold, Over, Told, Topic};
use super::{AnnounceEffects, AnnounceState, Context};

/// Who is told what about outages, so that conditions do not say it again.
#[derive(Default)]
pub(super) struct Spoken {
    /// Told just now that all is well.
    pub(super) recovered: Vec<ObjectName>,
    /// Know that it is down.
    pub(super) down: Vec<ObjectName>,
}

/// Whoever was told that all is well needs no second word about a lesser condition, unless an alert
/// about it stays open until then.
pub(super) fn forget(topic: &mut Topic, recovered: &[ObjectName]) {
    if topic.is_incident() || topic.is_certificate() || recovered.is_empty() {
        return;
    }
    for told in topic.tracks.iter_mut().flat_map(|track| &mut track.told) {
        told.open &= told.keeps_alerts() || !recovered.contains(&told.provider);
    }
}

/// Tells the end to whoever was told the beginning, and logs what nobody was told.
pub(super) fn end(
    state: &mut AnnounceState,
    topic: &mut Topic,
    context: &Context<'_>,
    spoken: &mut Spoken,
    effects: &mut AnnounceEffects,
) {
    let Some(over) = topic.over.clone() else {
        return;
    };
    let routes = context.view.entry.map_or(&[][..], |entry| &entry.routes);
    for index in 0..topic.tracks.len() {
        let route = routes.iter().find(|route| topic.tracks[index].is_of(route));
        if let Some(route) = route
            && let Some(hold) = topic.tracks[index].hold.take()
        {
            log_unsaid(state, topic, route, &hold, context, effects);
        }
        let mut told: Vec<Told> = Vec::new();
        for known in topic.tracks[index].told.iter_mut().filter(|told| told.open) {
            known.open = false;
            told.push(known.clone());
        }
        if over.is_quiet {
            told.retain(Told::keeps_alerts);
        }
        if !told.is_empty() {
            let ending = Ending { index, route, over: &over };
            tell_end(state, topic, &ending, told, context, spoken, effects);
        }
    }
}

struct Ending<'a> {
    index: usize,
    route: Option<&'a Route>,
    over: &'a Over,
}

fn tell_end(
    state: &mut AnnounceState,
    topic: &Topic,
    ending: &Ending<'_>,
    told: Vec<Told>,
    context: &Context<'_>,
    spoken: &mut Spoken,
    effects: &mut AnnounceEffects,
) {
    let mut not_before = context.now;
    let mut group_key = None;
    if let Some(route) = ending.route {
        let mut message = Message::new(&ending.over.event, topic, route, None, context.now);
        match stages::run(context, &mut message) {
            Flow::Pass => {
                not_before = message.not_before;
                group_key = message.group_key;
            }
            // Its policy does not want to hear of ends.
            Flow::Hold(_) | Flow::Drop => return,
        }
    }
    state.sequence += 1;
    let subject = topic.stream();
    let track = &topic.tracks[ending.index];
    let envelope = Envelope {
        monitor: context.view.id,
        subject: &subject,
        event: &ending.over.event,
        sequence: state.sequence,
        route: &track.route,
        is_policy: track.is_policy,
        step: 0,
        not_before,
        group_key: group_key.as_deref(),
    };
    for told in told {
        let is_said = ending.over.is_quiet
            || spoken.recovered.contains(&told.provider)
            || spoken.down.contains(&told.provider);
        let is_aside = is_said && !topic.is_incident() && !topic.is_certificate();
        if is_aside && !told.keeps_alerts() {
            continue;
        }
        for mut row in stages::rows(&envelope, context.view.catalog, [&told.provider]) {
            if is_aside {
                // What was said last about an incident is said again where it was forgotten.
                row.event.incident = None;
            }
            row.merges = (!topic.is_certificate()).then(|| told.key.clone());
            effects.outbox.push(row);
        }
        if topic.is_incident() {
            spoken.recovered.push(told.provider);
        }
    }
}

/// Records what was held until it had nothing left to say.
fn log_unsaid(
    state: &mut AnnounceState,
    topic: &Topic,
    route: &Route,
    hold: &Hold,
    context: &Context<'_>,
    effects: &mut AnnounceEffects,
) {
    let missing = missing(topic, route, context);
    if missing.is_empty() {
        return;
    }
    state.sequence += 1;
    let subject = topic.stream();
    let envelope = Envelope {
        monitor: context.view.id,
        subject: &subject,
        event: &topic.event,
        sequence: state.sequence,
        route: route.name(),
        is_policy: route.policy().is_some(),
        step: 0,
        not_before: context.now,
        group_key: None,
    };
    for row in stages::rows(&envelope, context.view.catalog, missing) {
        let why = format!("{}; it was over before that ended", hold.reason);
        effects.suppressed.push(SuppressedRow { row, why });
    }
}
