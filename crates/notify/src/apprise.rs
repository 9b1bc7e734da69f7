//! Apprise: hands a message to the `apprise` program, or to an Apprise API server, which know how
//! to reach more than a hundred services (<https://github.com/caronc/apprise>,
//! <https://github.com/caronc/apprise-api>).

use futures_util::future::{BoxFuture, join_all};
use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::egress::{ALLOW_ANNOTATION, DENY_ANNOTATION};
use kuma_core::provider::{AppriseConfig, Provider};
use kuma_core::secret::{ExposeSecret, SecretSource, SecretString, SecretText};
use kuma_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::channel::{Channel, Payload, Receipt, SendContext, Transports};
use crate::http::Answer;
use crate::message::{Message, Severity};
use crate::rest::{self, REPEAT, cut, or_dash};
use crate::secrets::Secrets;

mod program;

/// Longest text. Apprise leaves cutting to each service's own limit.
const LONGEST_TEXT: usize = 16_000;
/// Longest title.
const LONGEST_TITLE: usize = 250;
/// A shorter part of an Apprise address is not taken for a secret.
const SHORTEST_PART: usize = 8;

/// Apprise.
pub(crate) struct Apprise<'a> {
    provider: &'a Provider,
    config: &'a AppriseConfig,
    transports: &'a Transports,
}

/// The stored form.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Frozen {
    title: String,
    body: String,
    /// `info`, `success`, `warning` or `failure`.
    kind: String,
}

impl<'a> Apprise<'a> {
    pub(crate) const fn new(
        provider: &'a Provider,
        config: &'a AppriseConfig,
        transports: &'a Transports,
    ) -> Self {
        Self { provider, config, transports }
    }

    async fn attempt(
        &self,
        payload: &Payload,
        context: SendContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let mut message: Frozen = rest::stored(payload)?;
        if context.may_be_repeat {
            message.body = format!("{}\n\n{REPEAT}", message.body);
        }
        let mut secrets = Secrets::new(self.provider, context.secrets);
        let addresses = self.addresses(&mut secrets)?;
        if let Some(server) = &self.config.api_url {
            return self.through_server(server, &message, &addresses, secrets, context).await;
        }
        self.may_run()?;
        program::run(&message, &addresses, self.transports, &self.provider.name)
            .await
            .map(|answer| Receipt::of(secrets.redact(&answer)))
            .map_err(|error| secrets.redact_error(error))
    }

    /// The program asks whom it likes, out of our sight: not where a Namespace says what may be
    /// asked.
    fn may_run(&self) -> Result<(), DeliveryError> {
        if !self.transports.http.egress().has_own() {
            return Ok(());
        }
        Err(DeliveryError::permanent(
            DeliveryReason::EgressDenied,
            format!(
                "the apprise program may not be run: what it asks cannot be held to \
                 `{ALLOW_ANNOTATION}` and `{DENY_ANNOTATION}` of the Namespace; set apiUrl to \
                 an Apprise API server"
            ),
        ))
    }

    /// The addresses; each part of them that may be a credential is kept out of what is shown.
    fn addresses(&self, secrets: &mut Secrets<'_>) -> Result<Vec<SecretString>, DeliveryError> {
        let mut addresses: Vec<SecretString> = Vec::new();
        for url in &self.config.urls {
            let text = secrets.text(url)?;
            for line in text.expose_secret().split_whitespace() {
                let after = line.split_once("://").map_or(line, |(_, after)| after);
                for part in after.split(['/', ':', '@', '?', '&', '=']) {
                    if part.len() >= SHORTEST_PART {
                        secrets.hide(part);
                    }
                }
                secrets.hide(line);
                addresses.push(SecretString::from(line.to_owned()));
            }
        }
        if addresses.is_empty() && !self.config.urls.is_empty() {
            return Err(DeliveryError::permanent(
                DeliveryReason::Misconfigured,
                "the Secret holds no Apprise address",
            ));
        }
        Ok(addresses)
    }

    /// One request for each address, so that a service that refuses does not have all others told
    /// again: a server says only that some were not reached.
    async fn through_server(
        &self,
        server: &SecretText,
        message: &Frozen,
        addresses: &[SecretString],
        mut secrets: Secrets<'_>,
        context: SendContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let base = secrets.text(server)?;
        if addresses.is_empty() {
            return self.post(base, message, None, secrets, context).await;
        }
        let sends = addresses.iter().map(|address| {
            let url = rest::under(&base, "/notify/");
            self.post(url, message, Some(address), secrets.clone(), context)
        });
        let results = join_all(sends).await;
        rest::any_of(results, "services", &self.provider.name)
    }

    async fn post(
        &self,
        url: SecretString,
        message: &Frozen,
        address: Option<&SecretString>,
        mut secrets: Secrets<'_>,
        context: SendContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let mut body: Value = json!({
            "title": message.title,
            "body": message.body,
            "type": message.kind,
            "format": "text",
        });
        if let Some(address) = address {
            body["urls"] = address.expose_secret().into();
        }
        let request = rest::post_json(url, &body, context);
        outcome(&self.transports.http.send(request, &mut secrets, context.now).await?)
    }

    /// `GET /status` of the server, else the program's version. Neither looks at the services.
    async fn look(&self, source: &dyn SecretSource, now: Timestamp) -> Result<(), DeliveryError> {
        let mut secrets = Secrets::new(self.provider, source);
        self.addresses(&mut secrets)?;
        let Some(server) = &self.config.api_url else {
            self.may_run()?;
            return program::version(self.transports).await;
        };
        let base = secrets.text(server)?;
        // An address with a key ends in `/notify/<key>`.
        let root = base.expose_secret().rsplit_once("/notify").map(|(root, _)| root.to_owned());
        let root = root.map_or(base, SecretString::from);
        let request = rest::get(rest::under(&root, "/status"));
        outcome(&self.transports.http.send(request, &mut secrets, now).await?).map(drop)
    }
}

impl Channel for Apprise<'_> {
    fn render(&self, message: &Message) -> Result<Payload, DeliveryError> {
        let frozen = Frozen {
            title: cut(&message.title, LONGEST_TITLE),
            body: or_dash(message.plain_text_within(LONGEST_TEXT)),
            kind: kind(message.severity).to_owned(),
        };
        serde_json::to_vec(&frozen).map(Payload).map_err(|error| {
            DeliveryError::permanent(DeliveryReason::Unrenderable, error.to_string())
        })
    }

    fn send<'a>(
        &'a self,
        payload: &'a Payload,
        context: SendContext<'a>,
    ) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        Box::pin(self.attempt(payload, context))
    }

    fn verify<'a>(
        &'a self,
        secrets: &'a dyn SecretSource,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(self.look(secrets, now))
    }
}

const fn kind(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "failure",
        Severity::Warning | Severity::Unknown => "warning",
        Severity::Ok => "success",
        Severity::Info => "info",
    }
}

/// The server says 204 when it has no addresses for a key, and 424 when a service was not reached.
fn outcome(answer: &Answer) -> Result<Receipt, DeliveryError> {
    match answer.status {
        204 => Err(DeliveryError::permanent(
            DeliveryReason::Misconfigured,
            "the Apprise server knows no addresses under this key",
        )),
        424 => Err(DeliveryError::retryable(DeliveryReason::ServerError, answer.said())),
        _ if answer.body.trim_start().starts_with("<!") && answer.status < 300 => {
            Err(DeliveryError::permanent(
                DeliveryReason::BadAnswer,
                format!("a web page answered instead of Apprise: {}", answer.said()),
            ))
        }
        _ => answer.outcome(),
    }
}
