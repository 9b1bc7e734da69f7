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

use super::percent_decoded;
use super::plan::{Plan, basic, invalid};
use crate::attempt::Attempt;
use crate::fault::Fault;
use crate::net::Wire;
use crate::trace::Stage;

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
    opened.map_err(broken_off)?;
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
}

/// A failure to reach the proxy says nothing about the target's own address.
fn at_proxy(mut fault: Fault, place: &Place) -> Fault {
    if let Outcome::Failure(reason) = fault.outcome {
        fault.outcome = Outcome::Failure(Reason::ProxyConnect);
        fault.message =
            format!("the proxy {}:{} cannot be reached: {}", place.host, place.port, fault.message);
        fault = fault.with("proxy reason", reason.code());
    }
    fault
}

/// A connection that breaks before the way is open is the proxy's doing, not the target's.
fn broken_off(mut fault: Fault) -> Fault {
    if let Outcome::Failure(reason) = fault.outcome
        && !matches!(reason, Reason::ProxyAuth | Reason::ProxyRefused | Reason::TargetInvalid)
    {
        fault.outcome = Outcome::Failure(Reason::ProxyRefused);
    }
    fault
}

/// The proxy asks who we are.
pub(super) fn wants_credentials() -> Fault {
    Fault::target(
        Reason::ProxyAuth,
        "the proxy does not accept our user name and password, or wants some",
    )
}
