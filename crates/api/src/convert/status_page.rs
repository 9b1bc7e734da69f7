//! `StatusPage`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use kuma_core::object::{Exposure, ExposureMode, PageGroup, Problem, StatusPage};

use super::Context;
use super::common::object_names;
use crate::kinds::StatusPageSpec;
use crate::kinds::status_page::{BrandingSpec, ExposureMode as Mode, ExposureSpec, PageGroupSpec};

const WEB: &[&str] = &["https", "http"];

pub(super) fn convert(context: &mut Context<'_>, spec: &StatusPageSpec) -> Option<StatusPage> {
    let published = spec.published.unwrap_or(false);
    let exposure = exposure(context, &spec.exposure.clone().unwrap_or_default(), published);
    if let Some(branding) = spec.content.as_ref().and_then(|it| it.branding.as_ref()) {
        addresses(context, branding);
    }
    announcements(context, spec);
    for (index, origin) in spec.frame_ancestors.iter().flatten().enumerate() {
        if origin != "'self'" {
            context.plain_address(&format!("spec.frameAncestors[{index}]"), origin, WEB);
        }
    }
    let own = context.namespace().to_owned();
    let groups: Vec<PageGroup> =
        spec.groups.iter().flatten().map(|group| page_group(group, &own)).collect();
    repeated_groups(context, &groups);
    Some(StatusPage {
        name: context.key.name.clone(),
        slug: spec.slug.clone(),
        title: spec.title.clone(),
        published,
        exposure,
        groups,
    })
}

fn page_group(spec: &PageGroupSpec, own: &str) -> PageGroup {
    PageGroup {
        name: spec.name.clone(),
        description: spec.description.clone(),
        monitors: object_names(spec.monitors.as_deref().unwrap_or_default(), own),
    }
}

fn repeated_groups(context: &mut Context<'_>, groups: &[PageGroup]) {
    let mut names = BTreeSet::new();
    for (index, group) in groups.iter().enumerate() {
        if !names.insert(&group.name) {
            context.push(
                Problem::warning(
                    format!("spec.groups[{index}].name"),
                    "another group of the page has this name",
                )
                .with_value(&group.name),
            );
        }
    }
}

/// Most host names that one HTTPRoute has (`spec.hostnames` of the Gateway API).
const MOST_ROUTE_HOSTS: usize = 16;

fn exposure(context: &mut Context<'_>, spec: &ExposureSpec, published: bool) -> Exposure {
    let mode = match spec.mode {
        None | Some(Mode::Manual) => ExposureMode::Manual,
        Some(Mode::Ingress) => ExposureMode::Ingress,
        Some(Mode::GatewayApi) => ExposureMode::GatewayApi,
    };
    let manage = spec.manage.unwrap_or(false);
    let hosts = exposed_hosts(context, spec, mode);
    if mode == ExposureMode::Manual {
        if manage {
            context.warning("spec.exposure.manage", "with mode manual there is nothing to manage");
        }
    } else if hosts.is_empty() {
        context.push(
            Problem::semantic("spec.exposure.hosts", "an exposed page needs a host name")
                .with_fix("name at least one host, or use mode manual"),
        );
    } else if manage && !published {
        context.push(
            Problem::warning(
                "spec.exposure.manage",
                "the page is not published, so nothing is made that leads to it",
            )
            .with_fix("set published to true"),
        );
    }
    if mode == ExposureMode::GatewayApi && manage && hosts.len() > MOST_ROUTE_HOSTS {
        context.push(
            Problem::semantic(
                "spec.exposure.hosts",
                format!("an HTTPRoute has at most {MOST_ROUTE_HOSTS} host names"),
            )
            .with_value(hosts.len().to_string())
            .with_fix("divide them between two pages, or make the routes yourself"),
        );
    }
    if let Some(tls) = &spec.tls
        && !is_dns_name(&tls.secret_name)
    {
        context.push(
            Problem::semantic("spec.exposure.tls.secretName", "no Secret can have this name")
                .with_value(&tls.secret_name)
                .with_fix("write the name of a Secret, such as status-tls"),
        );
    }
    let tls_secret = spec.tls.as_ref().map(|tls| tls.secret_name.clone());
    Exposure { mode, hosts, tls_secret, manage }
}

/// The host names in lower case, each once. An Ingress and an HTTPRoute take names only, no
/// addresses, and no page is at a wildcard.
fn exposed_hosts(
    context: &mut Context<'_>,
    spec: &ExposureSpec,
    mode: ExposureMode,
) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for (index, written) in spec.hosts.iter().flatten().enumerate() {
        let path = format!("spec.exposure.hosts[{index}]");
        if !context.host(&path, written) {
            continue;
        }
        let host = written.to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
        if mode != ExposureMode::Manual && (host.parse::<IpAddr>().is_ok() || !is_dns_name(&host)) {
            context.push(
                Problem::semantic(path, "an Ingress or HTTPRoute takes no such host name")
                    .with_value(written)
                    .with_fix("use a DNS name of letters, digits and -, no address"),
            );
        } else if hosts.contains(&host) {
            context.push(Problem::warning(path, "the host is named already").with_value(written));
        } else {
            hosts.push(host);
        }
    }
    hosts
}

