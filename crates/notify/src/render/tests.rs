//! Snapshots of every default text, and what templates do to them.

use std::collections::BTreeMap;
use std::time::Duration;

use kuma_core::event::EventKind;
use kuma_core::id::{IncidentId, MonitorId, ObjectName};
use kuma_core::ports::OutboxRow;
use kuma_core::selector::Selector;
use kuma_core::state::MonitorState;
use kuma_core::time::from_ms;
use kuma_expr::EVENT_VARIABLES;

use super::*;

const T0: i64 = 1_700_000_000_000;
const ALL: [EventKind; 12] = [
    EventKind::Down,
    EventKind::Up,
    EventKind::Closed,
    EventKind::Degraded,
    EventKind::Flapping,
    EventKind::Unknown,
    EventKind::CertExpiring,
    EventKind::Resend,
    EventKind::Escalation,
    EventKind::MassOutage,
    EventKind::OwnTrouble,
    EventKind::Test,
];

/// An event as the engine makes it.
pub(crate) fn event(kind: EventKind) -> Event {
    let (previous, current) = match kind {
        EventKind::Down | EventKind::Resend | EventKind::Escalation => {
            (MonitorState::Up, MonitorState::Down)
        }
        EventKind::Up => (MonitorState::Down, MonitorState::Up),
        EventKind::Closed => (MonitorState::Down, MonitorState::Paused),
        EventKind::Degraded => (MonitorState::Up, MonitorState::Degraded),
        EventKind::Flapping => (MonitorState::Down, MonitorState::Flapping),
        EventKind::Unknown | EventKind::MassOutage | EventKind::OwnTrouble => {
            (MonitorState::Up, MonitorState::Unknown)
        }
        EventKind::CertExpiring | EventKind::Test => (MonitorState::Up, MonitorState::Up),
    };
    let (reason, message) = match kind {
        EventKind::Down | EventKind::Resend | EventKind::Escalation => {
            (Some("TIMEOUT"), Some("no answer within 10 s"))
        }
        EventKind::Closed => (Some("PAUSED"), None),
        EventKind::Degraded => (Some("DEGRADED"), Some("2300 ms, degraded above 800 ms")),
        EventKind::Unknown => (Some("RESOLVER_DOWN"), Some("the resolver answers for nothing")),
        EventKind::MassOutage => (
            Some("OWN_FAULT_GUARD"),
            Some("12 monitors on different networks stopped answering at once"),
        ),
        EventKind::OwnTrouble => (None, Some("The store cannot be written.")),
        _ => (None, None),
    };
    let incident = current == MonitorState::Down || previous == MonitorState::Down;
    Event {
        kind,
        monitor: ObjectName::new("shop", "api"),
        check_type: "http".into(),
        target: "https://api.example/health".into(),
        incident: incident.then(|| IncidentId::new(MonitorId(7), 3)),
        previous_state: previous,
        current_state: current,
        reason: reason.map(str::to_owned),
        message: message.map(str::to_owned),
        latency_ms: (kind == EventKind::Degraded).then_some(2_300),
        at: from_ms(T0),
        started_at: incident.then(|| from_ms(T0)),
        ended_at: kind.is_recovery().then(|| from_ms(T0 + 185_000)),
        labels: BTreeMap::from([("team".into(), "payments".into())]),
        annotations: BTreeMap::from([("runbook".into(), "https://wiki.example/api".into())]),
        tags: vec!["prod".into()],
        cert_days: (kind == EventKind::CertExpiring).then_some(6),
        attempts: 3,
        note: None,
    }
}

fn policy(title: Option<&str>, body: Option<&str>) -> Policy {
    let template = |source: &str| Template::compile(source, EVENT_VARIABLES).unwrap();
    Policy {
        name: ObjectName::new("shop", "ops"),
        priority: 50,
        selector: Selector::default(),
        triggers: kuma_core::policy::Triggers::default(),
        providers: Vec::new(),
        continue_matching: true,
        dedupe_key: template("{{ .monitorId }}"),
        dedupe_window: Duration::ZERO,
        rate_limit: Duration::ZERO,
        resend_interval: Duration::ZERO,
        group_by: Vec::new(),
        group_wait: Duration::ZERO,
        escalation: Vec::new(),
        fallback_providers: Vec::new(),
        title: title.map(template),
        body: body.map(template),
        labels: BTreeMap::new(),
    }
}

fn rendered(events: &[Event], policy: Option<&Policy>) -> Message {
    render(RenderInput { key: "00ff", events, policy, now: from_ms(T0 + 125_000) }).unwrap()
}

fn shown(message: &Message) -> String {
    format!("[{}] {}\n\n{}\n", message.severity.as_str(), message.title, message.plain_text())
}

#[test]
fn every_event_has_a_text_that_says_what_happened() {
    for kind in ALL {
        let message = rendered(&[event(kind)], None);
        insta::assert_snapshot!(format!("default_{kind}"), shown(&message));
    }
}

