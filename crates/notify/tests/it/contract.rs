//! What every provider must do, whatever it sends through. A provider's tests bring a [`Fixture`]
//! with a server that enforces the vendor's rules, and call [`holds`].

use std::net::SocketAddr;
use std::time::Duration;

use kuma_core::egress::{EgressSettings, NamespaceEgress, ProviderRules};
use kuma_core::event::EventKind;
use kuma_core::ports::Earlier;
use kuma_core::provider::Provider;
use kuma_fixture::Swallower;
use kuma_notify::{
    DeliveryError, DeliveryReason, Message, Payload, Receipt, SendContext, Transports, channel,
};

use crate::http_server::{mute, refused};
use crate::kit::{ALL_KINDS, CANARY, MapSecrets, at, event, key, message};

/// Trouble that a receiver can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Asks to be left alone, with seconds if it says for how long.
    Throttled(Option<u64>),
    /// Trouble of its own, with seconds if it says for how long.
    Later(Option<u64>),
    /// Refuses the message.
    Rejected,
    /// Refuses us.
    Unauthorized,
}

/// What arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrived {
    /// The key by which the receiver can dedupe.
    pub(crate) key: String,
    /// Everything a person can read in it, decoded.
    pub(crate) text: String,
    /// As it came, but for what differs between attempts by design (a signature's time).
    pub(crate) raw: Vec<u8>,
}

/// A provider with its server.
pub(crate) trait Fixture: Sync {
    fn provider(&self) -> Provider;
    fn transports(&self) -> Transports;
    fn secrets(&self) -> &MapSecrets;
    /// The same provider, sending elsewhere.
    fn elsewhere(&self, address: SocketAddr) -> Provider;
    /// The next attempt meets trouble. False if the vendor knows no such trouble.
    fn script(&self, trouble: Trouble) -> bool;
    /// What is known of earlier messages.
    fn earlier(&self) -> Vec<Earlier> {
        Vec::new()
    }
    /// Whether the key goes along; a program's arguments have no place for it.
    fn carries_key(&self) -> bool {
        true
    }
    /// Whether kinds of trouble with the network can be told apart.
    fn tells_network_trouble(&self) -> bool {
        true
    }
    /// Everything that arrived so far and was accepted or refused on its content.
    fn arrived(&self) -> Vec<Arrived>;
}

pub(crate) fn rendered(fixture: &dyn Fixture, message: &Message) -> Payload {
    let (provider, transports) = (fixture.provider(), fixture.transports());
    let channel = channel(&provider, &transports).unwrap();
    channel.render(message).unwrap()
}

pub(crate) async fn attempt(
    fixture: &dyn Fixture,
    provider: &Provider,
    payload: &Payload,
    key: &str,
    may_be_repeat: bool,
) -> Result<Receipt, DeliveryError> {
    attempt_with(&fixture.transports(), fixture, provider, payload, (key, may_be_repeat)).await
}

async fn attempt_with(
    transports: &Transports,
    fixture: &dyn Fixture,
    provider: &Provider,
    payload: &Payload,
    (key, may_be_repeat): (&str, bool),
) -> Result<Receipt, DeliveryError> {
    let channel = channel(provider, transports).unwrap();
    let context = SendContext {
        key,
        may_be_repeat,
        earlier: &fixture.earlier(),
        secrets: fixture.secrets(),
        now: at(5_000),
    };
    channel.send(payload, context).await
}

async fn fails(fixture: &dyn Fixture, provider: &Provider) -> DeliveryError {
    let payload = rendered(fixture, &message("fails", &event(EventKind::Down)));
    attempt(fixture, provider, &payload, &key("fails"), false).await.unwrap_err()
}

/// Runs the whole contract.
pub(crate) async fn holds(fixture: &dyn Fixture) {
    every_kind_arrives_with_its_key(fixture).await;
    status_classes_are_told_apart(fixture).await;
    network_trouble_is_retryable(fixture).await;
    what_may_not_be_asked_hears_nothing(fixture).await;
    a_retry_sends_the_same_bytes(fixture).await;
    a_possible_repeat_says_so(fixture).await;
    any_text_arrives_as_it_was_written(fixture).await;
    what_is_too_long_keeps_its_beginning(fixture).await;
    no_secret_is_shown(fixture).await;
    a_missing_secret_is_permanent(fixture).await;
}

async fn every_kind_arrives_with_its_key(fixture: &dyn Fixture) {
    for kind in ALL_KINDS {
        let message = message(kind.as_str(), &event(kind));
        let payload = rendered(fixture, &message);
        let sent = attempt(fixture, &fixture.provider(), &payload, &message.key, false).await;
        assert!(sent.is_ok(), "{kind}: {sent:?}");
        let arrived = fixture.arrived().pop().unwrap();
        if fixture.carries_key() {
            assert_eq!(arrived.key, message.key, "{kind}");
        }
        assert!(arrived.text.contains(&message.title), "{kind}: {}", arrived.text);
        let first_line = message.text.lines().next().unwrap();
        assert!(arrived.text.contains(first_line), "{kind}: {}", arrived.text);
    }
}

