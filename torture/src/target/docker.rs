//! The target of type docker: a container of a real engine of the run's own.

use kuma_fixture::DockerServer;
use serde_json::json;

use super::{Target, World, spec, target};
use crate::evidence::Certainty::Must;

const NAME: &str = "job";
/// What makes the container bad and what makes it well again, each a command of `docker`.
const WAYS: &[(&str, &str, &str)] = &[("killed", "kill", "start"), ("paused", "pause", "unpause")];

pub(super) fn container(_: &World) -> Target {
    let engine = DockerServer::start();
    engine.container(NAME, &[], &["sleep", "86400"]);
    let socket = format!("unix://{}", engine.socket().display());
    let at = json!({ "container": NAME, "engine": socket });
    let hows = WAYS.iter().map(|(how, _, _)| (*how, Must)).collect();
    let mut back = None;
    let act = Box::new(move |how: Option<usize>| {
        let way = how.and_then(|how| WAYS.get(how));
        let command = way.map(|(_, bad, _)| *bad).or_else(|| back.take());
        if let Some(command) = command {
            engine.run(&[command, NAME]);
        }
        back = way.map(|(_, _, well)| *well);
    });
    // The engine takes a moment for what it is told.
    Target { found_within: 7_000, ..target("docker", spec("docker", &at, None), hows, act) }
}
