//! Whom the modules are asked about.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::go::whole_seconds;
use crate::plan::Plan;

/// How long between scrapes unless Prometheus is told otherwise, in seconds.
const DEFAULT_INTERVAL: i64 = 60;

/// A target and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) address: String,
    pub(super) module: String,
    /// Seconds.
    pub(super) interval: Option<i64>,
    /// Seconds.
    pub(super) timeout: Option<i64>,
    pub(super) tags: BTreeMap<String, String>,
}

/// Jobs that scrape `/probe`; others are none of ours.
pub(super) fn of_prometheus(plan: &mut Plan, config: &Value, targets: &mut Vec<Target>) {
    let global = &config["global"];
    let interval = |job: &Value, key: &str| {
        whole_seconds(&job[key], 1, 86_400).or_else(|| whole_seconds(&global[key], 1, 86_400))
    };
    for job in config["scrape_configs"].as_array().into_iter().flatten() {
        let modules = job["params"]["module"].as_array();
        if job["metrics_path"] != json!("/probe") && modules.is_none() {
            continue;
        }
        let name = job["job_name"].as_str().unwrap_or("(no name)");
        plan.about("job", name);
        let module = modules.and_then(|list| list.first()).and_then(Value::as_str);
        relabelling(plan, &job["relabel_configs"]);
        discovery(plan, job);
        let every = interval(job, "scrape_interval").unwrap_or(DEFAULT_INTERVAL);
        if every < 10 {
            let why = "becomes 10 s, the shortest one by default";
            plan.approximate("scrape_interval", &every.to_string(), why);
        }
        let timeout = interval(job, "scrape_timeout");
        for group in job["static_configs"].as_array().into_iter().flatten() {
            let mut tags = tags_of(&group["labels"]);
            let module = tags.remove("module").or_else(|| module.map(str::to_owned));
            tags.insert("job".to_owned(), name.to_owned());
            for address in group["targets"].as_array().into_iter().flatten() {
                let Some(address) = address.as_str() else { continue };
                targets.push(Target {
                    address: address.to_owned(),
                    module: module.clone().unwrap_or_else(|| "http_2xx".to_owned()),
                    interval: Some(every.max(10)),
                    timeout,
                    tags: tags.clone(),
                });
            }
        }
    }
}

/// A `Probe` of monitoring.coreos.com.
pub(super) fn of_probe(plan: &mut Plan, probe: &Value, targets: &mut Vec<Target>) {
    let name = probe["metadata"]["name"].as_str().unwrap_or("(no name)");
    plan.about("Probe", name);
    let spec = &probe["spec"];
    if !spec["targets"]["ingress"].is_null() {
        let why = "Ingresses are not looked up";
        plan.lost("targets.ingress", "", why, "See `discovery` in the settings");
    }
    relabelling(plan, &spec["targets"]["staticConfig"]["relabelingConfigs"]);
    for field in ["basicAuth", "bearerTokenSecret", "authorization", "tlsConfig"] {
        if !spec[field].is_null() {
            plan.approximate(field, "", "it was for reaching the exporter, which is not asked");
        }
    }
    let list = &spec["targets"]["staticConfig"];
    let mut tags = tags_of(&list["labels"]);
    let job = spec["jobName"].as_str().unwrap_or(name);
    tags.insert("job".to_owned(), job.to_owned());
    for address in list["static"].as_array().into_iter().flatten() {
        let Some(address) = address.as_str() else { continue };
        targets.push(Target {
            address: address.to_owned(),
            module: spec["module"].as_str().unwrap_or("http_2xx").to_owned(),
            interval: whole_seconds(&spec["interval"], 10, 86_400),
            timeout: whole_seconds(&spec["scrapeTimeout"], 1, 300),
            tags: tags.clone(),
        });
    }
}

fn tags_of(labels: &Value) -> BTreeMap<String, String> {
    let labels = labels.as_object().into_iter().flatten();
    labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// The idiom moves the address into a parameter and puts the exporter in its place; whatever else
/// is relabelled is lost.
fn relabelling(plan: &mut Plan, rules: &Value) {
    for rule in rules.as_array().into_iter().flatten() {
        let field = |a: &str, b: &str| rule[a].as_str().or_else(|| rule[b].as_str()).unwrap_or("");
        let to = field("target_label", "targetLabel");
        let replaces = matches!(field("action", "action"), "" | "replace");
        let idiom = matches!(to, "__param_target" | "instance" | "__address__");
        if !(replaces && idiom) {
            let why = "labels are not rewritten";
            let todo = "Set tags or names of the monitors by hand";
            plan.lost("relabel_configs", &rule.to_string(), why, todo);
        }
    }
}

fn discovery(plan: &mut Plan, job: &Value) {
    for key in job.as_object().into_iter().flatten().map(|(key, _)| key) {
        if key.ends_with("_sd_configs") {
            let why = "targets are not discovered";
            plan.lost(key, "", why, "List the targets, or see `discovery` in the settings");
        }
    }
}
