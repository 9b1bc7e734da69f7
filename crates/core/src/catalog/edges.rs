//! What monitors have to do with each other: parents, groups, and cycles among them.

use std::collections::BTreeMap;

use super::build::Problems;
use super::expand::{Drafted, Expanded};
use super::matching::MatchIndex;
use super::tenants::not_granted;
use crate::check::{Check, GroupCheck, GroupMembers, GroupRule};
use crate::id::ObjectName;
use crate::object::Problem;

/// How many monitors of a cycle are named.
const NAMED: usize = 8;

/// By position of the monitor.
pub(super) struct Edges {
    pub(super) parents: Vec<Vec<usize>>,
    pub(super) children: Vec<Vec<usize>>,
    pub(super) members: Vec<Vec<usize>>,
    pub(super) groups: Vec<Vec<usize>>,
}

pub(super) fn connect(expanded: &Expanded, index: &MatchIndex, problems: &mut Problems) -> Edges {
    let count = expanded.monitors.len();
    let mut members = vec![Vec::new(); count];
    let mut parents = vec![Vec::new(); count];
    for (position, drafted) in expanded.monitors.iter().enumerate() {
        if let Check::Group(check) = &drafted.monitor.check {
            members[position] = members_of(position, drafted, check, expanded, index, problems);
        }
        for (i, parent) in drafted.monitor.depends_on.iter().enumerate() {
            let path = drafted.path(&format!("dependsOn[{i}]"));
            if let Some(parent) = refer(drafted, parent, path, index, problems) {
                add(&mut parents[position], parent);
            }
        }
    }
    // A group within itself could never be decided.
    drop_cycles(&mut members, expanded, "target.group.members", problems);
    for (position, drafted) in expanded.monitors.iter().enumerate() {
        if let Check::Group(check) = &drafted.monitor.check
            && check.suppress_members
        {
            for member in &members[position] {
                add(&mut parents[*member], position);
            }
        }
    }
    drop_cycles(&mut parents, expanded, "dependsOn", problems);
    let children = inverse(&parents);
    let groups = inverse(&members);
    Edges { parents, children, members, groups }
}

fn add(list: &mut Vec<usize>, position: usize) {
    if !list.contains(&position) {
        list.push(position);
    }
}

/// The position of a monitor that another refers to; warns if it may not or cannot.
fn refer(
    from: &Drafted,
    to: &ObjectName,
    path: String,
    index: &MatchIndex,
    problems: &mut Problems,
) -> Option<usize> {
    let own = &from.monitor.name.namespace;
    // In this order: who has no grant learns nothing of what is there.
    let problem = if !index.permits(own, &to.namespace) {
        not_granted(path, own, &to.namespace)
    } else if let Some(position) = index.position(to) {
        return Some(position);
    } else {
        Problem::missing_reference(path, format!("monitor {to} does not exist"))
    };
    problems.add(&from.object, problem);
    None
}

fn members_of(
    position: usize,
    drafted: &Drafted,
    check: &GroupCheck,
    expanded: &Expanded,
    index: &MatchIndex,
    problems: &mut Problems,
) -> Vec<usize> {
    let members = match &check.members {
        GroupMembers::Names(names) => {
            let mut members = Vec::with_capacity(names.len());
            for (i, name) in names.iter().enumerate() {
                let path = drafted.path(&format!("target.group.members[{i}]"));
                if let Some(member) = refer(drafted, name, path, index, problems) {
                    add(&mut members, member);
                }
            }
            members
        }
        GroupMembers::Selector(selector) => {
            let mut members = index.select(selector, &drafted.monitor.name.namespace);
            members.retain(|member| {
                let is_group = matches!(expanded.monitors[*member].monitor.check, Check::Group(_));
                *member != position && !is_group
            });
            members
        }
    };
    if let GroupRule::AtLeast(needed) = check.rule
        && members.len() < needed as usize
    {
        let why = format!("the group has {} members and can never be up", members.len());
        let path = drafted.path("target.group.atLeast");
        let problem = Problem::warning(path, why).with_value(needed.to_string());
        problems.add(&drafted.object, problem);
    }
    members
}

/// Removes the edges of every cycle and says so on all its members.
fn drop_cycles(
    edges: &mut [Vec<usize>],
    expanded: &Expanded,
    field: &str,
    problems: &mut Problems,
) {
    let component = components(edges);
    let mut sizes = vec![0_usize; edges.len()];
    for &of in &component {
        sizes[of] += 1;
    }
    let mut names: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (position, &of) in component.iter().enumerate() {
        if sizes[of] > 1 || edges[position].contains(&position) {
            let name = expanded.monitors[position].monitor.name.to_string();
            names.entry(of).or_default().push(name);
        }
    }
    if names.is_empty() {
        return;
    }
    for position in 0..edges.len() {
        let Some(cycle) = names.get(&component[position]) else {
            continue;
        };
        let mut listed = cycle.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        if cycle.len() > NAMED {
            listed.push_str(", …");
        }
        let drafted = &expanded.monitors[position];
        let why = format!("these depend on each other in a circle, which is ignored: {listed}");
        let problem =
            Problem::semantic(drafted.path(field), why).with_fix("remove one of the references");
        problems.add(&drafted.object, problem);
        edges[position].retain(|to| component[*to] != component[position]);
    }
}

fn inverse(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut inverse = vec![Vec::new(); edges.len()];
    for (from, targets) in edges.iter().enumerate() {
        for to in targets {
            inverse[*to].push(from);
        }
    }
    inverse
}

/// The strongly connected component of each node, named by one of its nodes (Tarjan's algorithm
/// without recursion: a chain of dependencies may be as long as there are monitors).
pub(super) fn components(edges: &[Vec<usize>]) -> Vec<usize> {
    const UNSEEN: usize = usize::MAX;
    let count = edges.len();
    let mut order = vec![UNSEEN; count];
    let mut low = vec![0; count];
    let mut component = vec![UNSEEN; count];
    let mut open = Vec::new();
    let mut seen = 0;
    for root in 0..count {
        if order[root] != UNSEEN {
            continue;
        }
        let mut path = vec![(root, 0_usize)];
        while let Some((node, edge)) = path.pop() {
            if edge == 0 {
                order[node] = seen;
                low[node] = seen;
                seen += 1;
                open.push(node);
            } else {
                let done = edges[node][edge - 1];
                if component[done] == UNSEEN {
                    low[node] = low[node].min(low[done]);
                }
            }
            if let Some(&to) = edges[node].get(edge) {
                path.push((node, edge + 1));
                if order[to] == UNSEEN {
                    path.push((to, 0));
                }
                continue;
            }
            if low[node] == order[node] {
                while let Some(member) = open.pop() {
                    component[member] = node;
                    if member == node {
                        break;
                    }
                }
            }
        }
    }
    component
}