#[test]
fn the_end_of_a_lesser_condition_is_no_end_of_an_outage() {
    let mut unknown = event(EventKind::Up);
    unknown.previous_state = MonitorState::Unknown;
    unknown.incident = None;
    insta::assert_snapshot!(rendered(&[unknown], None).title, @"UP: shop/api was unknown for 3 min 5 s");
    let mut certificate = event(EventKind::Up);
    certificate.previous_state = MonitorState::Up;
    certificate.cert_days = Some(80);
    insta::assert_snapshot!(rendered(&[certificate], None).title, @"CERTIFICATE RENEWED: shop/api");
    let mut slow = event(EventKind::Up);
    slow.current_state = MonitorState::Degraded;
    insta::assert_snapshot!(
        rendered(&[slow], None).text,
        @"shop/api is no longer down, but degraded. It was down for 3 min 5 s, from 2023-11-14 22:13:20 UTC to 2023-11-14 22:16:25 UTC."
    );
}

#[test]
fn an_expired_certificate_is_called_expired() {
    let mut expired = event(EventKind::CertExpiring);
    for (days, title) in [
        (None, "CERTIFICATE: shop/api expires soon"),
        (Some(-2), "CERTIFICATE: shop/api expired 2 days ago"),
        (Some(0), "CERTIFICATE: shop/api expires within a day"),
        (Some(1), "CERTIFICATE: shop/api expires in 1 day"),
    ] {
        expired.cert_days = days;
        assert_eq!(rendered(std::slice::from_ref(&expired), None).title, title);
    }
}

#[test]
fn our_own_trouble_is_never_worded_as_the_targets() {
    for kind in [EventKind::Unknown, EventKind::MassOutage] {
        let message = rendered(&[event(kind)], None);
        assert!(message.text.contains("KubeKuma's own side"), "{}", message.text);
        assert!(!message.title.contains("DOWN"), "{}", message.title);
    }
}

#[test]
fn an_up_merged_into_its_down_tells_both() {
    let down = event(EventKind::Down);
    let claim = Claim {
        earlier: Vec::new(),
        key: "00ff".into(),
        rows: vec![OutboxRow {
            key: "00ff".into(),
            subject: "shop/api".into(),
            monitor: Some(MonitorId(7)),
            policy: None,
            provider: ObjectName::new("shop", "chat"),
            provider_type: "slack".into(),
            not_before: from_ms(T0),
            group_key: None,
            merges: None,
            event: down,
        }],
        merged_up: Some(event(EventKind::Up)),
        frozen: None,
        attempts: 0,
        may_be_repeat: false,
        created_at: from_ms(T0),
    };
    let events = events_of(&claim);
    insta::assert_snapshot!(shown(&rendered(&events, None)));

    // In a group it takes the place of what its own monitor said, also when that named an incident
    // and the end does not.
    let mut group = claim;
    let mut first = group.rows[0].clone();
    first.event.monitor = ObjectName::new("shop", "db");
    group.rows.insert(0, first);
    group.merged_up = Some(Event { incident: None, ..event(EventKind::Up) });
    let kinds: Vec<_> = events_of(&group).iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Down, EventKind::Up]);
}

#[test]
fn several_events_become_one_digest_as_bad_as_the_worst() {
    let mut other = event(EventKind::Down);
    other.monitor = ObjectName::new("shop", "db");
    let events = [event(EventKind::Up), event(EventKind::Degraded), other];
    insta::assert_snapshot!(shown(&rendered(&events, None)));
}

#[test]
fn a_long_digest_says_how_many_it_leaves_out() {
    let events = vec![event(EventKind::Down); 100];
    let message = rendered(&events, None);
    assert!(message.text.ends_with("- and 60 more"), "{}", message.text);
}

#[test]
fn templates_of_the_policy_replace_title_and_body() {
    let policy = policy(
        Some("{{ .state | upper }} {{ .monitorName }}"),
        Some("{{ .monitorId }} {{ .reason }} {{ .duration }} {{ .url }} {{ .incidentId }} {state}"),
    );
    let message = rendered(&[event(EventKind::Down)], Some(&policy));
    assert_eq!(message.title, "DOWN api");
    assert_eq!(
        message.plain_text(),
        "shop/api TIMEOUT 2 min 5 s https://api.example/health 7340035 down\n\n\
         Runbook: https://wiki.example/api\nOpen: https://api.example/health"
    );
}

#[test]
fn every_documented_variable_has_a_value() {
    let mut full = event(EventKind::Down);
    full.latency_ms = Some(12);
    let values = values(&full, from_ms(T0));
    for name in EVENT_VARIABLES {
        assert!(values.get(*name).is_some_and(|value| !value.is_null()), "{name}");
    }
    assert_eq!(values.as_object().unwrap().len(), EVENT_VARIABLES.len());
}

#[test]
fn a_template_that_fails_gives_the_default_text_and_the_error() {
    let policy = policy(None, Some("{{ .message }}{{ .message }}"));
    let mut talkative = event(EventKind::Down);
    talkative.message = Some("x".repeat(40_000));
    let message = rendered(&[talkative], Some(&policy));
    assert!(message.text.starts_with("shop/api is down since"));
    let error = message.template_error.unwrap();
    assert!(error.contains("body template of NotificationPolicy shop/ops"), "{error}");
}

#[test]
fn titles_are_one_line() {
    let mut nasty = event(EventKind::Down);
    nasty.reason = Some("A\r\nBcc: everybody@example.org".into());
    let title = rendered(&[nasty], None).title;
    assert_eq!(title, "DOWN: shop/api (A Bcc: everybody@example.org)");
}
