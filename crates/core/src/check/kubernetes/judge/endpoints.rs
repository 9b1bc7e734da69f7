//! Whether services have endpoints that are ready, as their EndpointSlices say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::super::SERVICE_NAME;
use super::object::{Object, items, number, shown};
use super::{Judgement, MAX_NAMED, Unwell};
use crate::reason::Reason;

/// The endpoints of a service. A pod that is reached by two address families is one of them.
#[derive(Default)]
struct Endpoints {
    ready: BTreeSet<String>,
    unready: BTreeSet<String>,
    /// Those on their way out that still answer.
    draining: BTreeSet<String>,
    leaving: BTreeSet<String>,
}

/// At least so many endpoints of each service are ready.
pub(super) fn judge(slices: &[Object<'_>], least: u32) -> Judgement {
    let mut services: BTreeMap<&str, Endpoints> = BTreeMap::new();
    for slice in slices {
        let service = slice.metadata("labels")[SERVICE_NAME].as_str();
        let endpoints = services.entry(service.unwrap_or_else(|| slice.name())).or_default();
        for endpoint in items(&slice.value()["endpoints"]) {
            endpoints.add(endpoint);
        }
    }
    let least = least as usize;
    let short: Vec<_> = services.iter().filter(|(_, it)| it.ready.len() < least).collect();
    let Some((name, first)) = short.first() else {
        return Ok(match services.values().next() {
            Some(only) if services.len() == 1 => only.sentence(),
            _ => format!("all {} services have enough endpoints", services.len()),
        });
    };
    let needed = if least > 1 { format!(", {least} needed") } else { String::new() };
    let message = if services.len() == 1 {
        format!("{}{needed}", first.sentence())
    } else {
        let (short, all) = (short.len(), services.len());
        format!("{short} of {all} services have too few; {name}: {}{needed}", first.sentence())
    };
    let mut unwell = Unwell::new(Reason::KubernetesEndpoints, message);
    for (name, endpoints) in short.iter().take(MAX_NAMED) {
        if services.len() > 1 {
            unwell = unwell.with(**name, endpoints.sentence());
        }
    }
    Err(unwell
        .with("ready", listed(&first.ready))
        .with("not ready", listed(&first.unready))
        .with("being deleted", listed(&first.leaving)))
}

impl Endpoints {
    fn add(&mut self, endpoint: &Value) {
        let conditions = &endpoint["conditions"];
        let name = name(endpoint);
        // What the API leaves out counts as ready and serving.
        if conditions["ready"] != false {
            self.ready.insert(name);
        } else if conditions["terminating"] == true {
            if conditions["serving"] != false {
                self.draining.insert(name.clone());
            }
            self.leaving.insert(name);
        } else {
            self.unready.insert(name);
        }
    }

    fn sentence(&self) -> String {
        let ready = self.ready.len() as u64;
        let verb = if ready == 1 { "is" } else { "are" };
        let mut sentence = match ready {
            0 => "no endpoint is ready".to_owned(),
            _ => format!("{} {verb} ready", number(ready, "endpoint")),
        };
        for (count, what) in [
            (self.unready.len(), "not ready"),
            (self.leaving.len(), "being deleted"),
            (self.draining.len(), "of these still serving"),
        ] {
            if count > 0 {
                let _ = write!(sentence, ", {count} {what}");
            }
        }
        sentence
    }
}

/// The pod behind it, or its address.
fn name(endpoint: &Value) -> String {
    let target = &endpoint["targetRef"];
    let name = target["name"].as_str();
    let address = || items(&endpoint["addresses"]).first()?.as_str();
    shown(name.or_else(address).unwrap_or("an endpoint without an address"))
}

fn listed(names: &BTreeSet<String>) -> String {
    let mut list: Vec<&str> = names.iter().take(MAX_NAMED).map(String::as_str).collect();
    if names.len() > MAX_NAMED {
        list.push("…");
    }
    list.join(", ")
}
