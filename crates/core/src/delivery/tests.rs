//! Properties of the decisions about deliveries.

use std::collections::BTreeMap;
use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::event::{Event, EventKind};
use crate::id::MonitorId;
use crate::state::MonitorState;
use crate::time::from_ms;

const T0: i64 = 1_700_000_000_000;

fn row(key: &str, provider: &str) -> OutboxRow {
    OutboxRow {
        key: key.into(),
        subject: "shop/api".into(),
        monitor: Some(MonitorId(1)),
        policy: Some(ObjectName::new("shop", "ops")),
        provider: ObjectName::new("shop", provider),
        provider_type: "webhook".into(),
        not_before: from_ms(T0),
        group_key: None,
        merges: None,
        event: Event {
            kind: EventKind::Down,
            monitor: ObjectName::new("shop", "api"),
            check_type: "http".into(),
            target: "https://api.example".into(),
            incident: None,
            previous_state: MonitorState::Up,
            current_state: MonitorState::Down,
            reason: None,
            message: None,
            latency_ms: None,
            at: from_ms(T0),
            started_at: None,
            ended_at: None,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            tags: Vec::new(),
            cert_days: None,
            attempts: 1,
            note: None,
        },
    }
}

fn policy(fallback: &[&str]) -> Policy {
    Policy {
        name: ObjectName::new("shop", "ops"),
        priority: 50,
        selector: crate::selector::Selector::default(),
        triggers: crate::policy::Triggers::default(),
        providers: Vec::new(),
        continue_matching: true,
        dedupe_key: kuma_expr::Template::compile("", &[]).unwrap(),
        dedupe_window: Duration::ZERO,
        rate_limit: Duration::ZERO,
        resend_interval: Duration::ZERO,
        group_by: Vec::new(),
        group_wait: Duration::ZERO,
        escalation: Vec::new(),
        fallback_providers: fallback.iter().map(|name| ObjectName::new("shop", *name)).collect(),
        title: None,
        body: None,
        labels: BTreeMap::new(),
    }
}

fn attempt(attempts: u32) -> Attempt<'static> {
    Attempt { key: "00ff00ff00ff00ff", attempts, created_at: from_ms(T0) }
}

#[test]
fn permanent_errors_are_dead_at_once() {
    let error = DeliveryError::permanent(DeliveryReason::Gone, "410 Gone");
    let decision = after_failure(&error, attempt(1), from_ms(T0));
    assert!(decision.is_dead());
    assert_eq!(decision.reason, DeliveryReason::Gone);
    assert_eq!(decision.pause_until, None);
}

#[test]
fn a_429_without_retry_after_still_pauses_the_provider() {
    let error = DeliveryError::throttled(None, "429");
    let decision = after_failure(&error, attempt(1), from_ms(T0));
    assert_eq!(decision.pause_until, Some(from_ms(T0 + 30_000)));
    assert!(!decision.is_dead());
}

#[test]
fn retry_after_is_honoured_up_to_an_hour() {
    let day = Duration::from_hours(20);
    let error =
        DeliveryError::retryable(DeliveryReason::ServerError, "503").with_retry_after(Some(day));
    let decision = after_failure(&error, attempt(1), from_ms(T0));
    assert!(
        matches!(decision.end, DeliveryEnd::Retry { at, .. } if at == from_ms(T0 + 3_600_000)),
        "{decision:?}"
    );
}

#[test]
fn a_dead_row_goes_to_every_fallback_provider_once_and_no_further() {
    let policy = policy(&["mail", "pager"]);
    let dead = [row("aaaaaaaaaaaaaaaa", "chat")];
    let known = |_: &ObjectName| Some("smtp".to_owned());
    let rows = fallback_rows(&dead, "GONE: 410", Some(&policy), known, from_ms(T0));
    assert_eq!(rows.len(), 2);
    let keys: HashSet<_> = rows.iter().map(|row| row.key.clone()).collect();
    assert_eq!(keys.len(), 2);
    assert!(!keys.contains("aaaaaaaaaaaaaaaa"));
    assert_eq!(
        rows[0].event.note.as_deref(),
        Some("sent here because shop/chat failed: GONE: 410")
    );
    assert_eq!(
        fallback_rows(&dead, "GONE: 410", Some(&policy), known, from_ms(T0)),
        rows,
        "the same dead row gives the same keys"
    );
    assert!(fallback_rows(&rows, "x", Some(&policy), known, from_ms(T0)).is_empty());
    assert!(fallback_rows(&dead, "x", None, known, from_ms(T0)).is_empty());
}

