//! Selectors.

use std::collections::BTreeMap;

use kuma_core::object::Problem;
use kuma_core::selector::{NameMatch, NamePattern, Selector};
use kuma_expr::Glob;

use super::Context;
use crate::kinds::common::{MonitorSelector, NameSelector};

impl Context<'_> {
    /// A selector; an absent one has no lists.
    pub(super) fn selector(&mut self, at: &str, spec: Option<&MonitorSelector>) -> Selector {
        let Some(spec) = spec else {
            return Selector::default();
        };
        Selector {
            namespaces: spec.match_namespaces.clone().unwrap_or_default(),
            labels: spec.match_labels.clone().unwrap_or_else(BTreeMap::new),
            tags: spec.match_tags.clone().unwrap_or_default(),
            names: self.names(at, spec.match_names.as_deref().unwrap_or_default()),
        }
    }

    /// The entries of `matchNames`.
    pub(super) fn names(&mut self, at: &str, entries: &[NameSelector]) -> Vec<NameMatch> {
        entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| self.name(&format!("{at}.matchNames[{index}]"), entry))
            .collect()
    }

    fn name(&mut self, at: &str, entry: &NameSelector) -> Option<NameMatch> {
        let path = format!("{at}.pattern");
        let name = match (&entry.name, &entry.pattern) {
            (Some(name), _) => NamePattern::Exact(name.clone()),
            (None, Some(source)) if entry.regex == Some(true) => {
                NamePattern::Regex(self.pattern(&path, source)?)
            }
            (None, Some(source)) => match Glob::compile(source) {
                Ok(glob) => NamePattern::Glob(glob),
                Err(error) => {
                    self.push(
                        Problem::semantic(path, format!("this pattern cannot be used: {error}"))
                            .with_value(source)
                            .with_fix("use * and ?, or set regex: true for a regular expression"),
                    );
                    return None;
                }
            },
            (None, None) => {
                self.error(at, "set either name or pattern");
                return None;
            }
        };
        Some(NameMatch { namespace: entry.namespace.clone(), name })
    }
}
