//! Tokens by the client credentials grant (RFC 6749, section 4.4). The target is not to blame for
//! a token that does not come, so that has reasons of its own.

use std::time::Duration;

use ::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use ::http::{HeaderMap, HeaderValue, Method, StatusCode};
use bytes::Bytes;
use kuma_core::check::{ClientAuthentication, ClientCredentials, HttpCheck, HttpVersion};
use kuma_core::observation::{Outcome, bounded};
use kuma_core::reason::Reason;
use kuma_core::secret::{ExposeSecret, SecretString};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::line;
use super::token::{Key, Token, usable};
use crate::attempt::Attempt;
use crate::fault::Fault;
use crate::http::exchange::Wish;
use crate::http::plan::{Plan, basic, invalid};
use crate::http::{Answer, connection};
use crate::words;

/// Largest answer of a token endpoint that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 64 << 10;
/// Longest token, in bytes: it has to fit into a header.
const MAX_TOKEN_BYTES: usize = 32 << 10;
/// Longest text of the endpoint's own that is shown, in bytes.
const MAX_SHOWN_BYTES: usize = 200;

/// What is needed to ask.
struct Client {
    url: Url,
    id: String,
    secret: SecretString,
}

/// A token and whether it is one that was in use already. `refused` is one that the target does
/// not accept any more. The time that it takes is not the target's.
pub(super) async fn token(
    attempt: &mut Attempt<'_>,
    check: &HttpCheck,
    settings: &ClientCredentials,
    refused: Option<SecretString>,
) -> Result<(SecretString, bool), Fault> {
    let client = read(attempt, settings)?;
    let aside = attempt.trace.set_aside();
    let got = cached_or_new(attempt, check, settings, &client, refused).await;
    attempt.trace.resume(aside);
    let (token, cached) = got.map_err(|fault| fault.with("token endpoint", shown(&client.url)))?;
    attempt.secrets.push(token.clone());
    Ok((token, cached))
}

async fn cached_or_new(
    attempt: &mut Attempt<'_>,
    check: &HttpCheck,
    settings: &ClientCredentials,
    client: &Client,
    refused: Option<SecretString>,
) -> Result<(SecretString, bool), Fault> {
    let clock = attempt.shared.clock.as_ref();
    let asked = clock.now().mono;
    let slot = attempt.shared.tokens.slot(key(attempt, check, settings, client));
    let Ok(mut slot) = tokio::time::timeout(attempt.left(), slot.lock_owned()).await else {
        return Err(unreachable(
            "another monitor's request for the same token did not end in time",
        ));
    };
    let refused = refused.as_ref().map(ExposeSecret::expose_secret);
    if let Some(token) = &slot.token
        && clock.now().mono < token.until
        && refused != Some(token.value.expose_secret())
    {
        return Ok((token.value.clone(), true));
    }
    if let Some(fault) = slot.failed_since(asked) {
        return Err(fault);
    }
    slot.token = None;
    let left = attempt.left();
    let got = tokio::time::timeout(left, ask(attempt, check, settings, client)).await;
    let got = got.unwrap_or_else(|_| {
        Err(unreachable(format!(
            "the token endpoint did not answer within {}",
            words::duration(left)
        )))
    });
    let now = clock.now().mono;
    match got {
        Ok((value, lifetime)) => {
            slot.token = Some(Token { value: value.clone(), until: now + usable(lifetime) });
            slot.failed = None;
            Ok((value, false))
        }
        Err(fault) => {
            slot.failed = Some((now, fault.outcome, fault.message.clone()));
            Err(fault)
        }
    }
}

fn read(attempt: &Attempt<'_>, settings: &ClientCredentials) -> Result<Client, Fault> {
    let secrets = attempt.shared.secrets.as_ref();
    let resolve = |text: &kuma_core::secret::SecretText| text.resolve(attempt.namespace(), secrets);
    let url = Url::parse(resolve(&settings.token_url)?.expose_secret().trim())
        .map_err(|_| invalid("the address of the token endpoint cannot be read"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("the address of the token endpoint is neither http nor https"));
    }
    let id = line(&resolve(&settings.client_id)?).to_owned();
    Ok(Client { url, id, secret: secrets.get(attempt.namespace(), &settings.client_secret)? })
}

/// The same key only where the same token would come in the same way.
fn key(
    attempt: &Attempt<'_>,
    check: &HttpCheck,
    settings: &ClientCredentials,
    client: &Client,
) -> Key {
    let way = format!(
        "{:?} {:?} {:?} {:?} {:?}",
        check.tls.verify, check.tls.ca_bundle, check.tls.min_version, check.proxy, check.ip_family
    );
    let own = check.tls.ca_bundle.is_some() || check.proxy.is_some();
    let parts = [
        client.url.as_str(),
        &client.id,
        line(&client.secret),
        &settings.scopes.join(" "),
        settings.audience.as_deref().unwrap_or_default(),
        &format!("{:?}", settings.authentication),
        &way,
        // The names of Secrets mean something only within their namespace.
        if own { attempt.namespace() } else { "" },
    ];
    let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut key = Key::default();
    key.copy_from_slice(hash.finish().as_ref());
    key
}

