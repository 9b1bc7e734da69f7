//! How a stage of an attempt ends when it does not succeed.

use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;
use kuma_core::secret::SecretError;

use crate::resolve::ResolveError;

/// A failed stage: whose fault, a sentence, and facts for a person.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Failure or no verdict; never a success.
    pub(crate) outcome: Outcome,
    /// One sentence.
    pub(crate) message: String,
    /// Facts in the order in which they should be read.
    pub(crate) facts: Vec<(String, String)>,
}

impl Fault {
    /// The target's fault.
    pub(crate) fn target(reason: Reason, message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failure(reason), message: message.into(), facts: Vec::new() }
    }

    /// Our own fault: no verdict.
    pub(crate) fn ours(reason: Reason, message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Indeterminate(reason), message: message.into(), facts: Vec::new() }
    }

    /// Adds a fact.
    #[must_use]
    pub(crate) fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.facts.push((name.into(), value.into()));
        self
    }

    /// Adds facts after those it has.
    #[must_use]
    pub(crate) fn with_all(mut self, facts: Vec<(String, String)>) -> Self {
        self.facts.extend(facts);
        self
    }
}

impl From<SecretError> for Fault {
    fn from(error: SecretError) -> Self {
        Self::ours(Reason::SecretMissing, error.to_string())
    }
}

impl From<ResolveError> for Fault {
    fn from(error: ResolveError) -> Self {
        Self { outcome: error.outcome(), message: error.to_string(), facts: Vec::new() }
    }
}