async fn status_classes_are_told_apart(fixture: &dyn Fixture) {
    let minutes = Some(Duration::from_mins(2));
    let cases = [
        (Trouble::Throttled(Some(120)), Some(minutes), DeliveryReason::Throttled),
        (Trouble::Throttled(None), Some(None), DeliveryReason::Throttled),
        (Trouble::Later(Some(120)), Some(minutes), DeliveryReason::ServerError),
        (Trouble::Later(None), Some(None), DeliveryReason::ServerError),
        (Trouble::Rejected, None, DeliveryReason::Rejected),
        (Trouble::Unauthorized, None, DeliveryReason::Unauthorized),
    ];
    for (trouble, retry, reason) in cases {
        if !fixture.script(trouble) {
            continue;
        }
        let error = fails(fixture, &fixture.provider()).await;
        assert_eq!(error.reason(), reason, "{trouble:?}: {error}");
        let after = match &error {
            DeliveryError::Retryable { after, .. } => Some(*after),
            DeliveryError::Permanent { .. } => None,
        };
        assert_eq!(after, retry, "{trouble:?}: {error}");
    }
}

async fn network_trouble_is_retryable(fixture: &dyn Fixture) {
    let error = fails(fixture, &fixture.elsewhere(refused().await)).await;
    if !fixture.tells_network_trouble() {
        assert!(error.is_retryable(), "{error}");
        return;
    }
    assert_eq!((error.is_retryable(), error.reason()), (true, DeliveryReason::Connect), "{error}");

    let swallower = Swallower::start().await;
    let error = fails(fixture, &fixture.elsewhere(swallower.address)).await;
    assert_eq!((error.is_retryable(), error.reason()), (true, DeliveryReason::Timeout), "{error}");

    let (address, silent) = mute(b"").await;
    let error = fails(fixture, &fixture.elsewhere(address)).await;
    silent.abort();
    assert_eq!((error.is_retryable(), error.reason()), (true, DeliveryReason::Timeout), "{error}");

    let (address, odd) = mute(b"\x01\x02 neither HTTP nor SMTP\r\n\r\n").await;
    let error = fails(fixture, &fixture.elsewhere(address)).await;
    odd.abort();
    assert_eq!(
        (error.is_retryable(), error.reason()),
        (true, DeliveryReason::BadAnswer),
        "{error}"
    );
}

/// Rules of a Namespace whose providers may not ask this host.
pub(crate) fn not_this_host() -> ProviderRules {
    let own = NamespaceEgress::Lists {
        allow: Vec::new(),
        deny: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
    };
    let namespaces = [("shop".to_owned(), own)].into();
    EgressSettings { namespaces, ..EgressSettings::default() }.for_providers("shop")
}

async fn what_may_not_be_asked_hears_nothing(fixture: &dyn Fixture) {
    let (provider, before) = (fixture.provider(), fixture.arrived().len());
    let transports = fixture.transports().under(not_this_host());
    let payload = rendered(fixture, &message("denied", &event(EventKind::Down)));
    let key = key("denied");
    let sent = attempt_with(&transports, fixture, &provider, &payload, (&key, false)).await;
    let error = sent.unwrap_err();
    assert_eq!((error.is_retryable(), error.reason()), (false, DeliveryReason::EgressDenied));
    assert!(error.to_string().contains("may not be"), "{error}");
    let checked = channel(&provider, &transports).unwrap();
    let checked = checked.verify(fixture.secrets(), at(5_000)).await.unwrap_err();
    assert_eq!(checked.reason(), DeliveryReason::EgressDenied, "{checked}");
    assert_eq!(fixture.arrived().len(), before);
}

async fn a_retry_sends_the_same_bytes(fixture: &dyn Fixture) {
    let provider = fixture.provider();
    let message = message("retry", &event(EventKind::Down));
    let frozen = rendered(fixture, &message).freeze(&provider);
    for _ in 0..2 {
        let payload = Payload::thaw(&frozen, &provider).unwrap();
        attempt(fixture, &provider, &payload, &message.key, false).await.unwrap();
    }
    let arrived = fixture.arrived();
    let [.., first, second] = arrived.as_slice() else {
        panic!("two messages arrived");
    };
    assert_eq!(first, second);
}

