//! Compares what was told with what is so, and tells the difference.

use crate::catalog::Route;
use crate::check::RunClass;
use crate::id::ObjectName;
use crate::time::{Timestamp, plus};

use super::dependency::START_SLACK;

use super::end::{Spoken, end, forget};
use super::stages::{self, Envelope, Flow, Message, cert_level};
use super::topic::{Hold, HoldKind, Subject, Told, Topic, Track};
use super::{AnnounceEffects, AnnounceState, AnnounceView, Context, absorb, repeat};

/// Settles every topic and finds out when to look again.
pub(super) fn settle(
    state: &mut AnnounceState,
    view: &AnnounceView<'_>,
    now: Timestamp,
    effects: &mut AnnounceEffects,
) {
    if state.flapping_until.is_some_and(|until| until <= now) {
        absorb::end_flapping(state, view, now);
    }
    let context =
        Context { view, now, flapping_until: state.flapping_until, mass_until: state.mass_until };
    let mut wake = state.flapping_until;
    let mut spoken = Spoken::default();
    let mut topics = std::mem::take(&mut state.topics);
    for topic in &mut topics {
        forget(topic, &spoken.recovered);
        if topic.over.is_some() {
            end(state, topic, &context, &mut spoken, effects);
        } else if !topic.resting {
            announce(state, topic, &context, effects);
            wake = earliest(wake, repeat::repeat(state, topic, &context, effects));
            wake = earliest(wake, next_hold(topic));
            if topic.is_incident() {
                let told = topic.tracks.iter().flat_map(|track| &track.told);
                spoken.down.extend(told.filter(|told| told.open).map(|told| told.provider.clone()));
            }
        }
    }
    topics.retain_mut(|topic| topic.over.take().is_none() || rest(topic));
    state.topics = topics;
    state.wake = wake;
}

/// The earlier of two instants that may be missing.
pub(super) fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn next_hold(topic: &Topic) -> Option<Timestamp> {
    let holds = topic.tracks.iter().filter_map(|track| track.hold.as_ref());
    holds.map(|hold| hold.until).min()
}

/// A certificate that ended is kept, so that its return tells nothing twice.
fn rest(topic: &mut Topic) -> bool {
    topic.resting = topic.is_certificate();
    topic.resting
}

/// Tells every route and provider that was not told yet, or holds it.
fn announce(
    state: &mut AnnounceState,
    topic: &mut Topic,
    context: &Context<'_>,
    effects: &mut AnnounceEffects,
) {
    let Some(entry) = context.view.entry else {
        return;
    };
    if entry.routes.is_empty() && !topic.unrouted {
        effects.unrouted += 1;
    }
    topic.unrouted = entry.routes.is_empty();
    follow_routes(topic, &entry.routes);
    for route in &entry.routes {
        let missing = missing(topic, route, context);
        if missing.is_empty() {
            clear_hold(topic, route);
            continue;
        }
        let mut tracks = topic.tracks.iter();
        if tracks.any(|track| track.is_of(route) && track.is_rechecking(context.now)) {
            continue;
        }
        let memory = state.routes.iter().find(|memory| memory.route == *route.name());
        let mut message = Message::new(&topic.event, topic, route, memory, context.now);
        match stages::run(context, &mut message) {
            Flow::Drop => clear_hold(topic, route),
            Flow::Hold(hold) => set_hold(topic.track(route), hold, context.now),
            Flow::Pass => {
                if let Some(hold) = recheck(topic, route, context) {
                    topic.track(route).hold = Some(hold);
                    effects.run_now.push(context.view.id);
                    continue;
                }
                let sending = Sending {
                    missing,
                    not_before: message.not_before,
                    group_key: message.group_key.take(),
                    dedupe_key: message.dedupe_key.take(),
                };
                send(state, topic, route, sending, context, effects);
            }
        }
    }
}

/// Routes that are gone hold nothing; what they told is taken over by a new route that would tell
/// the same provider, so that nobody hears of it twice.
fn follow_routes(topic: &mut Topic, routes: &[Route]) {
    let is_gone = |track: &Track| !routes.iter().any(|route| track.is_of(route));
    topic.tracks.retain(|track| !is_gone(track) || !track.told.is_empty());
    if !topic.tracks.iter().any(is_gone) {
        return;
    }
    for track in topic.tracks.iter_mut().filter(|track| is_gone(track)) {
        track.hold = None;
    }
    for route in routes {
        let own = topic.tracks.iter().find(|track| track.is_of(route));
        let mut known: Vec<ObjectName> = own
            .map(|track| track.told.iter().map(|told| told.provider.clone()).collect())
            .unwrap_or_default();
        let mut adopted: Vec<Told> = Vec::new();
        let mut times = None;
        for track in topic.tracks.iter_mut().filter(|track| is_gone(track)) {
            let (same, other) = std::mem::take(&mut track.told).into_iter().partition(|told| {
                let take = told.open
                    && route.providers.contains(&told.provider)
                    && !known.contains(&told.provider);
                if take {
                    known.push(told.provider.clone());
                }
                take
            });
            track.told = other;
            times = times.or(Some((track.announced_at, track.repeated_at)));
            adopted.extend::<Vec<Told>>(same);
        }
        if adopted.is_empty() {
            continue;
        }
        let track = topic.track(route);
        if let Some((announced_at, repeated_at)) = times {
            track.announced_at = track.announced_at.or(announced_at);
            track.repeated_at = track.repeated_at.or(repeated_at);
        }
        track.told.extend(adopted);
    }
}

