//! blackbox_exporter's modules (its CONFIGURATION.md has the format), and whom they are asked
//! about: Prometheus scrape configurations with the usual relabelling, and the Prometheus
//! operator's `Probe` resources.
//!
//! A module becomes a disabled monitor that `/probe` uses as a template; a module with a target
//! becomes a monitor.

mod http;
mod module;
mod target;

use std::collections::BTreeMap;

use kuma_core::id::Kind;
use serde_json::{Map, Value, json};

use crate::plan::{File, Imported, Plan};
use target::Target;

/// The label of a monitor that serves as a module of `/probe`.
const MODULE_LABEL: &str = "kubekuma.io/probe-module";

/// Turns documents (any number of `blackbox.yml`, `prometheus.yml` and `Probe` resources) into
/// objects.
pub fn import(documents: &[Value], namespace: &str) -> Imported {
    let mut plan = Plan::new(namespace);
    let mut modules: BTreeMap<String, &Value> = BTreeMap::new();
    let mut targets = Vec::new();
    for document in documents {
        for (name, module) in document["modules"].as_object().into_iter().flatten() {
            modules.insert(name.clone(), module);
        }
        if !document["scrape_configs"].is_null() {
            target::of_prometheus(&mut plan, document, &mut targets);
        }
        for probe in probes(document) {
            target::of_probe(&mut plan, probe, &mut targets);
        }
    }
    for (name, module) in &modules {
        template(&mut plan, name, module);
    }
    for target in &targets {
        monitor(&mut plan, &modules, target);
    }
    plan.finish()
}

/// `Probe` resources of a document, which may be a list.
fn probes(document: &Value) -> Vec<&Value> {
    let items = document["items"].as_array().into_iter().flatten();
    items.chain([document]).filter(|it| it["kind"] == json!("Probe")).collect()
}

/// The module as a template for `/probe`.
fn template(plan: &mut Plan, called: &str, module: &Value) {
    plan.about("module", called);
    let name = plan.name(Kind::Monitor, &format!("module {called}"));
    let Some(made) = module::read(plan, module, &name, None) else {
        return;
    };
    let mut spec = made.spec();
    spec["enabled"] = json!(false);
    spec["tags"] = json!(["probe-module"]);
    plan.add(File::Monitors, Kind::Monitor, &name, &json!({ MODULE_LABEL: called }), spec);
}

fn monitor(plan: &mut Plan, modules: &BTreeMap<String, &Value>, target: &Target) {
    plan.about("target", &target.address);
    let builtin = json!({ "prober": "http" });
    let module = match (modules.get(&target.module), target.module.as_str()) {
        (Some(module), _) => *module,
        (None, "http_2xx") => &builtin,
        (None, other) => {
            let why = "no file that was read has this module";
            plan.lost("module", other, why, "Give blackbox.yml to the import too");
            return;
        }
    };
    let wanted = target.address.split_once("://").map_or(target.address.as_str(), |(_, rest)| rest);
    let name = plan.name(Kind::Monitor, wanted);
    // What a module loses is said once, of the module.
    let Some(made) = plan.quietly(|plan| module::read(plan, module, &name, Some(&target.address)))
    else {
        let why = "its module cannot be carried over";
        plan.lost("module", &target.module, why, "");
        return;
    };
    let mut spec = made.spec();
    let interval = target.interval.unwrap_or(60);
    let timeout = target.timeout.unwrap_or(10).min(made.timeout.unwrap_or(300)).min(interval);
    spec["schedule"] = json!({ "intervalSeconds": interval, "timeoutSeconds": timeout });
    let tags: Vec<String> = target
        .tags
        .iter()
        .map(|(key, value)| format!("{key}:{value}").chars().take(63).collect())
        .collect();
    spec["tags"] = json!(tags);
    spec["annotations"] = json!({ "kubekuma.io/display-name": target.address });
    plan.add(File::Monitors, Kind::Monitor, &name, &json!({}), spec);
}

/// What a module comes to.
struct Made {
    check_type: &'static str,
    target: Value,
    criteria: Value,
    timeout: Option<i64>,
}

impl Made {
    fn spec(&self) -> Value {
        let mut schedule = Map::new();
        if let Some(seconds) = self.timeout {
            schedule.insert("timeoutSeconds".to_owned(), json!(seconds));
        }
        json!({
            "type": self.check_type,
            "schedule": schedule,
            "target": { self.check_type: self.target },
            "successCriteria": self.criteria,
        })
    }
}
