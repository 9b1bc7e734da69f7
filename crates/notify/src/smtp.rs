//! E-mail: text and HTML, one thread per incident, sent through the person's own mail server.

use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::provider::{Provider, SmtpConfig, SmtpSecurity};
use kuma_core::secret::{ExposeSecret, SecretSource};
use kuma_core::time::Timestamp;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, MultiPartKind, SinglePart, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::cause;
use crate::channel::{Channel, Payload, Receipt, SendContext, Transports};
use crate::egress;
use crate::human;
use crate::message::Message;
use crate::render::rendered_ms;
use crate::secrets::Secrets;

mod connection;
mod html;
mod stream;

use connection::{Server, Trouble};
use stream::TooMuch;

/// One step of the conversation may take this.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// The whole conversation may take this.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest text of a mail, in characters.
const LONGEST_TEXT: usize = 100_000;
/// What a repeat says.
const REPEAT: &str = "This may be a repeat: an earlier attempt may have arrived.";

/// A mail server.
pub(crate) struct Smtp<'a> {
    provider: &'a Provider,
    config: &'a SmtpConfig,
    transports: &'a Transports,
}

/// The frozen form: a mail without the wrapping that is the same for all.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frozen {
    subject: String,
    text: String,
    html: String,
    date_ms: i64,
    message_id: String,
    thread: Option<String>,
}

impl<'a> Smtp<'a> {
    pub(crate) fn new(
        provider: &'a Provider,
        config: &'a SmtpConfig,
        transports: &'a Transports,
    ) -> Self {
        Self { provider, config, transports }
    }

    fn frozen(&self, message: &Message) -> Result<Frozen, DeliveryError> {
        let from = mailbox(&self.config.from, "from")?;
        let domain = from.email.domain();
        Ok(Frozen {
            subject: message.title.clone(),
            text: human::shorten(&message.plain_text(), LONGEST_TEXT),
            html: html::page(message),
            date_ms: rendered_ms(message),
            message_id: format!("<{}@{domain}>", message.key),
            thread: message.thread().map(|thread| format!("<{thread}.kubekuma@{domain}>")),
        })
    }