/// The route's providers that exist and have not heard of it.
pub(super) fn missing<'a>(
    topic: &Topic,
    route: &'a Route,
    context: &Context<'_>,
) -> Vec<&'a ObjectName> {
    let level = match &topic.subject {
        Subject::Certificate { expires_at, .. } => {
            match cert_level(route, *expires_at, context.now) {
                Some(level) => level,
                None => return Vec::new(),
            }
        }
        _ => 0,
    };
    let track = topic.tracks.iter().find(|track| track.is_of(route));
    let knows = |provider: &ObjectName| {
        track.is_some_and(|track| {
            track.told.iter().any(|told| {
                told.provider == *provider
                    && told.level <= level
                    && (told.open || !topic.is_incident())
            })
        })
    };
    let providers = route.providers.iter();
    providers
        .filter(|provider| {
            context.view.catalog.providers.contains_key(*provider) && !knows(provider)
        })
        .collect()
}

/// A parent that kept the monitor quiet is well again, and so may the monitor be: it is checked
/// once more before anybody is told.
fn recheck(topic: &Topic, route: &Route, context: &Context<'_>) -> Option<Hold> {
    let entry = context.view.entry?;
    let track = topic.tracks.iter().find(|track| track.is_of(route))?;
    let held = track.hold.as_ref().filter(|hold| hold.kind == HoldKind::Parent)?;
    if entry.monitor.check.run_class() == RunClass::Passive {
        return None;
    }
    let settings = &context.view.catalog.settings.scheduler;
    let timeout = entry.monitor.schedule.timeout(settings);
    let until = plus(context.now, timeout + START_SLACK);
    let reason = format!("{}, checked again", held.reason);
    Some(Hold::new(HoldKind::Recheck, reason, until))
}

fn clear_hold(topic: &mut Topic, route: &Route) {
    if let Some(track) = topic.tracks.iter_mut().find(|track| track.is_of(route)) {
        track.hold = None;
    }
}

/// Keeps a hold of the same reason until it ends, so that looking again changes nothing.
fn set_hold(track: &mut Track, hold: Hold, now: Timestamp) {
    let is_same = track.hold.as_ref().is_some_and(|old| {
        old.kind == HoldKind::Parent && old.reason == hold.reason && old.until > now
    });
    if !is_same {
        track.hold = Some(hold);
    }
}

/// What the stages decided about a message.
struct Sending<'a> {
    missing: Vec<&'a ObjectName>,
    not_before: Timestamp,
    group_key: Option<String>,
    dedupe_key: Option<String>,
}

fn send(
    state: &mut AnnounceState,
    topic: &mut Topic,
    route: &Route,
    sending: Sending<'_>,
    context: &Context<'_>,
    effects: &mut AnnounceEffects,
) {
    state.sequence += 1;
    let level = match &topic.subject {
        Subject::Certificate { expires_at, .. } => {
            cert_level(route, *expires_at, context.now).unwrap_or_default()
        }
        _ => 0,
    };
    let subject = topic.stream();
    let mut event = topic.event.clone();
    let track = topic.track(route);
    if let Some(hold) = track.hold.take().filter(|hold| hold.kind != HoldKind::Waiting) {
        event.note = Some(format!("held back until now by {}", hold.reason));
    }
    let envelope = Envelope {
        monitor: context.view.id,
        subject: &subject,
        event: &event,
        sequence: state.sequence,
        route: route.name(),
        is_policy: route.policy().is_some(),
        step: 0,
        not_before: sending.not_before,
        group_key: sending.group_key.as_deref(),
    };
    for row in stages::rows(&envelope, context.view.catalog, sending.missing) {
        track.remember(Told {
            provider: row.provider.clone(),
            provider_type: row.provider_type.clone(),
            key: row.key.clone(),
            level,
            open: true,
        });
        effects.outbox.push(row);
    }
    track.announced_at = track.announced_at.or(Some(context.now));
    track.repeated_at = Some(context.now);
    let window = route.policy().map(|policy| policy.dedupe_window).unwrap_or_default();
    // Only what a window or a limit may ask for later is remembered.
    if route
        .policy()
        .is_some_and(|policy| !policy.dedupe_window.is_zero() || !policy.rate_limit.is_zero())
    {
        state.memory(route.name()).sent(sending.dedupe_key, window, context.now);
    }
}
