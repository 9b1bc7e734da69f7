//! What receivers answer to messages: each provider against a server on loopback that sends the
//! bytes of the input and closes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use kuma_api::read::{ReadContext, read_file};
use kuma_core::event::{Event, EventKind};
use kuma_core::id::{IncidentId, MonitorId, ObjectName};
use kuma_core::object::Body;
use kuma_core::ports::Earlier;
use kuma_core::provider::Provider;
use kuma_core::secret::SecretSource;
use kuma_core::state::MonitorState;
use kuma_core::time::{Timestamp, from_ms};
use kuma_notify::{RenderInput, SendContext, Transports, channel, render};
use tokio::runtime::Runtime;

use crate::outside::{Outside, TIMEOUT, runtime, server};

/// More than this nobody is shown of an answer, in bytes.
const LONGEST_SHOWN: usize = 4096;

/// Providers of every type; `PORT` stands for the server's port.
const PROVIDERS: &[&str] = &[
    "{type: webhook, config: {webhook: {url: 'http://127.0.0.1:PORT/'}}}",
    "{type: slack, config: {slack: {webhookUrlSecretRef: {name: http, key: 'PORT'}}}}",
    "{type: discord, config: {discord: {webhookUrlSecretRef: {name: http, key: 'PORT'}}}}",
    "{type: telegram, config: {telegram: {botTokenSecretRef: {name: word, key: '1:token'}, chatId: '1', apiBaseUrl: 'http://127.0.0.1:PORT'}}}",
    "{type: gotify, config: {gotify: {url: 'http://127.0.0.1:PORT', tokenSecretRef: {name: word, key: token}}}}",
    "{type: pushover, config: {pushover: {userKeySecretRef: {name: word, key: user}, apiTokenSecretRef: {name: word, key: token}, priority: 2, retry: 60, expire: 3600, apiBaseUrl: 'http://127.0.0.1:PORT'}}}",
    "{type: pagerduty, config: {pagerduty: {routingKeySecretRef: {name: word, key: routing}, apiBaseUrl: 'http://127.0.0.1:PORT'}}}",
    "{type: teams, config: {teams: {webhookUrlSecretRef: {name: http, key: 'PORT'}}}}",
    "{type: alertmanager, config: {alertmanager: {url: 'http://127.0.0.1:PORT'}}}",
    "{type: apprise, config: {apprise: {apiUrl: 'http://127.0.0.1:PORT/notify/key'}}}",
    "{type: smtp, config: {smtp: {host: 127.0.0.1, port: PORT, security: none, from: a@example.com, to: [b@example.com], usernameSecretRef: {name: word, key: user}, passwordSecretRef: {name: word, key: word}}}}",
    "{type: smtp, config: {smtp: {host: 127.0.0.1, port: PORT, security: starttls, from: a@example.com, to: [b@example.com]}}}",
];

struct World {
    runtime: Runtime,
    transports: Transports,
}

thread_local! {
    static WORLD: World =
        World { runtime: runtime(), transports: Transports::with_timeout(TIMEOUT) };
}

/// The first byte chooses the provider, the second how large the pieces are. An outage is told,
/// then its end with what the receiver gave back for the outage.
pub(crate) fn run(data: &[u8]) {
    let [which, piece, answer @ ..] = data else {
        return;
    };
    WORLD.with(|world| {
        world.runtime.block_on(async {
            let (address, serve) = server(answer, usize::from(*piece) + 1).await;
            let provider = provider(PROVIDERS[usize::from(*which) % PROVIDERS.len()], address);
            tokio::select! {
                _ = tell(&world.transports, &provider, &Outside) => {}
                () = serve => {}
            }
        });
    });
}

/// Tells an outage and its end, and verifies; all that people are shown of what came of it.
pub(crate) async fn tell(
    transports: &Transports,
    provider: &Provider,
    secrets: &dyn SecretSource,
) -> String {
    let Ok(channel) = channel(provider, transports) else {
        unreachable!("every type has a channel");
    };
    let now = from_ms(1_700_000_100_000);
    let (mut earlier, mut said) = (Vec::new(), String::new());
    for kind in [EventKind::Down, EventKind::Up] {
        let event = event(kind);
        let events = std::slice::from_ref(&event);
        let message = render(RenderInput { key: "key", events, policy: None, now });
        let Some(Ok(payload)) = message.map(|message| channel.render(&message)) else {
            unreachable!("the message can be rendered");
        };
        let context =
            SendContext { key: "key", may_be_repeat: false, earlier: &earlier, secrets, now };
        let shown = match channel.send(&payload, context).await {
            Ok(receipt) => {
                let incident = IncidentId::new(MonitorId(1), 1);
                earlier.extend(receipt.handle.map(|receipt| Earlier { incident, receipt }));
                receipt.answer
            }
            Err(error) => error.to_string(),
        };
        assert!(shown.len() <= LONGEST_SHOWN, "{} bytes: {shown}", shown.len());
        assert!(!shown.contains(char::is_control), "{shown:?}");
        said += &shown;
    }
    if let Err(error) = channel.verify(secrets, now).await {
        said += &error.to_string();
    }
    said
}

/// A provider of that `spec`; `PORT` stands for the port of the address.
pub(crate) fn provider(spec: &str, address: SocketAddr) -> Arc<Provider> {
    let spec = spec.replace("PORT", &address.port().to_string());
    let document = format!(
        "{{apiVersion: monitoring.kubekuma.io/v1, kind: NotificationProvider, metadata: {{name: fuzz}}, spec: {spec}}}"
    );
    let reading = read_file(Path::new("fuzz.yaml"), document.as_bytes(), &ReadContext::default());
    let object = reading.objects.into_iter().next();
    match object.map(|object| object.body) {
        Some(Body::Provider(provider)) => provider,
        _ => unreachable!("{document}: {:?}", reading.findings),
    }
}

fn event(kind: EventKind) -> Event {
    let over = kind.is_recovery();
    let began: Timestamp = from_ms(1_700_000_000_000);
    Event {
        kind,
        monitor: ObjectName::new("shop", "api"),
        check_type: "http".into(),
        target: "https://api.example/".into(),
        incident: Some(IncidentId::new(MonitorId(1), 1)),
        previous_state: if over { MonitorState::Down } else { MonitorState::Up },
        current_state: if over { MonitorState::Up } else { MonitorState::Down },
        reason: Some("TIMEOUT".into()),
        message: Some("no answer within 10 s".into()),
        latency_ms: Some(10_000),
        at: began,
        started_at: Some(began),
        ended_at: over.then(|| from_ms(1_700_000_060_000)),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        tags: Vec::new(),
        cert_days: None,
        attempts: 1,
        note: None,
    }
}
