//! Proxies: CONNECT and absolute-form over HTTP (RFC 9110, section 9.3.6), SOCKS5. What fails at
//! the proxy is told apart from what fails at the target.

mod connect;
mod socks5;

use ::http::HeaderValue;
use kuma_core::check::{HttpCheck, Proxy, ProxyKind};
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;
use kuma_core::secret::ExposeSecret;
use url::Url;

use super::auth::challenge;
use super::percent_decoded;
use super::plan::{Plan, basic, invalid};
use crate::attempt::Attempt;
use crate::fault::Fault;
use crate::net::Wire;
use crate::trace::{Stage, Trace};
use crate::words;

/// Most schemes of credentials shown.
const MAX_SCHEMES: usize = 3;

/// A connection on which the target (or a proxy that speaks for us) listens.
pub(super) struct Route {
    pub(super) wire: Wire,
    /// Set when requests go to a proxy in absolute form.
    pub(super) speaks_for_us: Option<Credentials>,
}

/// User name and password for a proxy; both may be empty.
pub(super) struct Credentials(Option<(String, String)>);

impl Credentials {
    /// For `Proxy-Authorization`.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let (username, password) = self.0.as_ref()?;
        Some(basic(username, password))
    }
}

/// Opens the way to the plan's host.
pub(super) async fn route(
    attempt: &mut Attempt<'_>,
    check: &HttpCheck,
    plan: &Plan,
) -> Result<Route, Fault> {
    match &check.proxy {
        None => {
            attempt.trace.proxy = None;
            let stream = attempt.dial(plan.host(), plan.port(), check.ip_family).await?;
            Ok(Route { wire: Wire::new(stream), speaks_for_us: None })
        }
        Some(proxy) => Box::pin(proxied(attempt, check, proxy, plan)).await,
    }
}

async fn proxied(
    attempt: &mut Attempt<'_>,
    check: &HttpCheck,
    proxy: &Proxy,
    plan: &Plan,
) -> Result<Route, Fault> {
    let place = Place::read(attempt, proxy)?;
    attempt.permitted_by_proxy(plan.host())?;
    attempt.trace.proxy = Some(place.shown());
    let stream = attempt
        .dial(&place.host, place.port, check.ip_family)
        .await
        .map_err(|fault| at_proxy(fault, &place))?;
    let mut wire = Wire::new(stream);
    if proxy.kind == ProxyKind::Http && !plan.is_https() && !plan.needs_tunnel {
        return Ok(Route { wire, speaks_for_us: Some(place.credentials) });
    }
    attempt.trace.enter(Stage::Proxy);
    let opened = match proxy.kind {
        ProxyKind::Http => connect::open(&mut wire, plan, &place.credentials).await,
        ProxyKind::Socks5 => socks5::open(&mut wire, plan, place.credentials.0.as_ref()).await,
    };
    attempt.trace.enter(Stage::Idle);
    opened.map_err(|fault| broken_off(fault, &place))?;
    attempt.trace.proxy = None;
    Ok(Route { wire, speaks_for_us: None })
}

struct Place {
    host: String,
    port: u16,
    credentials: Credentials,
}

impl Place {
    fn read(attempt: &Attempt<'_>, proxy: &Proxy) -> Result<Self, Fault> {
        let secret = attempt.shared.secrets.get(attempt.namespace(), &proxy.url)?;
        let bad = |why: &str| invalid(format!("the proxy's URL in its Secret {why}"));
        let url = Url::parse(secret.expose_secret().trim()).map_err(|_| bad("cannot be read"))?;
        let default_port = match (proxy.kind, url.scheme()) {
            (ProxyKind::Http, "http") => 80,
            (ProxyKind::Socks5, "socks5" | "socks5h") => 1080,
            (ProxyKind::Http, "https") => {
                return Err(bad(
                    "begins with https://, but TLS to a proxy is not supported: give it as http:// \
                     with the port on which the proxy takes plain connections",
                ));
            }
            (ProxyKind::Http, _) => return Err(bad("does not begin with http://")),
            (ProxyKind::Socks5, _) => return Err(bad("does not begin with socks5://")),
        };
        let host = url.host_str().ok_or_else(|| bad("names no host"))?;
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(default_port),
            credentials: Credentials(has_credentials.then(|| {
                (
                    percent_decoded(url.username()),
                    percent_decoded(url.password().unwrap_or_default()),
                )
            })),
        })
    }

    /// Host and port, without the credentials.
    fn shown(&self) -> String {
        if self.host.contains(':') {
            return format!("[{}]:{}", self.host, self.port);
        }
        format!("{}:{}", self.host, self.port)
    }
}

/// A failure to reach the proxy says nothing about the target's own address.
fn at_proxy(mut fault: Fault, place: &Place) -> Fault {
    if let Outcome::Failure(reason) = fault.outcome {
        fault.outcome = Outcome::Failure(Reason::ProxyConnect);
        fault.message = format!("the proxy {} cannot be reached: {}", place.shown(), fault.message);
        fault = fault.with("proxy reason", reason.code());
    }
    fault
}

/// A connection that breaks before the way is open is the proxy's doing, not the target's.
fn broken_off(mut fault: Fault, place: &Place) -> Fault {
    if let Outcome::Failure(reason) = fault.outcome
        && !matches!(reason, Reason::ProxyAuth | Reason::ProxyRefused | Reason::TargetInvalid)
    {
        fault.outcome = Outcome::Failure(Reason::ProxyRefused);
        fault.message =
            format!("the proxy {} opened no way to the target: {}", place.shown(), fault.message);
        fault = fault.with("proxy reason", reason.code());
    }
    fault
}

/// What ends a request that the proxy was to pass on, before it gave an answer. A proxy whose
/// target fails answers 502 or 504 (RFC 9110, section 15.6); one that does not is to blame itself.
pub(super) fn passed_nothing_on(mut fault: Fault, trace: &Trace<'_>) -> Fault {
    if let Outcome::Failure(
        reason @ (Reason::ConnectionClosed | Reason::ConnectionReset | Reason::HttpProtocol),
    ) = fault.outcome
        && let Some(proxy) = &trace.proxy
    {
        fault.outcome = Outcome::Failure(Reason::ProxyRefused);
        fault.message = format!("the proxy {proxy} gave no proper answer: {}", fault.message);
        fault = fault.with("proxy reason", reason.code());
    }
    fault
}

/// The proxy asks who we are; `challenges` are its `Proxy-Authenticate` headers (RFC 9110, section
/// 11.7.1), where it sent any.
pub(super) fn wants_credentials<'a>(challenges: impl IntoIterator<Item = &'a str>) -> Fault {
    let schemes: Vec<_> =
        challenges.into_iter().flat_map(challenge::parse).map(|it| it.scheme).collect();
    if schemes.is_empty() || schemes.iter().any(|scheme| scheme == "basic") {
        return Fault::target(
            Reason::ProxyAuth,
            "the proxy does not accept our user name and password, or wants some",
        );
    }
    let asked = words::list(&schemes, MAX_SCHEMES);
    Fault::target(
        Reason::ProxyAuth,
        format!(
            "the proxy wants credentials of another scheme than Basic, the only one supported: \
             {asked}"
        ),
    )
}
