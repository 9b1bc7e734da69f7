//! `target.group`: other monitors together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;
use crate::kinds::common::{MonitorSelector, ObjectRef};

/// Other monitors together, evaluated when one of them changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    ("has(self.members) != has(self.selector)", "set either members or selector"),
    (
        "(has(self.rule) && self.rule == 'atLeast') == has(self.atLeast)",
        "rule atLeast and the number atLeast need each other",
    ),
])))]
pub struct GroupTarget {
    /// Members by name.
    #[schemars(length(min = 1, max = 500))]
    pub members: Option<Vec<ObjectRef>>,
    /// Members by selector; other groups are never members.
    pub selector: Option<MonitorSelector>,
    /// When the group is up. Default: `all`.
    pub rule: Option<GroupRuleSpec>,
    /// How many members must be up, for rule `atLeast`.
    #[schemars(range(min = 1, max = 10_000))]
    pub at_least: Option<u32>,
    /// Whether an announced down of the group keeps its members' downs quiet.
    /// Default: `false`.
    pub suppress_members: Option<bool>,
}

/// When a group is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum GroupRuleSpec {
    /// Every member is up.
    All,
    /// One member is.
    Any,
    /// `atLeast` members are.
    AtLeast,
}
