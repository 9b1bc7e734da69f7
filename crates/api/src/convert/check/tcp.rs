//! `tcp`.

use kuma_core::check::{Check, TcpCheck, TcpExpect, TlsOptions};

use super::{Context, Part, missing, starttls, tls_options};
use crate::kinds::monitor::{TcpTlsSpec, TlsSpec};

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let Some(target) = &part.target.tcp else {
        missing(context, part, "tcp");
        return None;
    };
    let at = part.path("tcp");
    context.host(&format!("{at}.host"), &target.host);
    let send = match &target.send {
        Some(text) => Some(context.secret_text(&format!("{at}.send"), text)?),
        None => None,
    };
    let expect = match &target.expect {
        Some(source) if target.expect_regex == Some(true) => {
            Some(TcpExpect::Regex(context.pattern(&format!("{at}.expect"), source)?))
        }
        Some(text) => Some(TcpExpect::Text(text.clone())),
        None => None,
    };
    let tls = tls(context, &at, target.tls.as_ref());
    let protocol = target.tls.as_ref().and_then(|spec| spec.starttls);
    let banner_contains = part.criteria.tcp.as_ref().and_then(|it| it.banner_contains.clone());
    if tls.is_some() && protocol.is_some() && banner_contains.is_some() {
        context.warning(
            format!("{}.successCriteria.tcp.bannerContains", part.at),
            "the banner is awaited inside TLS; after STARTTLS most servers send none",
        );
    }
    Some(Check::Tcp(Box::new(TcpCheck {
        host: target.host.clone(),
        port: target.port,
        send,
        expect,
        banner_contains,
        starttls: protocol.filter(|_| tls.is_some()).map(starttls),
        tls,
    })))
}

fn tls(context: &mut Context<'_>, at: &str, spec: Option<&TcpTlsSpec>) -> Option<TlsOptions> {
    let spec = spec?;
    let options = TlsSpec {
        verify: spec.verify,
        sni: spec.sni.clone(),
        ca_bundle_secret_ref: spec.ca_bundle_secret_ref.clone(),
        client_cert_secret_ref: spec.client_cert_secret_ref.clone(),
        min_version: spec.min_version,
        warn_before_days: spec.warn_before_days,
    };
    let converted = tls_options(context, &format!("{at}.tls"), &options);
    if spec.enabled == Some(true) {
        return Some(converted);
    }
    let asks = options != TlsSpec::default() || spec.starttls.is_some();
    if asks && spec.enabled.is_none() {
        context.warning(format!("{at}.tls.enabled"), "without enabled: true there is no TLS");
    }
    None
}
