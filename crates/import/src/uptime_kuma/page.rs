//! Status pages with their groups, in their order.

use kuma_core::id::Kind;
use serde_json::{Value, json};

use super::World;
use super::row::Row;
use crate::plan::File;

/// Carries every page over.
pub(super) fn all(world: &mut World<'_>) {
    for row in world.dump.rows("status_page") {
        let Some(id) = row.int("id") else { continue };
        let slug = row.text("slug").unwrap_or_default().to_lowercase();
        world.plan.about("status page", row.text("title").unwrap_or(&slug));
        let name = world.plan.name(Kind::StatusPage, &slug);
        let hosts: Vec<&str> = world
            .dump
            .rows("status_page_cname")
            .iter()
            .filter(|cname| cname.int("status_page_id") == Some(id))
            .filter_map(|cname| cname.text("domain"))
            .collect();
        let hosts = (!hosts.is_empty()).then_some(hosts);
        let icon = row.text("icon").filter(|icon| icon.starts_with("http"));
        if row.text("icon").is_some_and(|icon| icon.starts_with("/upload")) {
            let why = "the picture lies in Uptime Kuma's folder";
            world.plan.lost(
                "icon",
                row.text("icon").unwrap_or_default(),
                why,
                "Put it on a server and set `logoUrl`",
            );
        }
        for field in ["google_analytics_tag_id", "analytics_id"] {
            if let Some(value) = row.text(field) {
                world.plan.lost(field, value, "pages carry no trackers", "");
            }
        }
        let scheme = match row.text("theme") {
            Some("light") => "light",
            Some("dark") => "dark",
            _ => "system",
        };
        let groups = groups(world, id);
        let spec = json!({
            "slug": slug,
            "title": row.text("title").unwrap_or(&slug),
            "published": row.on("published"),
            "exposure": hosts.map(|hosts| json!({ "hosts": hosts })),
            "content": {
                "description": row.text("description"),
                "branding": { "logoUrl": icon, "theme": { "colorScheme": scheme } },
                "customCss": row.text("custom_css").filter(|css| *css != "body {\n  \n}"),
                "footer": row.text("footer_text"),
            },
            "groups": groups,
        });
        world.plan.add(File::Pages, Kind::StatusPage, &name, &json!({}), spec);
    }
}

fn groups(world: &World<'_>, page: i64) -> Vec<Value> {
    let by_weight = |rows: &mut Vec<&Row>| {
        rows.sort_by_key(|row| (row.int("weight").unwrap_or(1000), row.int("id").unwrap_or(0)));
    };
    let mut groups: Vec<&Row> = world
        .dump
        .rows("group")
        .iter()
        .filter(|group| group.int("status_page_id") == Some(page))
        .collect();
    by_weight(&mut groups);
    let group = |row: &Row| {
        let id = row.int("id");
        let links = world.dump.rows("monitor_group").iter();
        let mut links: Vec<&Row> = links.filter(|link| link.int("group_id") == id).collect();
        by_weight(&mut links);
        let monitors: Vec<Value> = links
            .iter()
            .filter_map(|link| world.monitors.get(&link.int("monitor_id")?))
            .map(|name| json!({ "ref": { "name": name } }))
            .collect();
        json!({ "name": row.text("name").unwrap_or("Services"), "monitors": monitors })
    };
    groups.into_iter().map(group).collect()
}
