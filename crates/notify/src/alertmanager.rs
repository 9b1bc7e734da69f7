//! Prometheus Alertmanager, API version 2: alerts that fire from the beginning of a matter to its
//! end (<https://prometheus.io/docs/alerting/latest/alerts_api/>).
//!
//! Every Alertmanager of a cluster is told, since each needs to know
//! (<https://prometheus.io/docs/alerting/latest/alertmanager/#high-availability>); it is enough if
//! one takes the alert. None of them keeps alerts over a restart, so what stands is told again by
//! [`Channel::renew`].

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::future::{BoxFuture, join_all};
use http::{HeaderValue, header};
use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::ports::{LONGEST_RECEIPT, Standing};
use kuma_core::provider::{AlertmanagerConfig, Provider, SignIn};
use kuma_core::secret::{ExposeSecret, SecretSource, SecretString};
use kuma_core::time::Timestamp;
use serde_json::Value;

use crate::channel::{Channel, Payload, Receipt, SendContext, Transports};
use crate::http::{Answer, Http};
use crate::message::Message;
use crate::rest;
use crate::secrets::Secrets;
use alert::Alert;

mod alert;

/// Prometheus Alertmanager.
pub(crate) struct Alertmanager<'a> {
    provider: &'a Provider,
    config: &'a AlertmanagerConfig,
    http: &'a Http,
}

impl<'a> Alertmanager<'a> {
    pub(crate) fn new(
        provider: &'a Provider,
        config: &'a AlertmanagerConfig,
        transports: &'a Transports,
    ) -> Self {
        Self { provider, config, http: &transports.http }
    }

    async fn attempt(
        &self,
        payload: &Payload,
        context: SendContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let mut alerts: Vec<Alert> = rest::stored(payload)?;
        for alert in &mut alerts {
            alert.keep_labels(context.earlier);
        }
        let body: Value =
            alerts.iter().map(|alert| alert.json(context.now, context.may_be_repeat)).collect();
        let mut secrets = Secrets::new(self.provider, context.secrets);
        let addresses = self.addresses(&mut secrets)?;
        let sign_in = self.sign_in(&mut secrets)?;
        let sends = addresses.into_iter().map(|address| {
            let mut request =
                rest::post_json(rest::under(&address, "/api/v2/alerts"), &body, context);
            if let Some(sign_in) = &sign_in {
                request.headers.insert(header::AUTHORIZATION, sign_in.clone());
            }
            let mut secrets = secrets.clone();
            async move { outcome(&self.http.send(request, &mut secrets, context.now).await?) }
        });
        let results = join_all(sends).await;
        let receipt = rest::any_of(results, "Alertmanagers", &self.provider.name)?;
        let handle = alert::labels_by_incident(&alerts);
        Ok(receipt.with_handle(handle.filter(|handle| handle.len() <= LONGEST_RECEIPT)))
    }

    fn addresses(&self, secrets: &mut Secrets<'_>) -> Result<Vec<SecretString>, DeliveryError> {
        let mut addresses: Vec<SecretString> = Vec::new();
        for url in &self.config.urls {
            let text = secrets.text(url)?;
            let lines = text.expose_secret().split_whitespace();
            addresses.extend(lines.map(|line| SecretString::from(line.to_owned())));
        }
        if addresses.is_empty() {
            return Err(DeliveryError::permanent(
                DeliveryReason::Misconfigured,
                "the Secret holds no address",
            ));
        }
        Ok(addresses)
    }

    fn sign_in(&self, secrets: &mut Secrets<'_>) -> Result<Option<HeaderValue>, DeliveryError> {
        let Some(sign_in) = &self.config.sign_in else {
            return Ok(None);
        };
        let text = match sign_in {
            SignIn::Basic { username, password } => {
                let (username, password) = (secrets.text(username)?, secrets.text(password)?);
                let pair = format!("{}:{}", username.expose_secret(), password.expose_secret());
                let pair = BASE64_STANDARD.encode(pair);
                secrets.hide(&pair);
                format!("Basic {pair}")
            }
            SignIn::Bearer(token) => {
                format!("Bearer {}", secrets.text(token)?.expose_secret().trim())
            }
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            DeliveryError::permanent(
                DeliveryReason::Misconfigured,
                "the credentials hold characters that no header may have",
            )
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// `GET /api/v2/status` of each; one that answers is enough, as for messages.
    async fn look(&self, source: &dyn SecretSource, now: Timestamp) -> Result<(), DeliveryError> {
        let mut secrets = Secrets::new(self.provider, source);
        let addresses = self.addresses(&mut secrets)?;
        let sign_in = self.sign_in(&mut secrets)?;
        let looks = addresses.into_iter().map(|address| {
            let mut request = rest::get(rest::under(&address, "/api/v2/status"));
            if let Some(sign_in) = &sign_in {
                request.headers.insert(header::AUTHORIZATION, sign_in.clone());
            }
            let mut secrets = secrets.clone();
            async move { outcome(&self.http.send(request, &mut secrets, now).await?) }
        });
        let results = join_all(looks).await;
        rest::any_of(results, "Alertmanagers", &self.provider.name).map(drop)
    }
}

impl Channel for Alertmanager<'_> {
    fn render(&self, message: &Message) -> Result<Payload, DeliveryError> {
        payload(&alert::of_message(message, &self.config.labels))
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

    fn renew(&self, standing: &[Standing], now: Timestamp) -> Option<Payload> {
        let alerts: Vec<_> = standing
            .iter()
            .map(|standing| alert::of_standing(standing, &self.config.labels, now))
            .collect();
        if alerts.is_empty() { None } else { payload(&alerts).ok() }
    }
}

fn payload(alerts: &[Alert]) -> Result<Payload, DeliveryError> {
    serde_json::to_vec(alerts)
        .map(Payload)
        .map_err(|error| DeliveryError::permanent(DeliveryReason::Unrenderable, error.to_string()))
}

/// Alertmanager says nothing when it took the alerts, and why as a JSON text when it did not.
fn outcome(answer: &Answer) -> Result<Receipt, DeliveryError> {
    let receipt = answer.outcome()?;
    if answer.body.trim_start().starts_with('<') {
        return Err(DeliveryError::permanent(
            DeliveryReason::BadAnswer,
            format!("a web page answered instead of Alertmanager: {}", answer.said()),
        ));
    }
    Ok(receipt)
}
