//! `StatusPage`.

use std::collections::BTreeSet;

use kuma_core::object::{PageGroup, Problem, StatusPage};

use super::Context;
use super::common::object_names;
use crate::kinds::StatusPageSpec;
use crate::kinds::status_page::{BrandingSpec, ExposureMode, PageGroupSpec};

const WEB: &[&str] = &["https", "http"];

pub(super) fn convert(context: &mut Context<'_>, spec: &StatusPageSpec) -> Option<StatusPage> {
    exposure(context, spec);
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
        published: spec.published.unwrap_or(false),
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

fn exposure(context: &mut Context<'_>, spec: &StatusPageSpec) {
    let Some(exposure) = &spec.exposure else {
        return;
    };
    let hosts = exposure.hosts.as_deref().unwrap_or_default();
    for (index, host) in hosts.iter().enumerate() {
        context.host(&format!("spec.exposure.hosts[{index}]"), host);
    }
    let manual = matches!(exposure.mode, None | Some(ExposureMode::Manual));
    if !manual && hosts.is_empty() {
        context.push(
            Problem::semantic("spec.exposure.hosts", "an exposed page needs a host name")
                .with_fix("name at least one host, or use mode manual"),
        );
    }
    if manual && exposure.manage == Some(true) {
        context.warning("spec.exposure.manage", "with mode manual there is nothing to manage");
    }
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
