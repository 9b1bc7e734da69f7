//! Which monitors an object means (`crds.md`, Selector).

use std::collections::BTreeMap;

use kuma_expr::{Glob, Pattern};

use crate::id::ObjectName;

/// How a name is matched.
#[derive(Debug, Clone, PartialEq)]
pub enum NamePattern {
    /// Exactly.
    Exact(String),
    /// `*`, `?`, `[…]`.
    Glob(Glob),
    /// A regular expression, anchored by its author.
    Regex(Pattern),
}

/// One entry of `matchNames`.
#[derive(Debug, Clone, PartialEq)]
pub struct NameMatch {
    /// The namespace meant; none means whatever the selector's namespaces are.
    pub namespace: Option<String>,
    /// The name.
    pub name: NamePattern,
}

/// Entries of one list are OR, lists are AND; an absent list matches everything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selector {
    /// Namespaces by name.
    pub namespaces: Vec<String>,
    /// Labels that must all be there.
    pub labels: BTreeMap<String, String>,
    /// Tags of which one must be there.
    pub tags: Vec<String>,
    /// Names of which one must match.
    pub names: Vec<NameMatch>,
}

/// What a selector looks at.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The monitor's name.
    pub name: &'a ObjectName,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// Its tags.
    pub tags: &'a [String],
}

/// Where a selector is used from.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Namespace of the object that holds the selector.
    pub own: &'a str,
    /// `KUBE_NAMESPACE`; objects there mean all namespaces unless they name some.
    pub system: &'a str,
}

impl NamePattern {
    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(text) => text == name,
            Self::Glob(glob) => glob.is_match(name),
            Self::Regex(pattern) => pattern.is_match(name),
        }
    }
}

impl Selector {
    /// Whether the candidate is meant. Grants between namespaces are the catalog's business.
    pub fn matches(&self, candidate: Candidate<'_>, scope: Scope<'_>) -> bool {
        let namespace = &*candidate.name.namespace;
        let named_elsewhere = self.names.iter().any(|entry| entry.namespace.is_some());
        let namespace_fits = if self.namespaces.is_empty() {
            named_elsewhere || scope.own == scope.system || scope.own == namespace
        } else {
            self.namespaces.iter().any(|wanted| wanted == namespace)
        };
        namespace_fits
            && self.labels.iter().all(|(key, value)| candidate.labels.get(key) == Some(value))
            && (self.tags.is_empty() || self.tags.iter().any(|tag| candidate.tags.contains(tag)))
            && (self.names.is_empty()
                || self.names.iter().any(|entry| {
                    let fits = match &entry.namespace {
                        Some(wanted) => wanted == namespace,
                        // An entry without a namespace still means the object's own ones.
                        None => {
                            !self.namespaces.is_empty()
                                || scope.own == scope.system
                                || scope.own == namespace
                        }
                    };
                    fits && entry.name.matches(&candidate.name.name)
                }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(selector: &Selector, name: &str, own: &str) -> bool {
        let name: ObjectName = name.parse().unwrap();
        let labels = BTreeMap::from([("tier".to_owned(), "critical".to_owned())]);
        let tags = ["api".to_owned()];
        selector.matches(
            Candidate { name: &name, labels: &labels, tags: &tags },
            Scope { own, system: "kubekuma" },
        )
    }

    #[test]
    fn an_empty_selector_means_its_own_namespace_or_all_from_the_system_namespace() {
        let all = Selector::default();
        assert!(hit(&all, "shop/api", "shop"));
        assert!(!hit(&all, "shop/api", "bank"));
        assert!(hit(&all, "shop/api", "kubekuma"));
    }

    #[test]
    fn lists_are_and_entries_are_or() {
        let mut selector =
            Selector { namespaces: vec!["bank".into(), "shop".into()], ..Selector::default() };
        assert!(hit(&selector, "shop/api", "elsewhere"));
        selector.tags = vec!["web".into(), "api".into()];
        assert!(hit(&selector, "shop/api", "elsewhere"));
        selector.labels.insert("tier".into(), "low".into());
        assert!(!hit(&selector, "shop/api", "elsewhere"));
    }

    #[test]
    fn names_may_name_their_namespace() {
        let selector = Selector {
            names: vec![
                NameMatch {
                    namespace: Some("shop".into()),
                    name: NamePattern::Glob(Glob::compile("api*").unwrap()),
                },
                NameMatch { namespace: None, name: NamePattern::Exact("own".into()) },
            ],
            ..Selector::default()
        };
        assert!(hit(&selector, "shop/api-1", "bank"));
        assert!(hit(&selector, "bank/own", "bank"));
        assert!(!hit(&selector, "shop/own", "bank"));
        assert!(!hit(&selector, "other/api-1", "bank"));
    }
}
