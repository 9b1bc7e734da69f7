//! Credentials that need a conversation: Digest answers a challenge, OAuth 2 gets a token first.
//! Basic and bearer are headers of the plan.

pub(super) mod challenge;
mod digest;
mod oauth2;
mod token;

use ::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use ::http::response::Parts;
use ::http::{HeaderValue, StatusCode};
use kuma_core::check::{HttpAuth, HttpCheck};
use kuma_core::secret::{ExposeSecret, SecretString};

pub(crate) use token::TokenCache;

use self::digest::{Asked, Demand};
use super::plan::{Plan, invalid};
use crate::attempt::Attempt;
use crate::fault::Fault;

/// Where the conversation stands.
pub(super) enum Talk {
    /// Nothing to talk about.
    None,
    /// Digest; how often its challenges were answered for this request.
    Digest { answered: u8 },
    /// A token; whether it came from the cache and may be too old.
    Token { token: SecretString, cached: bool },
}

impl Talk {
    /// Puts a token into the plan where the check wants one.
    pub(super) async fn begin(
        attempt: &mut Attempt<'_>,
        check: &HttpCheck,
        plan: &mut Plan,
    ) -> Result<Self, Fault> {
        match &check.auth {
            Some(HttpAuth::Digest { .. }) => Ok(Self::Digest { answered: 0 }),
            Some(HttpAuth::OAuth2(client)) => {
                let (token, cached) = Box::pin(oauth2::token(attempt, check, client, None)).await?;
                bear(plan, &token)?;
                Ok(Self::Token { token, cached })
            }
            None | Some(HttpAuth::Basic { .. } | HttpAuth::Bearer(_)) => Ok(Self::None),
        }
    }

    /// Whether the request is to be sent again after this answer; the plan is changed then.
    pub(super) async fn again(
        &mut self,
        attempt: &mut Attempt<'_>,
        check: &HttpCheck,
        plan: &mut Plan,
        head: &Parts,
    ) -> Result<bool, Fault> {
        if head.status != StatusCode::UNAUTHORIZED || !plan.at_home {
            return Ok(false);
        }
        match (self, &check.auth) {
            (Self::Digest { answered }, Some(HttpAuth::Digest { username, password })) => {
                let secrets = attempt.shared.secrets.as_ref();
                let username = secrets.get(attempt.namespace(), username)?;
                let password = secrets.get(attempt.namespace(), password)?;
                let Some(demand) = Demand::strongest(&head.headers) else {
                    attempt.trace.note("authentication", no_digest(head));
                    return Ok(false);
                };
                if *answered > 0 && !(demand.stale && *answered == 1) {
                    attempt.trace.note(
                        "authentication",
                        "the server does not accept the user name and password",
                    );
                    return Ok(false);
                }
                *answered += 1;
                let asked = Asked {
                    method: plan.method.as_str(),
                    target: plan.path_and_query(),
                    username: line(&username),
                    password: line(&password),
                };
                let mut cnonce = [0; 16];
                aws_lc_rs::rand::fill(&mut cnonce)
                    .map_err(|_| invalid("no random numbers can be had"))?;
                let Some(header) = demand.answer(&asked, &cnonce) else {
                    attempt.trace.note("authentication", "the challenge cannot be answered");
                    return Ok(false);
                };
                plan.headers.insert(AUTHORIZATION, header);
                Ok(true)
            }
            (Self::Token { token, cached }, Some(HttpAuth::OAuth2(client))) if *cached => {
                let old = Some(token.clone());
                let (new, _) = Box::pin(oauth2::token(attempt, check, client, old)).await?;
                bear(plan, &new)?;
                (*token, *cached) = (new, false);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// A redirect was followed: a Digest answer was for the other address.
    pub(super) fn moved(&mut self, plan: &mut Plan) {
        if let Self::Digest { answered } = self {
            *answered = 0;
            plan.headers.remove(AUTHORIZATION);
        }
    }
}

fn no_digest(head: &Parts) -> String {
    let offered = head.headers.get(WWW_AUTHENTICATE);
    match offered.map(|value| String::from_utf8_lossy(value.as_bytes())) {
        Some(offered) => format!(
            "the server asks for `{}`, not for a kind of Digest that this program speaks",
            offered.split([' ', ',']).next().unwrap_or_default()
        ),
        None => "the server does not say how it wants to be asked".to_owned(),
    }
}

/// Without the end of line that files end with.
fn line(secret: &SecretString) -> &str {
    secret.expose_secret().trim_end_matches(['\r', '\n'])
}

fn bear(plan: &mut Plan, token: &SecretString) -> Result<(), Fault> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
        .map_err(|_| invalid("the token is not valid in a header"))?;
    value.set_sensitive(true);
    plan.headers.insert(AUTHORIZATION, value);
    Ok(())
}
