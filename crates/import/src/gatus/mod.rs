//! Gatus' `config.yaml` (its README has the format): endpoints with their conditions, alerts,
//! external endpoints, maintenance. What Gatus shows as its page becomes a status page.

mod alert;
mod condition;
mod endpoint;
mod maintenance;

use std::collections::{BTreeMap, BTreeSet};

use kuma_core::id::Kind;
use serde_json::{Value, json};

use crate::plan::{File, Imported, Plan};

/// A configuration, and what has been made of it so far.
struct World<'a> {
    config: &'a Value,
    plan: Plan,
    /// Providers by alert type; none for a type that cannot be carried over.
    providers: BTreeMap<String, Option<String>>,
    /// Labels of policies by what they say.
    policies: BTreeMap<String, String>,
    /// Monitors by group, in order.
    groups: BTreeMap<String, Vec<String>>,
}

/// Turns the documents of a configuration (later ones add to earlier ones) into objects.
pub fn import(documents: &[Value], namespace: &str) -> Imported {
    let config = merged(documents);
    let mut world = World {
        config: &config,
        plan: Plan::new(namespace),
        providers: BTreeMap::new(),
        policies: BTreeMap::new(),
        groups: BTreeMap::new(),
    };
    for endpoint in items(&config["endpoints"]) {
        endpoint::carry(&mut world, endpoint);
    }
    for endpoint in items(&config["external-endpoints"]) {
        endpoint::carry_external(&mut world, endpoint);
    }
    world.plan.about("setting", "maintenance");
    maintenance::carry(&mut world, &config["maintenance"], None, "maintenance");
    page(&mut world);
    rest(&mut world);
    world.plan.finish()
}

fn merged(documents: &[Value]) -> Value {
    let mut all = json!({});
    for document in documents {
        for (key, value) in document.as_object().into_iter().flatten() {
            match (&mut all[key], value) {
                (Value::Array(list), Value::Array(more)) => list.extend(more.iter().cloned()),
                (place, value) => *place = value.clone(),
            }
        }
    }
    all
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A text that is there and not empty.
fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value[key].as_str().map(str::trim).filter(|text| !text.is_empty())
}

impl World<'_> {
    /// Gatus fills in environment variables; nothing here does.
    fn warn_of_variables(&mut self, field: &str, value: &Value) {
        let mut found = BTreeSet::new();
        variables(value, &mut found);
        for name in found {
            let why = "environment variables are not filled in";
            self.plan.lost(
                field,
                &format!("${{{name}}}"),
                why,
                "Write the value into the Secret or the object",
            );
        }
    }
}

fn variables(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            for part in text.split("${").skip(1) {
                if let Some((name, _)) = part.split_once('}') {
                    found.insert(name.to_owned());
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|it| variables(it, found)),
        Value::Object(map) => map.values().for_each(|it| variables(it, found)),
        _ => {}
    }
}

fn page(world: &mut World<'_>) {
    if world.groups.is_empty() {
        return;
    }
    let groups: Vec<Value> = std::mem::take(&mut world.groups)
        .into_iter()
        .map(|(name, monitors)| {
            let monitors: Vec<Value> =
                monitors.iter().map(|name| json!({ "ref": { "name": name } })).collect();
            json!({ "name": if name.is_empty() { "Other".into() } else { name }, "monitors": monitors })
        })
        .collect();
    let ui = &world.config["ui"];
    let title = text(ui, "header").or_else(|| text(ui, "title")).unwrap_or("Health").to_owned();
    let description = text(ui, "description").map(str::to_owned);
    let logo = text(ui, "logo").map(str::to_owned);
    world.plan.about("setting", "ui");
    let name = world.plan.name(Kind::StatusPage, "gatus");
    let why = "the page is not public yet; set `published: true` if it was";
    world.plan.approximate("page", "", why);
    let spec = json!({
        "slug": name,
        "title": title,
        "published": false,
        "content": { "description": description, "branding": { "logoUrl": logo } },
        "groups": groups,
    });
    world.plan.add(File::Pages, Kind::StatusPage, &name, &json!({}), spec);
}

/// Parts that have no counterpart, or one that has to be set up by hand.
fn rest(world: &mut World<'_>) {
    for (key, why, todo) in [
        ("security", "signing in is set up in another way", "See `auth` in the settings"),
        ("suites", "there are no checks in several steps", "Let a job run them and push"),
        ("remote", "pages of other instances are not shown", ""),
        ("tunneling", "there are no tunnels", "Use a proxy, or run a second instance there"),
        ("announcements", "announcements belong to a page", "Write them into the StatusPage"),
        (
            "connectivity",
            "named targets of our own check do this",
            "See `networking.selfCheck` in the settings",
        ),
    ] {
        if !world.config[key].is_null() {
            world.plan.about("setting", key);
            world.plan.lost(key, "", why, todo);
        }
    }
}
