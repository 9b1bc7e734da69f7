//! `group`: other monitors together, evaluated when a member changes.

use crate::id::ObjectName;
use crate::selector::Selector;

/// Who belongs to a group.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupMembers {
    /// By name.
    Names(Vec<ObjectName>),
    /// By selector; the group itself and other groups are never matched.
    Selector(Selector),
}

/// When a group is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupRule {
    /// Every member is up.
    All,
    /// One member is.
    Any,
    /// At least so many are.
    AtLeast(u32),
}

/// Several monitors seen as one.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupCheck {
    /// Who belongs to it.
    pub members: GroupMembers,
    /// When it is up.
    pub rule: GroupRule,
    /// Whether an announced down of the group keeps its members' downs quiet.
    pub suppress_members: bool,
}

impl GroupCheck {
    /// The rule in words.
    pub fn target(&self) -> String {
        let rule = match self.rule {
            GroupRule::All => "all".to_owned(),
            GroupRule::Any => "any".to_owned(),
            GroupRule::AtLeast(n) => format!("at least {n}"),
        };
        match &self.members {
            GroupMembers::Names(names) => format!("{rule} of {} members", names.len()),
            GroupMembers::Selector(_) => format!("{rule} of the selected members"),
        }
    }
}
