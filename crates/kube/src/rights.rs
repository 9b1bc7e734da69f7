//! What the API server must let us do, written as the rule of a Role that somebody can paste.

use std::fmt;

use crate::surroundings::Resource;

/// A rule of a Role or ClusterRole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    resource: Resource,
    verbs: &'static str,
}

impl Rule {
    /// What it takes to watch objects.
    pub const fn to_watch(resource: Resource) -> Self {
        Self { resource, verbs: "get, list, watch" }
    }

    /// What it takes to own objects: to see those that are there, to write them and to clean up.
    pub const fn to_write(resource: Resource) -> Self {
        Self { resource, verbs: "get, list, watch, create, patch, delete" }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = match self.resource.group() {
            "" => "\"\"",
            group => group,
        };
        let (plural, verbs) = (self.resource.plural(), self.verbs);
        write!(f, "{{apiGroups: [{group}], resources: [{plural}], verbs: [{verbs}]}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_can_be_pasted_into_a_role() {
        assert_eq!(
            Rule::to_watch(Resource::Service).to_string(),
            "{apiGroups: [\"\"], resources: [services], verbs: [get, list, watch]}"
        );
        assert_eq!(
            Rule::to_write(Resource::HttpRoute).to_string(),
            "{apiGroups: [gateway.networking.k8s.io], resources: [httproutes], \
             verbs: [get, list, watch, create, patch, delete]}"
        );
    }
}
