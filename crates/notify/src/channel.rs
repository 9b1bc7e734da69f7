//! What a provider is: it puts a message into its form, and sends bytes in that form. The
//! registry of providers is [`channel`].

use std::sync::Arc;

use futures_util::future::BoxFuture;
use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::egress::ProviderRules;
use kuma_core::ports::{Earlier, Standing};
use kuma_core::provider::{Provider, ProviderConfig};
use kuma_core::secret::SecretSource;
use kuma_core::time::Timestamp;

use crate::alertmanager::Alertmanager;
use crate::apprise::Apprise;
use crate::discord::Discord;
use crate::egress::Names;
use crate::gotify::Gotify;
use crate::http::Http;
use crate::message::Message;
use crate::pagerduty::PagerDuty;
use crate::pushover::Pushover;
use crate::slack::Slack;
use crate::smtp::Smtp;
use crate::teams::Teams;
use crate::telegram::Telegram;
use crate::webhook::Webhook;

/// A message in a provider's form, without secrets. Stored before it is sent and sent again as
/// it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload(pub Vec<u8>);

impl Payload {
    /// The bytes to store: the provider's type stands in front, because a provider may become one
    /// of another type while a message waits.
    pub fn freeze(&self, provider: &Provider) -> Vec<u8> {
        let mut bytes = tag(provider).into_bytes();
        bytes.extend_from_slice(&self.0);
        bytes
    }

    /// Reads stored bytes; none if they were made for a provider of another type.
    pub fn thaw(frozen: &[u8], provider: &Provider) -> Option<Self> {
        let bytes = frozen.strip_prefix(tag(provider).as_bytes())?;
        Some(Self(bytes.to_vec()))
    }
}

fn tag(provider: &Provider) -> String {
    format!("{}\n", provider.config.provider_type())
}

/// What the receiver said when it took a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// One line, without secrets.
    pub answer: String,
    /// What is needed to refer to the message later: kept with it, given back as
    /// [`SendContext::earlier`]. Holds no secret.
    pub handle: Option<String>,
}

impl Receipt {
    /// Of a message that cannot be referred to later.
    pub fn of(answer: impl Into<String>) -> Self {
        Self { answer: answer.into(), handle: None }
    }

    /// The same with a handle.
    #[must_use]
    pub fn with_handle(self, handle: Option<String>) -> Self {
        Self { handle, ..self }
    }
}

/// What an attempt is made with.
#[derive(Clone, Copy)]
pub struct SendContext<'a> {
    /// The message's key, for receivers to dedupe by.
    pub key: &'a str,
    /// Whether an earlier attempt may have arrived; the message says so.
    pub may_be_repeat: bool,
    /// What the receiver gave back for earlier messages about the same incidents, oldest first.
    pub earlier: &'a [Earlier],
    /// Where secrets come from.
    pub secrets: &'a dyn SecretSource,
    /// When the attempt is made.
    pub now: Timestamp,
}

/// One way to reach people.
pub trait Channel: Send + Sync {
    /// Puts a message into the provider's form. Pure; no secret gets into the bytes.
    fn render(&self, message: &Message) -> Result<Payload, DeliveryError>;

    /// Makes one attempt. Never tries again by itself.
    fn send<'a>(
        &'a self,
        payload: &'a Payload,
        context: SendContext<'a>,
    ) -> BoxFuture<'a, Result<Receipt, DeliveryError>>;

    /// Finds out whether messages could be sent, without sending any: the vendor's documented
    /// request that tells nobody, else a connection over which nothing is said. One attempt.
    fn verify<'a>(
        &'a self,
        secrets: &'a dyn SecretSource,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), DeliveryError>>;

    /// Puts what stands into the provider's form, to be sent again and again. None if the receiver
    /// remembers what it was told, or there is nothing to tell.
    fn renew(&self, standing: &[Standing], now: Timestamp) -> Option<Payload> {
        let _ = (standing, now);
        None
    }
}

/// What channels send with: one HTTP client for all, and roots that mail servers are trusted by.
/// What they may ask is what holds where nothing is said; see [`Transports::under`].
#[derive(Debug, Default)]
pub struct Transports {
    pub(crate) http: Http,
    /// Certificates in PEM that mail servers may be signed by, beside the platform's.
    pub extra_roots_pem: Vec<Vec<u8>>,
    /// The program to run instead of `apprise` on the `PATH`.
    pub apprise: Option<std::path::PathBuf>,
}

impl Transports {
    /// Attempts end after `limit` instead of the usual ten seconds (thirty for mail).
    #[must_use]
    pub fn with_timeout(limit: std::time::Duration) -> Self {
        Self { http: Http::with_timeout(limit), ..Self::default() }
    }

    /// The same under other egress rules, with connections of its own.
    #[must_use]
    pub fn under(&self, rules: ProviderRules) -> Self {
        Self {
            http: self.http.with_egress(self.http.egress().under(rules)),
            extra_roots_pem: self.extra_roots_pem.clone(),
            apprise: self.apprise.clone(),
        }
    }

    /// The same with another way to look names up.
    #[must_use]
    pub fn with_names(self, names: Arc<dyn Names>) -> Self {
        let egress = self.http.egress().clone().with_names(names);
        Self { http: self.http.with_egress(egress), ..self }
    }
}

/// The registry: the channel of a provider.
pub fn channel<'a>(
    provider: &'a Provider,
    transports: &'a Transports,
) -> Result<Box<dyn Channel + 'a>, DeliveryError> {
    Ok(match &provider.config {
        ProviderConfig::Slack(config) => Box::new(Slack::new(provider, config, transports)),
        ProviderConfig::Discord(config) => Box::new(Discord::new(provider, config, transports)),
        ProviderConfig::Telegram(config) => Box::new(Telegram::new(provider, config, transports)),
        ProviderConfig::Smtp(config) => Box::new(Smtp::new(provider, config, transports)),
        ProviderConfig::Webhook(config) => Box::new(Webhook::new(provider, config, transports)),
        ProviderConfig::Gotify(config) => Box::new(Gotify::new(provider, config, transports)),
        ProviderConfig::Pushover(config) => Box::new(Pushover::new(provider, config, transports)),
        ProviderConfig::Pagerduty(config) => Box::new(PagerDuty::new(provider, config, transports)),
        ProviderConfig::Alertmanager(config) => {
            Box::new(Alertmanager::new(provider, config, transports))
        }
        ProviderConfig::Apprise(config) => Box::new(Apprise::new(provider, config, transports)),
        ProviderConfig::Teams(config) => Box::new(Teams::new(provider, config, transports)),
        ProviderConfig::Unsupported(provider_type) => {
            return Err(DeliveryError::permanent(
                DeliveryReason::ProviderUnsupported,
                format!("this build does not send through providers of type {provider_type}"),
            ));
        }
    })
}
