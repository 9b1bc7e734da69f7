//! Which watches there have to be for what monitors look at.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use kuma_core::check::kubernetes::{LabelSelector, ObjectChoice, ObjectKind, ObjectQuery};

/// How many objects of one kind and namespace are watched by name. Each is a connection to the API
/// server; beyond this one watch of the whole namespace costs both sides less.
const MOST_BY_NAME: usize = 8;

/// What one watch takes in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scope {
    pub(super) kind: ObjectKind,
    pub(super) namespace: String,
    pub(super) cluster_scoped: bool,
    pub(super) which: Which,
}

/// Which objects it takes in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Which {
    /// One.
    Name(String),
    /// All that have these labels.
    Labels(LabelSelector),
    /// All that there are, of which these are kept.
    Names(BTreeSet<String>),
}

impl Scope {
    /// The field selector that the API server is asked with.
    pub(super) fn fields(&self) -> Option<String> {
        match &self.which {
            Which::Name(name) => Some(format!("metadata.name={name}")),
            Which::Labels(_) | Which::Names(_) => None,
        }
    }

    /// The label selector that the API server is asked with.
    pub(super) fn labels(&self) -> Option<String> {
        match &self.which {
            Which::Labels(selector) => Some(selector.to_string()),
            Which::Name(_) | Which::Names(_) => None,
        }
    }

    /// Whether an object that the API server sends is kept.
    pub(super) fn keeps(&self, name: &str) -> bool {
        match &self.which {
            Which::Names(names) => names.contains(name),
            Which::Name(_) | Which::Labels(_) => true,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/", self.kind, self.namespace)?;
        match &self.which {
            Which::Name(name) => f.write_str(name),
            Which::Labels(selector) => write!(f, "{selector}"),
            Which::Names(names) => write!(f, "({} by name)", names.len()),
        }
    }
}

/// The watches, and whom each serves.
pub(super) fn plan(queries: &BTreeSet<ObjectQuery>) -> BTreeMap<Scope, BTreeSet<ObjectQuery>> {
    let mut plan: BTreeMap<Scope, BTreeSet<ObjectQuery>> = BTreeMap::new();
    let mut named: BTreeMap<Place<'_>, BTreeMap<&str, Vec<&ObjectQuery>>> = BTreeMap::new();
    for query in queries {
        match &query.which {
            ObjectChoice::Name(name) => {
                named.entry(place(query)).or_default().entry(name).or_default().push(query);
            }
            ObjectChoice::Labels(selector) => {
                let scope = scope(place(query), Which::Labels(selector.clone()));
                plan.entry(scope).or_default().insert(query.clone());
            }
        }
    }
    for (place, names) in named {
        if names.len() > MOST_BY_NAME {
            let which = Which::Names(names.keys().map(|name| (*name).to_owned()).collect());
            plan.insert(scope(place, which), names.into_values().flatten().cloned().collect());
            continue;
        }
        for (name, queries) in names {
            let scope = scope(place, Which::Name(name.to_owned()));
            plan.insert(scope, queries.into_iter().cloned().collect());
        }
    }
    plan
}

fn scope((kind, namespace, cluster_scoped): Place<'_>, which: Which) -> Scope {
    Scope { kind: kind.clone(), namespace: namespace.to_owned(), cluster_scoped, which }
}

/// Where objects are: what a watch can take in at most.
type Place<'a> = (&'a ObjectKind, &'a str, bool);

fn place(query: &ObjectQuery) -> Place<'_> {
    (&query.kind, namespace(query), query.cluster_scoped)
}

/// The namespace, where it makes a difference: monitors of several namespaces that look at the same
/// Node share a watch.
fn namespace(query: &ObjectQuery) -> &str {
    let kind = &query.kind;
    let of_cluster = kind.is("", "Node") || kind.is("", "PersistentVolume");
    if of_cluster && query.cluster_scoped { "" } else { &query.namespace }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(kind: &str, namespace: &str, which: ObjectChoice) -> ObjectQuery {
        ObjectQuery {
            kind: ObjectKind::new("", "v1", kind),
            namespace: namespace.to_owned(),
            which,
            cluster_scoped: true,
        }
    }

    fn named(kind: &str, namespace: &str, name: &str) -> ObjectQuery {
        query(kind, namespace, ObjectChoice::Name(name.to_owned()))
    }

    fn shown(queries: impl IntoIterator<Item = ObjectQuery>) -> Vec<String> {
        let plan = plan(&queries.into_iter().collect());
        plan.iter().map(|(scope, of)| format!("{scope} for {}", of.len())).collect()
    }

    #[test]
    fn exactly_what_is_asked_is_watched() {
        let web = query("Pod", "shop", ObjectChoice::Labels("app=web".parse().unwrap()));
        assert_eq!(
            shown([named("Pod", "shop", "a"), named("Pod", "bank", "a"), web]),
            ["v1 Pod bank/a for 1", "v1 Pod shop/a for 1", "v1 Pod shop/app=web for 1"]
        );
        assert!(shown([]).is_empty());
    }

    #[test]
    fn many_names_of_one_place_share_a_watch() {
        let few: Vec<_> = (0..8).map(|it| named("Pod", "shop", &format!("p{it}"))).collect();
        assert_eq!(shown(few.clone()).len(), 8);
        let many = few.into_iter().chain([named("Pod", "shop", "one-more")]);
        assert_eq!(shown(many), ["v1 Pod shop/(9 by name) for 9"]);
    }

    #[test]
    fn objects_of_the_cluster_are_the_same_from_every_namespace() {
        let mut tenant = named("Node", "bank", "n1");
        tenant.cluster_scoped = false;
        let queries = [named("Node", "shop", "n1"), named("Node", "kubekuma", "n1"), tenant];
        assert_eq!(shown(queries), ["v1 Node /n1 for 2", "v1 Node bank/n1 for 1"]);
    }
}
