//! What a container's state means.

use kuma_core::reason::Reason;
use serde_json::Value;

use crate::attempt::Verdict;
use crate::fault::Fault;
use crate::http::beginning;

/// Judges the answer to "Inspect a container".
pub(super) fn judge(container: &Value, require_healthy: bool) -> Verdict {
    let state = &container["State"];
    let Some(status) = state["Status"].as_str() else {
        return Err(Fault::target(
            Reason::DockerEngine,
            "what answers is no Docker engine: its answer describes no container",
        ));
    };
    let restarts = container["RestartCount"].as_u64().unwrap_or(0);
    if status != "running" {
        return Err(Fault::target(Reason::DockerNotRunning, stopped(status, state, restarts))
            .with_all(facts(container)));
    }
    let health = health(state);
    let again = match restarts {
        0 => String::new(),
        1 => ", restarted once".to_owned(),
        several => format!(", restarted {several} times"),
    };
    match health {
        None => Ok(format!("running, without a health check{again}")),
        Some("healthy") => Ok(format!("running, healthy{again}")),
        Some(other) if !require_healthy => Ok(format!("running, {}{again}", known(other))),
        Some(other) => {
            let message = unwell(other, state);
            Err(Fault::target(Reason::DockerUnhealthy, format!("{message}{again}"))
                .with_all(facts(container)))
        }
    }
}

/// What a container that runs and is not healthy waits for or suffers from.
fn unwell(word: &str, state: &Value) -> String {
    if word == "starting" {
        let since = at(state, "StartedAt");
        return format!("starting: no health check has succeeded since the start{since}");
    }
    let failed = match state["Health"]["FailingStreak"].as_u64() {
        None | Some(0 | 1) => "once".to_owned(),
        Some(times) => format!("{times} times in a row"),
    };
    format!("{}: the health check failed {failed}", known(word))
}

/// The health check's word; none where there is no health check.
fn health(state: &Value) -> Option<&str> {
    state["Health"]["Status"].as_str().filter(|status| !matches!(*status, "none" | ""))
}

/// One of the API's words, or what stands for another one.
fn known(word: &str) -> &'static str {
    ["healthy", "unhealthy", "starting"].into_iter().find(|it| *it == word).unwrap_or("unhealthy")
}

fn stopped(status: &str, state: &Value, restarts: u64) -> String {
    let code = state["ExitCode"].as_i64().unwrap_or(0);
    let memory = if state["OOMKilled"] == true { " when its memory ran out" } else { "" };
    match status {
        "exited" => format!("exited with code {code}{memory}{}", at(state, "FinishedAt")),
        "restarting" => format!(
            "starts again and again, {restarts} times so far; last it exited with code {code}{memory}"
        ),
        "paused" => "paused".to_owned(),
        "created" => "created and never started".to_owned(),
        "removing" => "being removed".to_owned(),
        "dead" => "dead: the engine could not remove it whole".to_owned(),
        _ => "neither running nor in another state that is known".to_owned(),
    }
}

/// ` at 2026-01-01T00:00:00Z`, if the engine says it. The year 1 stands for never.
fn at(state: &Value, field: &str) -> String {
    let text = state[field].as_str().unwrap_or_default();
    match text.parse::<kuma_core::time::Timestamp>() {
        Ok(instant) if instant.as_second() > 0 => format!(" at {instant:.0}"),
        _ => String::new(),
    }
}

fn facts(container: &Value) -> Vec<(String, String)> {
    let state = &container["State"];
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let output = state["Health"]["Log"].as_array().and_then(|log| log.last());
    let output = output.map(|entry| text(&entry["Output"]));
    let facts = [
        ("container", text(&container["Name"]).trim_start_matches('/').to_owned()),
        ("id", text(&container["Id"])),
        ("image", text(&container["Config"]["Image"])),
        ("state", text(&state["Status"])),
        ("health", text(&state["Health"]["Status"])),
        ("health output", output.unwrap_or_default()),
        ("exit code", text(&state["ExitCode"])),
        ("error", text(&state["Error"])),
        ("out of memory", text(&state["OOMKilled"])),
        ("restarts", text(&container["RestartCount"])),
        ("started", text(&state["StartedAt"])),
        ("finished", text(&state["FinishedAt"])),
    ];
    facts
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), beginning(value.as_bytes())))
        .collect()
}

#[cfg(test)]
mod tests {
    use kuma_core::observation::Outcome;
    use serde_json::json;

    use super::*;

    fn say(container: &Value, require_healthy: bool) -> String {
        match judge(container, require_healthy) {
            Ok(message) => format!("up: {message}"),
            Err(Fault { outcome: Outcome::Failure(reason), message, .. }) => {
                format!("{reason}: {message}")
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_state_is_put_into_words() {
        let finished = "2026-05-04T03:02:01.123456789Z";
        let told: Vec<String> = [
            json!({"Status": "running"}),
            json!({"Status": "running", "Health": {"Status": "none"}}),
            json!({"Status": "running", "Health": {"Status": "healthy"}}),
            json!({"Status": "running", "Health": {"Status": "unhealthy", "FailingStreak": 4}}),
            json!({"Status": "running", "StartedAt": finished, "Health": {"Status": "starting"}}),
            json!({"Status": "exited", "ExitCode": 137, "OOMKilled": true, "FinishedAt": finished}),
            json!({"Status": "restarting", "ExitCode": 1}),
            json!({"Status": "paused"}),
            json!({"Status": "created", "FinishedAt": "0001-01-01T00:00:00Z"}),
            json!({"Status": "dead"}),
            json!({"Status": "\u{1b}[31m"}),
        ]
        .into_iter()
        .map(|state| say(&json!({"State": state, "RestartCount": 3}), true))
        .collect();
        insta::assert_snapshot!(told.join("\n"), @"
        up: running, without a health check, restarted 3 times
        up: running, without a health check, restarted 3 times
        up: running, healthy, restarted 3 times
        DOCKER_UNHEALTHY: unhealthy: the health check failed 4 times in a row, restarted 3 times
        DOCKER_UNHEALTHY: starting: no health check has succeeded since the start at 2026-05-04T03:02:01Z, restarted 3 times
        DOCKER_NOT_RUNNING: exited with code 137 when its memory ran out at 2026-05-04T03:02:01Z
        DOCKER_NOT_RUNNING: starts again and again, 3 times so far; last it exited with code 1
        DOCKER_NOT_RUNNING: paused
        DOCKER_NOT_RUNNING: created and never started
        DOCKER_NOT_RUNNING: dead: the engine could not remove it whole
        DOCKER_NOT_RUNNING: neither running nor in another state that is known
        ");
    }

    #[test]
    fn running_may_be_enough() {
        let sick = json!({"State": {"Status": "running", "Health": {"Status": "unhealthy"}}});
        assert_eq!(say(&sick, false), "up: running, unhealthy");
        assert!(say(&sick, true).starts_with("DOCKER_UNHEALTHY"));
    }

    #[test]
    fn what_describes_no_container_is_no_engine() {
        for strange in [json!(null), json!([]), json!({"State": "up"}), json!({"State": {}})] {
            assert!(say(&strange, true).starts_with("DOCKER_ENGINE"));
        }
    }
}
