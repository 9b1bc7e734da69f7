//! What discovery says: suggestions, what it left out and why, and what people should mend.

use std::collections::BTreeSet;

use kuma_core::id::ObjectName;
use kuma_core::object::Problem;
use serde::Serialize;
use serde_json::Value;

use crate::surroundings::{Found, Owner};

/// The object that something was read from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Source {
    /// Its kind.
    pub kind: String,
    /// Its namespace and name.
    pub name: ObjectName,
}

impl Source {
    /// The object as a source.
    pub fn of(found: &Found) -> Self {
        Self { kind: found.resource.kind().to_owned(), name: found.name.clone() }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// A Monitor that could be.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    /// The Monitor's name; always the same for the same address of the same object.
    pub name: ObjectName,
    /// The object it is read from.
    pub source: Source,
    /// What would be checked.
    pub target: String,
    /// Why, as one sentence.
    pub why: String,
    /// Whether `writeCrds` creates it: not for a Service that does not ask for it.
    pub eligible: bool,
    /// Whether discovery has created it.
    pub written: bool,
    /// `spec` of the Monitor.
    pub spec: Value,
    /// Who would own it.
    #[serde(skip)]
    pub owner: Owner,
}

/// Something that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The object.
    pub source: Source,
    /// Why.
    pub why: String,
}

/// Something that a person should mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The object.
    pub source: Source,
    /// What is wrong.
    pub problem: Problem,
}

/// All that discovery has to say.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Discovery {
    /// What could be monitored, by namespace and name.
    pub suggestions: Vec<Suggestion>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
    /// What people should mend.
    pub notices: Vec<Notice>,
    /// Identities of objects that cannot be read as they are; what was written for them stays.
    #[serde(skip)]
    pub troubled: BTreeSet<String>,
}
