//! How the watch of each kind stands, and what a person is told of it.

use std::collections::BTreeMap;

use kuma_core::id::Kind;

use super::Scope;
use crate::client::{Fault, resource};

/// How the watch of one kind stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Standing {
    /// Whether a start need not wait for the kind: a list of it has come to its end, or was
    /// refused in a way that only a person can mend. Stays so.
    pub(super) settled: bool,
    /// Why the kind cannot be read now.
    pub(super) fault: Option<Fault>,
}

impl Standing {
    /// Whether a person would be told the same. What exactly an API server says while it is away
    /// or starting changes by the second.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let alike = match (&self.fault, &other.fault) {
            (Some(Fault::Away(_)), Some(Fault::Away(_))) => true,
            (one, other) => one == other,
        };
        alike && self.settled == other.settled
    }

    /// How it stands after this: a list that came to its end, or why the kind cannot be read.
    pub(super) fn after(&self, listed: bool, fault: Option<Fault>) -> Self {
        let refused = matches!(fault, Some(Fault::Forbidden | Fault::Missing));
        Self { settled: self.settled || listed || refused, fault }
    }
}

/// What to tell of all kinds, each thing once.
pub(super) fn remarks(
    standings: &BTreeMap<Kind, Standing>,
    scope: &Scope,
    server: &str,
) -> Vec<String> {
    let mut missing = Vec::new();
    let mut forbidden: BTreeMap<(bool, String), Vec<Kind>> = BTreeMap::new();
    let mut away = Vec::new();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (kind, standing) in standings {
        match &standing.fault {
            Some(Fault::Missing) => missing.push(*kind),
            Some(Fault::Forbidden) => {
                // A Role permits nothing outside of namespaces.
                let apart = matches!(scope, Scope::Namespace(_)) && kind.is_cluster_scoped();
                forbidden.entry((apart, resource(*kind).group)).or_default().push(*kind);
            }
            Some(Fault::Away(why)) => {
                away.push(*kind);
                *reasons.entry(why).or_default() += 1;
            }
            Some(Fault::Conflict | Fault::Expired) | None => {}
        }
    }
    let why = reasons.into_iter().max_by_key(|(_, kinds)| *kinds).map(|(why, _)| why);
    let away = why.map(|why| {
        let all = away.len() == standings.len();
        let what = if all { "any object".to_owned() } else { names(&away) };
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
        forbidden.into_iter().map(|((_, group), kinds)| forbidden_text(&group, &kinds, scope));
    away.into_iter().chain(missing).chain(forbidden).collect()
}

/// What is done without where a refusal is to be expected: a Role permits nothing outside of
/// namespaces, and these two kinds are not needed.
pub(super) fn done_without(
    kind: Kind,
    fault: Option<&Fault>,
    scope: &Scope,
) -> Option<&'static str> {
    match (kind, fault, scope) {
        (Kind::KubeKumaSettings, Some(Fault::Forbidden), Scope::Namespace(_)) => {
            Some("the defaults of all settings are in force")
        }
        (Kind::Namespace, Some(Fault::Forbidden), Scope::Namespace(_)) => {
            Some("annotations of the Namespace count as not set")
        }
        _ => None,
    }
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
            .map(|(kind, fault)| (*kind, Standing { settled: false, fault: fault.clone() }));
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
        let starting = Some(Fault::Away("503: starting".to_owned()));
        let mixed = [faults[0].clone(), faults[1].clone(), (Kind::ApiKey, starting)];
        assert_eq!(told(&mixed, &Scope::Cluster), told(&faults, &Scope::Cluster));
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
            namespaced[1].contains("resourceNames: [shop]")
                && namespaced[1].contains("a ClusterRole")
        );
        assert!(namespaced[0].contains("the Role in namespace shop"));
        let both = [
            (Kind::Monitor, Some(Fault::Forbidden)),
            (Kind::KubeKumaSettings, Some(Fault::Forbidden)),
        ];
        let both = told(&both, &Scope::Namespace("shop".to_owned()));
        assert!(both[0].contains("resources: [monitors], verbs"), "{both:?}");
        assert!(both[1].contains("[kubekumasettings], resourceNames: [kubekuma]"), "{both:?}");
    }

    #[test]
    fn only_what_a_role_cannot_permit_is_done_without() {
        let one = Scope::Namespace("shop".to_owned());
        let refused = Some(&Fault::Forbidden);
        for kind in [Kind::KubeKumaSettings, Kind::Namespace] {
            assert!(done_without(kind, refused, &one).is_some());
            assert!(done_without(kind, refused, &Scope::Cluster).is_none());
            assert!(done_without(kind, Some(&Fault::Missing), &one).is_none());
            assert!(done_without(kind, None, &one).is_none());
        }
        assert!(done_without(Kind::Monitor, refused, &one).is_none());
    }

    #[test]
    fn another_word_for_being_away_is_no_news() {
        let away = |why: &str| Standing { settled: true, fault: Some(Fault::Away(why.to_owned())) };
        let well = Standing { settled: true, fault: None };
        assert!(away("refused").is_like(&away("reset")));
        assert!(!away("refused").is_like(&well) && !well.is_like(&Standing::default()));
    }

    #[test]
    fn a_start_waits_for_lists_and_not_for_people() {
        let away = Some(Fault::Away(String::new()));
        let new = Standing::default();
        assert!(!new.settled && !new.after(false, None).settled);
        assert!(!new.after(false, away.clone()).settled);
        assert!(new.after(true, None).after(false, away).settled);
        for refused in [Fault::Forbidden, Fault::Missing] {
            // Once it is permitted, the list is still to come; but nobody waits for it again.
            assert!(new.after(false, Some(refused)).after(false, None).settled);
        }
    }
}
