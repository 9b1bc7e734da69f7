//! Whether pods are ready, and what keeps those that are not.

use std::fmt::Write as _;

use serde_json::Value;

use super::object::{Object, in_parentheses, items, number, shown};
use super::{Judgement, MAX_NAMED, Unwell};
use crate::reason::Reason;

/// What a pod is to somebody who wants it to run.
enum Standing {
    Ready,
    /// It should be ready, and is not for this reason.
    Unready(String),
    /// On its way out, which is nobody's fault.
    Leaving,
    /// Its work is done.
    Completed,
    /// Failed for good; whatever controls it has made another one.
    Replaced,
}

/// At least so many pods are ready; without a number all that should run, and at least one.
pub(super) fn judge(pods: &[Object<'_>], least: Option<u32>) -> Judgement {
    if let [pod] = pods
        && least.is_none_or(|least| least == 1)
    {
        return one(*pod);
    }
    let mut ready = 0;
    let mut unready = Vec::new();
    let (mut leaving, mut completed, mut replaced) = (0, 0, 0);
    for pod in pods {
        match standing(*pod) {
            Standing::Ready => ready += 1,
            Standing::Unready(why) => unready.push((pod.name(), why)),
            Standing::Leaving => leaving += 1,
            Standing::Completed => completed += 1,
            Standing::Replaced => replaced += 1,
        }
    }
    let count = ready + unready.len() as u64;
    let enough = match least {
        Some(least) => ready >= u64::from(least),
        None => unready.is_empty() && ready > 0,
    };
    let needed = least.filter(|_| !enough).map_or_else(String::new, |it| format!(", {it} needed"));
    let mut others = String::new();
    for (count, what) in
        [(leaving, "being deleted"), (completed, "completed"), (replaced, "failed and replaced")]
    {
        if count > 0_u64 {
            let _ = write!(others, "; {count} {what}");
        }
    }
    let verb = if count == 1 { "is" } else { "are" };
    let sentence = format!("{ready} of {} {verb} ready{needed}", number(count, "pod"));
    if enough {
        return Ok(format!("{sentence}{others}"));
    }
    let first = unready.first().map(|(name, why)| format!("; {name}: {why}")).unwrap_or_default();
    let message = format!("{sentence}{first}{others}");
    let mut unwell = Unwell::new(Reason::KubernetesNotReady, message);
    for (name, why) in unready.into_iter().take(MAX_NAMED) {
        unwell = unwell.with(name, why);
    }
    Err(unwell)
}

/// One pod alone, which must be ready whatever became of it.
fn one(pod: Object<'_>) -> Judgement {
    let message = match standing(pod) {
        Standing::Ready => return Ok("the pod is ready".to_owned()),
        Standing::Unready(why) => why,
        Standing::Leaving => "the pod is being deleted".to_owned(),
        Standing::Completed => "the pod has completed and runs no more".to_owned(),
        Standing::Replaced => failed(pod),
    };
    let node = pod.spec("nodeName").as_str().unwrap_or_default();
    Err(Unwell::new(Reason::KubernetesNotReady, message)
        .with("phase", shown(pod.status("phase").as_str().unwrap_or_default()))
        .with("node", shown(node)))
}

fn standing(pod: Object<'_>) -> Standing {
    if pod.is_being_deleted() {
        return Standing::Leaving;
    }
    match pod.status("phase").as_str().unwrap_or_default() {
        "Succeeded" => Standing::Completed,
        // Evicted pods and those of nodes that were shut down stay until somebody sweeps them up.
        "Failed" if pod.controller().is_some() => Standing::Replaced,
        "Failed" => Standing::Unready(failed(pod)),
        _ if pod.condition("Ready").is_some_and(super::object::Condition::is_true) => {
            Standing::Ready
        }
        _ => Standing::Unready(waits_for(pod)),
    }
}

fn failed(pod: Object<'_>) -> String {
    let text = |field| pod.status(field).as_str().unwrap_or_default();
    let why = match in_parentheses(text("reason"), text("message")) {
        nothing if nothing.is_empty() => {
            containers(pod).find_map(container).map(|it| format!(" ({it})")).unwrap_or_default()
        }
        why => why,
    };
    format!("the pod failed{why}")
}

/// What keeps a pod that should be ready from being it.
fn waits_for(pod: Object<'_>) -> String {
    if let Some(scheduled) = pod.condition("PodScheduled").filter(|it| it.status() == "False") {
        return format!("no node takes it{}", scheduled.why());
    }
    if let Some(why) = containers(pod).find_map(container) {
        return why;
    }
    let gates = items(pod.spec("readinessGates"));
    let gate = gates
        .iter()
        .filter_map(|gate| gate["conditionType"].as_str())
        .find(|gate| !pod.condition(gate).is_some_and(super::object::Condition::is_true));
    if let Some(gate) = gate {
        return format!("its readiness gate {} is not True", shown(gate));
    }
    match pod.condition("Ready") {
        Some(ready) => format!("not ready{}{}", ready.since(), ready.why()),
        None => "not started yet".to_owned(),
    }
}

/// Containers in the order in which they hold a pod up.
fn containers(pod: Object<'_>) -> impl Iterator<Item = &Value> {
    let init = items(pod.status("initContainerStatuses")).iter().filter(|it| !is_done(it));
    init.chain(items(pod.status("containerStatuses")))
}

/// Whether a container of the start has done its part.
fn is_done(container: &Value) -> bool {
    container["state"]["terminated"]["exitCode"] == 0 || container["started"] == true
}

/// What is wrong with a container, if something is.
fn container(container: &Value) -> Option<String> {
    let name = shown(container["name"].as_str().unwrap_or("?"));
    let restarts = match container["restartCount"].as_u64().unwrap_or(0) {
        0 => String::new(),
        1 => ", restarted once".to_owned(),
        several => format!(", restarted {several} times"),
    };
    let state = &container["state"];
    let text = |value: &Value| shown(value.as_str().unwrap_or_default());
    if let Some(reason) = state["waiting"]["reason"].as_str() {
        // Nothing is wrong with a container that is being made.
        if matches!(reason, "ContainerCreating" | "PodInitializing") {
            return Some(format!("container {name} is being made"));
        }
        let why = in_parentheses(reason, &text(&state["waiting"]["message"]));
        let last = ended(&container["lastState"]["terminated"]);
        let last = last.map_or_else(String::new, |last| format!(", last {last}"));
        return Some(format!("container {name} waits{why}{last}{restarts}"));
    }
    if let Some(end) = ended(&state["terminated"]) {
        return Some(format!("container {name} {end}{restarts}"));
    }
    if container["ready"] == true {
        return None;
    }
    let last = ended(&container["lastState"]["terminated"]);
    let last = last.map_or_else(String::new, |last| format!(", last {last}"));
    Some(format!("container {name} runs and is not ready{last}{restarts}"))
}

/// How a container ended: `exited with code 137 (OOMKilled)`.
fn ended(terminated: &Value) -> Option<String> {
    let code = terminated["exitCode"].as_i64()?;
    let reason = shown(terminated["reason"].as_str().unwrap_or_default());
    let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    Some(format!("exited with code {code}{why}"))
}
