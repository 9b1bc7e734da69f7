//! `group`.

use kuma_core::check::{Check, GroupCheck, GroupMembers, GroupRule};

use super::{Context, Part, missing};
use crate::convert::common::object_name;
use crate::kinds::monitor::{GroupRuleSpec, GroupTarget};

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let Some(target) = &part.target.group else {
        missing(context, part, "group");
        return None;
    };
    let at = part.path("group");
    let members = members(context, &at, target)?;
    Some(Check::Group(Box::new(GroupCheck {
        rule: rule(context, &at, target, &members)?,
        members,
        suppress_members: target.suppress_members.unwrap_or(false),
    })))
}

fn members(context: &mut Context<'_>, at: &str, target: &GroupTarget) -> Option<GroupMembers> {
    if let Some(list) = &target.members {
        let own = context.namespace().to_owned();
        let mut names = Vec::with_capacity(list.len());
        for reference in list {
            let name = object_name(reference, &own);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        return Some(GroupMembers::Names(names));
    }
    if target.selector.is_none() {
        context.error(at, "set either members or selector");
        return None;
    }
    let selector = context.selector(&format!("{at}.selector"), target.selector.as_ref());
    Some(GroupMembers::Selector(selector))
}

fn rule(
    context: &mut Context<'_>,
    at: &str,
    target: &GroupTarget,
    members: &GroupMembers,
) -> Option<GroupRule> {
    match target.rule {
        Some(GroupRuleSpec::Any) => Some(GroupRule::Any),
        Some(GroupRuleSpec::All) | None => Some(GroupRule::All),
        Some(GroupRuleSpec::AtLeast) => {
            let path = format!("{at}.atLeast");
            let Some(least) = target.at_least else {
                context.error(path, "rule atLeast needs the number atLeast");
                return None;
            };
            if let GroupMembers::Names(names) = members
                && u32::try_from(names.len()).unwrap_or(u32::MAX) < least
            {
                context.error(
                    path,
                    format!("the group has {} members, so it could never be up", names.len()),
                );
            }
            Some(GroupRule::AtLeast(least))
        }
    }
}
