//! How the watch of each kind stands, and what a person is told of it.

use std::collections::BTreeMap;

use kuma_core::id::Kind;

use super::Scope;
use crate::client::{Fault, resource};

/// How the watch of one kind stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Standing {
    /// Whether a list of the kind has come to its end since the start.
    pub(super) listed: bool,
    /// Why the kind cannot be read now.
    pub(super) fault: Option<Fault>,
}

impl Standing {
    /// Whether nothing more is to be expected of a start: everything is there, or a person has to
    /// do something first.
    pub(super) fn is_settled(&self) -> bool {
        self.listed || matches!(self.fault, Some(Fault::Forbidden | Fault::Missing))
    }
}

/// What to tell of all kinds, each thing once.
pub(super) fn remarks(
    standings: &BTreeMap<Kind, Standing>,
    scope: &Scope,
    server: &str,
) -> Vec<String> {
    let mut missing = Vec::new();
    let mut forbidden: BTreeMap<String, Vec<Kind>> = BTreeMap::new();
    let mut away: BTreeMap<&str, Vec<Kind>> = BTreeMap::new();
    for (kind, standing) in standings {
        match &standing.fault {
            Some(Fault::Missing) => missing.push(*kind),
            Some(Fault::Forbidden) => {
                forbidden.entry(resource(*kind).group).or_default().push(*kind);
            }
            Some(Fault::Away(why)) => away.entry(why).or_default().push(*kind),
            Some(Fault::Conflict | Fault::Expired) | None => {}
        }
    }
    let all = standings.len();
    let away = away.into_iter().map(|(why, kinds)| {
        let what = if kinds.len() == all { "any object".to_owned() } else { names(&kinds) };
        format!(
            "{what} cannot be read from the API server at {server}: {why}; what was read last \
             stays in force"
        )
    });
    let missing = (!missing.is_empty()).then(|| {
        format!(
            "the API server at {server} does not know {}; install deploy/crds \
             (`kubectl apply --server-side -f deploy/crds`)",
            names(&missing)
        )
    });
    let forbidden =
        forbidden.into_iter().map(|(group, kinds)| forbidden_text(&group, &kinds, scope));
    away.chain(missing).chain(forbidden).collect()
}

fn forbidden_text(group: &str, kinds: &[Kind], scope: &Scope) -> String {
    let plurals: Vec<_> = kinds.iter().map(|kind| resource(*kind).plural).collect();
    let (role, names_of) = match scope {
        Scope::Namespace(namespace) if kinds.iter().all(|kind| !kind.is_cluster_scoped()) => {
            (format!("the Role in namespace {namespace}"), String::new())
        }
        Scope::Namespace(namespace) => {
            let one = kinds.iter().map(|kind| match kind {
                Kind::Namespace => namespace.as_str(),
                _ => "kubekuma",
            });
            let one: Vec<_> = one.collect();
            ("a ClusterRole".to_owned(), format!(", resourceNames: [{}]", one.join(", ")))
        }
        Scope::Cluster => ("the ClusterRole".to_owned(), String::new()),
    };
    format!(
        "RBAC forbids reading {}: add the rule {{apiGroups: [\"{group}\"], resources: [{}]{names_of}, \
         verbs: [get, list, watch]}} to {role} of KubeKuma's ServiceAccount",
        names(kinds),
        plurals.join(", ")
    )
}

fn names(kinds: &[Kind]) -> String {
    let names: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(faults: &[(Kind, Option<Fault>)], scope: &Scope) -> Vec<String> {
        let standings = faults
            .iter()
            .map(|(kind, fault)| (*kind, Standing { listed: false, fault: fault.clone() }));
        remarks(&standings.collect(), scope, "https://kubernetes")
    }

    #[test]
    fn an_api_server_that_is_away_is_one_remark() {
        let away = || Some(Fault::Away("connection refused".to_owned()));
        let faults = [(Kind::Monitor, away()), (Kind::Silence, away())];
        assert_eq!(
            told(&faults, &Scope::Cluster),
            ["any object cannot be read from the API server at https://kubernetes: connection \
              refused; what was read last stays in force"]
        );
        let part = [(Kind::Monitor, away()), (Kind::Silence, None)];
        assert!(told(&part, &Scope::Cluster)[0].starts_with("Monitor cannot be read"));
    }

    #[test]
    fn kinds_that_are_not_installed_say_what_to_install() {
        let faults = [(Kind::Monitor, Some(Fault::Missing)), (Kind::ApiKey, Some(Fault::Missing))];
        assert_eq!(
            told(&faults, &Scope::Cluster),
            ["the API server at https://kubernetes does not know Monitor and ApiKey; install \
              deploy/crds (`kubectl apply --server-side -f deploy/crds`)"]
        );
    }

    #[test]
    fn what_rbac_forbids_comes_with_the_rule_to_add() {
        let faults =
            [(Kind::Monitor, Some(Fault::Forbidden)), (Kind::Namespace, Some(Fault::Forbidden))];
        assert_eq!(
            told(&faults, &Scope::Cluster),
            [
                "RBAC forbids reading Namespace: add the rule {apiGroups: [\"\"], resources: \
                 [namespaces], verbs: [get, list, watch]} to the ClusterRole of KubeKuma's \
                 ServiceAccount",
                "RBAC forbids reading Monitor: add the rule {apiGroups: \
                 [\"monitoring.kubekuma.io\"], resources: [monitors], verbs: [get, list, watch]} \
                 to the ClusterRole of KubeKuma's ServiceAccount",
            ]
        );
        let namespaced = told(&faults, &Scope::Namespace("shop".to_owned()));
        assert!(
            namespaced[0].contains("resourceNames: [shop]")
                && namespaced[0].contains("a ClusterRole")
        );
        assert!(namespaced[1].contains("the Role in namespace shop"));
    }

    #[test]
    fn a_start_waits_for_lists_and_not_for_people() {
        let standing = |listed, fault| Standing { listed, fault }.is_settled();
        assert!(!standing(false, None));
        assert!(!standing(false, Some(Fault::Away(String::new()))));
        assert!(standing(true, Some(Fault::Away(String::new()))));
        assert!(standing(false, Some(Fault::Forbidden)) && standing(false, Some(Fault::Missing)));
    }
}