async fn ask(
    attempt: &mut Attempt<'_>,
    check: &HttpCheck,
    settings: &ClientCredentials,
    client: &Client,
) -> Result<(SecretString, Option<Duration>), Fault> {
    let plan = request(attempt, settings, client)?;
    let way =
        HttpCheck { max_body_bytes: MAX_ANSWER_BYTES, version: HttpVersion::Auto, ..check.clone() };
    let exchanged = Box::pin(connection::exchange(attempt, &way, &plan, &|_| Wish::Whole)).await;
    let mut answer = exchanged.map_err(not_reached)?;
    if let Some(broken) = answer.broken.take() {
        return Err(not_reached(broken));
    }
    judge(settings, &answer)
}

fn request(
    attempt: &Attempt<'_>,
    settings: &ClientCredentials,
    client: &Client,
) -> Result<Plan, Fault> {
    let mut headers = HeaderMap::new();
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if !settings.scopes.is_empty() {
        form.append_pair("scope", &settings.scopes.join(" "));
    }
    if let Some(audience) = &settings.audience {
        form.append_pair("audience", audience);
    }
    let secret = line(&client.secret);
    match settings.authentication {
        ClientAuthentication::Basic => {
            // RFC 6749, section 2.3.1: encoded as a form would be, before it is encoded again.
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            headers.insert(AUTHORIZATION, basic(&encoded(&client.id), &encoded(secret)));
        }
        ClientAuthentication::Post => {
            form.append_pair("client_id", &client.id);
            form.append_pair("client_secret", secret);
        }
    }
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let media_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(CONTENT_TYPE, media_type);
    let agent = HeaderValue::from_str(&attempt.settings.networking.user_agent)
        .map_err(|_| invalid("`networking.userAgent` is not valid in a header"))?;
    headers.insert(USER_AGENT, agent);
    let body = Bytes::from(form.finish());
    Ok(Plan::elsewhere(client.url.clone(), Method::POST, headers, body))
}

/// What the endpoint says.
fn judge(
    settings: &ClientCredentials,
    answer: &Answer,
) -> Result<(SecretString, Option<Duration>), Fault> {
    let refused = |why: String| {
        let message = format!("the token endpoint gave no token: {why}");
        Err(Fault::target(Reason::TokenRefused, message))
    };
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |name: &str| json.get(name).and_then(serde_json::Value::as_str);
    if answer.head.status != StatusCode::OK {
        let status = answer.status_line();
        let Some(error) = text("error") else {
            return refused(format!("status {status}"));
        };
        let about = text("error_description").map(|it| format!(" ({it})")).unwrap_or_default();
        let about = bounded(about, MAX_SHOWN_BYTES);
        let hint = match settings.authentication {
            ClientAuthentication::Basic if error == "invalid_client" => {
                "; some servers need clientAuthentication: post"
            }
            _ => "",
        };
        let error = bounded(error.to_owned(), MAX_SHOWN_BYTES);
        return refused(format!("status {status}, {error}{about}{hint}"));
    }
    let Some(token) = text("access_token").filter(|token| !token.is_empty()) else {
        return refused("its answer has no access_token".to_owned());
    };
    if token.len() > MAX_TOKEN_BYTES || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return refused("what it gave cannot be sent in a header".to_owned());
    }
    if let Some(kind) = text("token_type").filter(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        let kind = bounded(kind.to_owned(), MAX_SHOWN_BYTES);
        return refused(format!("its tokens are of type {kind}, not bearer"));
    }
    // Some servers write the number as text.
    let seconds = json.get("expires_in").and_then(|it| {
        it.as_f64().or_else(|| it.as_str().and_then(|text| text.trim().parse().ok()))
    });
    let lifetime = seconds.and_then(|it| Duration::try_from_secs_f64(it.clamp(0.0, 1e9)).ok());
    Ok((SecretString::from(token.to_owned()), lifetime))
}

fn not_reached(fault: Fault) -> Fault {
    let message = format!("the token endpoint cannot be asked: {}", fault.message);
    match fault.outcome {
        Outcome::Failure(reason) => unreachable(message).with("token reason", reason.code()),
        _ => Fault { message, ..fault },
    }
}

fn unreachable(message: impl Into<String>) -> Fault {
    Fault::target(Reason::TokenUnreachable, message)
}

/// Without user info, query and fragment, where secrets may stand.
fn shown(url: &Url) -> String {
    url[..url::Position::AfterPath]
        .replace(&url[url::Position::BeforeUsername..url::Position::BeforeHost], "")
}