/// Whether a text is a DNS name as names of objects and hosts of Ingresses are (RFC 1123).
fn is_dns_name(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        })
}

fn addresses(context: &mut Context<'_>, branding: &BrandingSpec) {
    for (field, text) in [("logoUrl", &branding.logo_url), ("faviconUrl", &branding.favicon_url)] {
        if let Some(text) = text {
            context.plain_address(&format!("spec.content.branding.{field}"), text, WEB);
        }
    }
}

fn announcements(context: &mut Context<'_>, spec: &StatusPageSpec) {
    for (index, entry) in spec.announcements.iter().flatten().enumerate() {
        let at = format!("spec.announcements[{index}]");
        let start = entry
            .starts_at
            .as_deref()
            .and_then(|text| context.instant(&format!("{at}.startsAt"), text));
        let end = entry
            .ends_at
            .as_deref()
            .and_then(|text| context.instant(&format!("{at}.endsAt"), text));
        if let (Some(start), Some(end)) = (start, end)
            && end <= start
        {
            context.error(format!("{at}.endsAt"), "the announcement ends before it begins");
        }
    }
}

#[cfg(test)]
mod tests {
    use kuma_core::id::{Kind, ObjectKey, ObjectName};
    use kuma_core::object::{Body, Exposure, ExposureMode, Meta};
    use serde_json::{Value, json};

    fn converted(published: bool, exposure: &Value) -> (Option<Exposure>, Vec<String>) {
        let key = ObjectKey { kind: Kind::StatusPage, name: ObjectName::new("shop", "status") };
        let object = json!({"spec": {
            "slug": "shop", "title": "Shop", "published": published, "exposure": exposure,
        }});
        let conversion = crate::convert::convert(&key, &Meta::default(), &object);
        let body = conversion.body.and_then(|body| match body {
            Body::StatusPage(page) => Some(page.exposure.clone()),
            _ => None,
        });
        (body, conversion.problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_way_to_a_page_is_kept() {
        let (exposure, problems) = converted(
            true,
            &json!({
                "mode": "ingress", "manage": true, "hosts": ["Status.Example.com."],
                "tls": {"secretName": "status-tls"},
            }),
        );
        let expected = Exposure {
            mode: ExposureMode::Ingress,
            hosts: vec!["status.example.com".to_owned()],
            tls_secret: Some("status-tls".to_owned()),
            manage: true,
        };
        assert_eq!((exposure, problems), (Some(expected), vec![]));
    }

    #[test]
    fn a_page_that_is_exposed_needs_names_that_can_be_routed() {
        for (exposure, found) in [
            (json!({"mode": "ingress"}), "spec.exposure.hosts: an exposed page needs a host name"),
            (
                json!({"mode": "gatewayapi", "hosts": ["192.0.2.1"]}),
                "spec.exposure.hosts[0]: an Ingress or HTTPRoute takes no such host name",
            ),
            (
                json!({"mode": "ingress", "hosts": ["a_b.example.com"]}),
                "spec.exposure.hosts[0]: an Ingress or HTTPRoute takes no such host name",
            ),
            (
                json!({"mode": "ingress", "hosts": ["a"], "tls": {"secretName": "No Name"}}),
                "spec.exposure.tls.secretName: no Secret can have this name",
            ),
        ] {
            let (converted, problems) = converted(true, &exposure);
            assert_eq!(converted, None, "{exposure}");
            assert!(problems.iter().any(|it| it.starts_with(found)), "{problems:?}");
        }
        let hosts: Vec<_> = (0..17).map(|number| format!("h{number}.example.com")).collect();
        let route = json!({"mode": "gatewayapi", "manage": true, "hosts": hosts});
        assert!(converted(true, &route).1[0].contains("at most 16 host names"));
        let ingress = json!({"mode": "ingress", "manage": true, "hosts": hosts});
        assert_eq!(converted(true, &ingress).1, Vec::<String>::new());
    }

    #[test]
    fn what_has_no_effect_is_said() {
        let unpublished = json!({"mode": "ingress", "manage": true, "hosts": ["a.example.com"]});
        let (exposure, problems) = converted(false, &unpublished);
        assert!(exposure.is_some() && problems[0].contains("not published"), "{problems:?}");
        let twice = json!({"hosts": ["a.example.com", "A.example.com"]});
        let (exposure, problems) = converted(true, &twice);
        assert_eq!(exposure.map(|it| it.hosts.len()), Some(1));
        assert!(problems[0].contains("named already"), "{problems:?}");
    }
}