    fn mail(
        &self,
        frozen: &Frozen,
        key: &str,
        repeat: bool,
    ) -> Result<lettre::Message, DeliveryError> {
        let unusable = |error: lettre::error::Error| {
            DeliveryError::permanent(DeliveryReason::Unrenderable, error.to_string())
        };
        let since = Duration::from_millis(u64::try_from(frozen.date_ms).unwrap_or_default());
        let mut builder = lettre::Message::builder()
            .from(mailbox(&self.config.from, "from")?)
            .subject(&frozen.subject)
            .date(SystemTime::UNIX_EPOCH + since)
            .message_id(Some(frozen.message_id.clone()))
            .raw_header(raw("Auto-Submitted", "auto-generated"))
            .raw_header(raw("X-Auto-Response-Suppress", "All"))
            .raw_header(raw("X-KubeKuma-Key", key));
        for to in &self.config.to {
            builder = builder.to(mailbox(to, "to")?);
        }
        for cc in &self.config.cc {
            builder = builder.cc(mailbox(cc, "cc")?);
        }
        if let Some(reply_to) = &self.config.reply_to {
            builder = builder.reply_to(mailbox(reply_to, "replyTo")?);
        }
        if let Some(thread) = &frozen.thread {
            builder = builder.in_reply_to(thread.clone()).references(thread.clone());
        }
        let (text, html) = if repeat {
            (format!("{REPEAT}\n\n{}", frozen.text), html::with_notice(&frozen.html, REPEAT))
        } else {
            (frozen.text.clone(), frozen.html.clone())
        };
        let parts = MultiPart::builder()
            .kind(MultiPartKind::Alternative)
            .boundary(format!("=_{}", key.get(..40).unwrap_or(key)))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(html));
        builder.multipart(parts).map_err(unusable)
    }

    fn server(&self, secrets: &mut Secrets<'_>) -> Result<Server<'a>, DeliveryError> {
        let tls = match self.config.security {
            SmtpSecurity::None => Tls::None,
            SmtpSecurity::Starttls => Tls::Required(self.tls()?),
            SmtpSecurity::Tls => Tls::Wrapper(self.tls()?),
        };
        let mut credentials = None;
        if let Some((user, password)) = &self.config.credentials {
            let user = secrets.text(user)?;
            let password = secrets.text(password)?;
            credentials = Some(Credentials::new(
                user.expose_secret().to_owned(),
                password.expose_secret().to_owned(),
            ));
        }
        let patience = self.transports.http.limit().unwrap_or(STEP_TIMEOUT);
        let (host, port) = (self.config.host.as_str(), self.config.port);
        let egress = self.transports.http.egress();
        Ok(Server { host, port, tls, credentials, egress, patience })
    }

    fn tls(&self) -> Result<TlsParameters, DeliveryError> {
        let failed = |error: lettre::transport::smtp::Error| {
            DeliveryError::permanent(DeliveryReason::Misconfigured, error.to_string())
        };
        let mut builder = TlsParameters::builder(self.config.host.clone());
        for pem in &self.transports.extra_roots_pem {
            builder = builder.add_root_certificate(Certificate::from_pem(pem).map_err(failed)?);
        }
        builder.build_rustls().map_err(failed)
    }

    async fn attempt(
        &self,
        payload: &Payload,
        context: SendContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let frozen: Frozen = serde_json::from_slice(&payload.0).map_err(|error| {
            DeliveryError::permanent(
                DeliveryReason::Unrenderable,
                format!("the stored message cannot be read: {error}"),
            )
        })?;
        let mut secrets = Secrets::new(self.provider, context.secrets);
        let mail = self.mail(&frozen, context.key, context.may_be_repeat)?;
        let server = self.server(&mut secrets)?;
        let limit = self.transports.http.limit().unwrap_or(TIMEOUT);
        let sent = deliver(&server, &mail, Instant::now() + limit).await;
        sent.map(|answer| Receipt::of(secrets.redact(&answer)))
            .map_err(|error| secrets.redact_error(smtp_error(&error, &secrets)))
    }

    /// Connects, changes to TLS, signs in and says NOOP; no mail.
    async fn look(&self, source: &dyn SecretSource) -> Result<(), DeliveryError> {
        for (address, field) in std::iter::once((&self.config.from, "from"))
            .chain(self.config.to.iter().map(|to| (to, "to")))
        {
            mailbox(address, field)?;
        }
        let mut secrets = Secrets::new(self.provider, source);
        let server = self.server(&mut secrets)?;
        let limit = self.transports.http.limit().unwrap_or(TIMEOUT);
        let looked = tokio::time::timeout(limit, async {
            let mut connection = server.connect().await?;
            let lives = connection.test_connected().await;
            connection.abort().await;
            Ok::<_, Trouble>(lives)
        });
        match looked.await.unwrap_or(Err(Trouble::Late)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(DeliveryError::retryable(
                DeliveryReason::BadAnswer,
                "the mail server hung up after the sign-in",
            )),
            Err(error) => Err(secrets.redact_error(smtp_error(&error, &secrets))),
        }
    }
}

