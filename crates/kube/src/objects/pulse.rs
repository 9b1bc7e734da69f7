//! Whether the API server answers at all. A watch over a connection that is dead hears nothing for
//! a long time, just as one of objects that nobody changes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Error;
use kuma_core::time::Mono;

use super::World;
use super::follow::told;
use super::state::TOO_OLD;

/// How often it is asked.
const EVERY: Duration = Duration::from_secs(15);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of asking.
#[derive(Default)]
pub(super) struct Pulse {
    wanted: AtomicBool,
    /// Since when nothing was heard, and why.
    silent: Mutex<Option<(Mono, String)>>,
}

impl Pulse {
    /// Whether anybody wants to know.
    pub(super) fn wanted(&self, wanted: bool) {
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    /// Why what is known is too old to be handed out, if it is.
    pub(super) fn silent(&self, now: Mono) -> Option<String> {
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, why) = silent.as_ref()?;
        let age = now.since(*since);
        (age > TOO_OLD).then(|| format!("it has not answered for {} s: {why}", age.as_secs()))
    }

    /// Writes down what came of asking at `asked`.
    fn heard(&self, asked: Mono, trouble: Option<String>) {
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        match (trouble, silent.take()) {
            (None, None) => {}
            (None, Some(_)) => tracing::info!("the API server answers again"),
            (Some(why), None) => {
                tracing::warn!(
                    why,
                    "the API server does not answer; kubernetes checks will be unknown if it lasts"
                );
                *silent = Some((asked, why));
            }
            (Some(why), Some((since, _))) => *silent = Some((since, why)),
        }
    }
}

/// Asks for ever.
pub(super) async fn run(world: Arc<World>) {
    let mut beat = tokio::time::interval(EVERY);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        if !world.pulse.wanted.load(Ordering::Relaxed) {
            world.pulse.heard(world.clock.mono(), None);
            continue;
        }
        let asked = world.clock.mono();
        let trouble = match tokio::time::timeout(PATIENCE, world.client.apiserver_version()).await {
            // Whoever says no is there.
            Ok(Ok(_) | Err(Error::Api(_))) => None,
            Ok(Err(error)) => Some(told(&error)),
            Err(_) => Some(format!("no answer after {} s", PATIENCE.as_secs())),
        };
        world.pulse.heard(asked, trouble);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_from_the_first_question_without_an_answer() {
        let pulse = Pulse::default();
        let at = |seconds: u64| Mono(seconds * 1_000_000_000);
        assert_eq!(pulse.silent(at(1000)), None);
        pulse.heard(at(1000), Some("refused".to_owned()));
        pulse.heard(at(1015), Some("reset".to_owned()));
        assert_eq!(pulse.silent(at(1060)), None);
        assert_eq!(pulse.silent(at(1061)).unwrap(), "it has not answered for 61 s: reset");
        pulse.heard(at(1062), None);
        assert_eq!(pulse.silent(at(2000)), None);
    }
}