async fn a_possible_repeat_says_so(fixture: &dyn Fixture) {
    let message = message("repeat", &event(EventKind::Down));
    let payload = rendered(fixture, &message);
    attempt(fixture, &fixture.provider(), &payload, &message.key, true).await.unwrap();
    let arrived = fixture.arrived().pop().unwrap();
    let text = arrived.text.to_lowercase().replace("maybe", "may be ");
    assert!(text.contains("may be a repeat") || text.contains("may be repeat"), "{}", arrived.text);
    if fixture.carries_key() {
        assert_eq!(arrived.key, message.key);
    }
}

async fn any_text_arrives_as_it_was_written(fixture: &dyn Fixture) {
    let odd = "naïve – 日本語 🔥 \"quoted\" <b>&amp; ${SECRET:hook:token} {{ .x }} \\n.";
    let mut event = event(EventKind::Down);
    event.message = Some(odd.to_owned());
    let message = message("odd", &event);
    let payload = rendered(fixture, &message);
    attempt(fixture, &fixture.provider(), &payload, &message.key, false).await.unwrap();
    let arrived = fixture.arrived().pop().unwrap();
    assert!(arrived.text.contains(odd), "{}", arrived.text);
}

async fn what_is_too_long_keeps_its_beginning(fixture: &dyn Fixture) {
    let mut event = event(EventKind::Down);
    event.message = Some("ß&<é".repeat(100_000));
    event.note = Some("ß&<é".repeat(20_000));
    event.reason = Some("R".repeat(5_000));
    let message = message("long", &event);
    let payload = rendered(fixture, &message);
    attempt(fixture, &fixture.provider(), &payload, &message.key, false).await.unwrap();
    let arrived = fixture.arrived().pop().unwrap();
    assert!(arrived.text.contains("shop/api is down since"), "the sentence is kept");
}

async fn no_secret_is_shown(fixture: &dyn Fixture) {
    let message = message("secret", &event(EventKind::Down));
    let payload = rendered(fixture, &message);
    let bytes = String::from_utf8_lossy(&payload.0).into_owned();
    assert!(!bytes.contains(CANARY), "payload: {bytes}");
    let mut errors = Vec::new();
    for trouble in [Trouble::Rejected, Trouble::Unauthorized, Trouble::Later(None)] {
        if fixture.script(trouble) {
            errors.push(fails(fixture, &fixture.provider()).await);
        }
    }
    errors.push(fails(fixture, &fixture.elsewhere(refused().await)).await);
    for error in errors {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(CANARY), "{shown}");
    }
    let shown = format!("{:?}", fixture.provider());
    assert!(!shown.contains(CANARY), "{shown}");
}

async fn a_missing_secret_is_permanent(fixture: &dyn Fixture) {
    let kept = std::mem::take(&mut *fixture.secrets().0.lock().unwrap());
    let error = fails(fixture, &fixture.provider()).await;
    *fixture.secrets().0.lock().unwrap() = kept;
    assert_eq!(error.reason(), DeliveryReason::SecretMissing, "{error}");
    assert!(!error.is_retryable());
}

pub(crate) async fn verify(
    fixture: &dyn Fixture,
    provider: &Provider,
) -> Result<(), DeliveryError> {
    let transports = fixture.transports();
    let channel = channel(provider, &transports).unwrap();
    channel.verify(fixture.secrets(), at(5_000)).await
}

/// A provider is verified: what is well is found well, a missing Secret and a receiver that is away
/// are told apart, and so is a wrong credential (`wrong`), where that can be found out at all.
pub(crate) async fn verifies(fixture: &dyn Fixture, wrong: Option<DeliveryReason>) {
    let provider = fixture.provider();
    verify(fixture, &provider).await.unwrap();

    let kept = fixture.secrets().0.lock().unwrap().clone();
    fixture.secrets().0.lock().unwrap().clear();
    let error = verify(fixture, &provider).await.unwrap_err();
    assert_eq!(error.reason(), DeliveryReason::SecretMissing, "{error}");

    fixture.secrets().0.lock().unwrap().clone_from(&kept);
    if fixture.tells_network_trouble() {
        let error = verify(fixture, &fixture.elsewhere(refused().await)).await.unwrap_err();
        let found = (error.is_retryable(), error.reason());
        assert_eq!(found, (true, DeliveryReason::Connect), "{error}");
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
    }
    if let Some(wrong) = wrong {
        for value in fixture.secrets().0.lock().unwrap().values_mut() {
            value.push_str("-wrong");
        }
        let error = verify(fixture, &provider).await.unwrap_err();
        assert_eq!((error.is_retryable(), error.reason()), (false, wrong), "{error}");
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
        *fixture.secrets().0.lock().unwrap() = kept;
    }
}

/// Requests that came, as methods and paths.
pub(crate) fn asked(server: &crate::http_server::HttpServer) -> Vec<String> {
    let received = server.received();
    received.iter().map(|request| format!("{} {}", request.method, request.path)).collect()
}
