//! `docker`: what an engine says about one container (Docker Engine API, "Inspect a container").
//! An engine that cannot be asked is told apart from a container in trouble.

mod engine;
mod state;

use kuma_core::check::DockerCheck;

use crate::attempt::{Attempt, Verdict};

/// Asks the engine and judges the container's state.
pub(crate) async fn run(attempt: &mut Attempt<'_>, check: &DockerCheck) -> Verdict {
    let container = engine::inspect(attempt, check).await?;
    state::judge(&container, check.require_healthy)
}