#[test]
fn a_missing_disabled_or_unsupported_provider_is_not_usable() {
    let name = ObjectName::new("shop", "chat");
    let mut provider = Provider {
        name: name.clone(),
        generation: 1,
        enabled: true,
        config: ProviderConfig::Unsupported(crate::provider::ProviderType::Discord),
        send_test_message: false,
        is_default: false,
        is_system: false,
    };
    let reason =
        |provider: Option<&Provider>| usable(provider, &name).map_err(|e| e.reason()).err();
    assert_eq!(reason(None), Some(DeliveryReason::ProviderMissing));
    assert_eq!(reason(Some(&provider)), Some(DeliveryReason::ProviderUnsupported));
    provider.enabled = false;
    assert_eq!(reason(Some(&provider)), Some(DeliveryReason::ProviderDisabled));
}

#[test]
fn codes_are_unique() {
    let codes: HashSet<_> = DeliveryReason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), DeliveryReason::ALL.len());
}

proptest! {
    #[test]
    fn backoff_stays_within_a_quarter_of_its_nominal_length(key in "[0-9a-f]{16,64}", n in 1_u32..200) {
        let nominal = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(n - 1)).min(LONGEST_BACKOFF);
        let wait = backoff(&key, n);
        prop_assert!(wait >= nominal.mul_f64(0.75) && wait <= nominal.mul_f64(1.25), "{wait:?}");
        prop_assert_eq!(wait, backoff(&key, n));
    }

    #[test]
    fn retries_never_reach_beyond_a_day_and_always_move_forward(
        key in "[0-9a-f]{16}",
        n in 1_u32..2000,
        age_ms in 0_i64..200_000_000,
        after in proptest::option::of(0_u64..200_000),
        throttled in any::<bool>(),
    ) {
        let reason = if throttled { DeliveryReason::Throttled } else { DeliveryReason::Timeout };
        let after = after.map(Duration::from_secs);
        let error = DeliveryError::retryable(reason, "x").with_retry_after(after);
        let now = from_ms(T0 + age_ms);
        let attempt = Attempt { key: &key, attempts: n, created_at: from_ms(T0) };
        let decision = after_failure(&error, attempt, now);
        match &decision.end {
            DeliveryEnd::Retry { at, .. } => {
                prop_assert!(*at > now);
                prop_assert!(between(from_ms(T0), *at) <= GIVE_UP_AFTER);
                prop_assert!(*at >= plus(now, after.unwrap_or_default().min(LONGEST_RETRY_AFTER)));
                prop_assert!(decision.pause_until.is_none_or(|until| until <= *at));
            }
            DeliveryEnd::Dead { .. } => prop_assert_eq!(decision.reason, DeliveryReason::Expired),
            DeliveryEnd::Sent { .. } => prop_assert!(false),
        }
        prop_assert_eq!(decision.pause_until.is_some(), throttled);
    }

    #[test]
    fn a_message_that_always_fails_ends_dead_within_a_day(key in "[0-9a-f]{16}") {
        let error = DeliveryError::retryable(DeliveryReason::Connect, "refused");
        let (mut now, mut attempts) = (from_ms(T0), 0);
        loop {
            attempts += 1;
            let attempt = Attempt { key: &key, attempts, created_at: from_ms(T0) };
            match after_failure(&error, attempt, now).end {
                DeliveryEnd::Retry { at, .. } => now = at,
                _ => break,
            }
        }
        prop_assert!(between(from_ms(T0), now) + LONGEST_BACKOFF * 2 > GIVE_UP_AFTER);
        prop_assert!((100..300).contains(&attempts), "{}", attempts);
    }

    #[test]
    fn details_are_cut_at_a_character(text in "\\PC{0,400}") {
        let error = DeliveryError::permanent(DeliveryReason::Rejected, text);
        prop_assert!(error.to_string().len() < 600);
    }
}