/// Sends to all recipients at once. When the server refuses that for good and there are several,
/// each is tried alone, so that one wrong address does not keep the others uninformed. Whoever has no
/// turn before the end counts as refused: to begin anew would tell those again who had theirs.
async fn deliver(
    server: &Server<'_>,
    mail: &lettre::Message,
    end: Instant,
) -> Result<String, Trouble> {
    let bytes = mail.formatted();
    let send = async |envelope: &Envelope| {
        let sending = server.send(envelope, &bytes);
        tokio::time::timeout_at(end, sending).await.unwrap_or(Err(Trouble::Late))
    };
    let refused = match send(mail.envelope()).await {
        Ok(response) => return Ok(answer(&response)),
        Err(error) if error.is_permanent() && mail.envelope().to().len() > 1 => error,
        Err(error) => return Err(error),
    };
    let mut accepted = Vec::new();
    let mut rejected = Vec::new();
    for to in mail.envelope().to() {
        let Ok(envelope) = Envelope::new(mail.envelope().from().cloned(), vec![to.clone()]) else {
            continue;
        };
        match send(&envelope).await {
            Ok(_) => accepted.push(to.to_string()),
            Err(error) => rejected.push(format!("{to} ({})", human::line(&error.to_string()))),
        }
    }
    if accepted.is_empty() {
        return Err(if Instant::now() < end { refused } else { Trouble::Late });
    }
    tracing::warn!(rejected = rejected.join(", "), "mail did not reach every recipient");
    Ok(format!("accepted for {}; refused for {}", accepted.join(", "), rejected.join(", ")))
}

fn answer(response: &lettre::transport::smtp::response::Response) -> String {
    let said: Vec<_> = response.message().collect();
    human::shorten(&human::line(&format!("{} {}", response.code(), said.join(" "))), 200)
}

impl Channel for Smtp<'_> {
    fn render(&self, message: &Message) -> Result<Payload, DeliveryError> {
        let frozen = self.frozen(message)?;
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
        _now: Timestamp,
    ) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(self.look(secrets))
    }
}

fn mailbox(text: &str, field: &str) -> Result<Mailbox, DeliveryError> {
    text.parse().map_err(|_| {
        DeliveryError::permanent(
            DeliveryReason::Misconfigured,
            format!("`{}` in `{field}` is not an e-mail address", human::shorten(text, 100)),
        )
    })
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// Reads an error: 4xx answers and the network later, 5xx answers never (RFC 5321, 4.2.1).
fn smtp_error(trouble: &Trouble, secrets: &Secrets<'_>) -> DeliveryError {
    let detail = human::line(&secrets.redact(&trouble.to_string()));
    let error = match trouble {
        Trouble::Unreachable(error) => {
            let denied = egress::refusal(error);
            return denied
                .unwrap_or_else(|| DeliveryError::retryable(DeliveryReason::Connect, detail));
        }
        Trouble::Late => return DeliveryError::retryable(DeliveryReason::Timeout, detail),
        Trouble::NoStarttls => {
            return DeliveryError::permanent(DeliveryReason::Misconfigured, detail);
        }
        Trouble::Undecided(_) => {
            return DeliveryError::retryable(DeliveryReason::BadAnswer, detail);
        }
        Trouble::Said(error) => error,
    };
    if let Some(code) = error.status() {
        let code = u16::from(code);
        return match code {
            // RFC 4954: credentials missing, refused or too weak.
            530 | 534 | 535 | 538 => DeliveryError::permanent(DeliveryReason::Unauthorized, detail),
            _ if error.is_permanent() => DeliveryError::permanent(DeliveryReason::Rejected, detail),
            _ => DeliveryError::retryable(DeliveryReason::ServerError, detail),
        };
    }
    if error.is_timeout() {
        DeliveryError::retryable(DeliveryReason::Timeout, detail)
    } else if error.is_tls() || cause::is_tls(error) {
        DeliveryError::retryable(DeliveryReason::Tls, detail)
    } else if error.is_response()
        || cause::wrapped::<TooMuch>(error).is_some()
        || cause::is_garbled(error)
    {
        DeliveryError::retryable(DeliveryReason::BadAnswer, detail)
    } else if error.is_client() {
        // No common way to sign in, or of writing the mail: what the server offers does not fit.
        DeliveryError::permanent(DeliveryReason::Misconfigured, detail)
    } else {
        DeliveryError::retryable(DeliveryReason::Connect, detail)
    }
}
