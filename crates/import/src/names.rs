//! Names that Kubernetes accepts, made of names that people gave.

use std::collections::BTreeSet;

use kuma_core::id::Kind;

/// Longest name made, so that there is room for what is put before or after it.
const MAX: usize = 48;

/// The names given so far.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeSet<(Kind, String)>);

impl Names {
    /// A name of this kind that nobody has yet: lower-case letters, digits and dashes of `wanted`,
    /// with a number behind it where that is taken.
    pub(crate) fn unique(&mut self, kind: Kind, wanted: &str) -> String {
        let base = slug(wanted);
        let base = if base.is_empty() { kind.as_str().to_lowercase() } else { base };
        let numbered = (2..).map(|number| format!("{base}-{number}"));
        let mut candidates = std::iter::once(base.clone()).chain(numbered);
        let free = candidates.find(|name| !self.0.contains(&(kind, name.clone())));
        let name = free.unwrap_or(base);
        self.0.insert((kind, name.clone()));
        name
    }
}

/// Letters and digits in lower case, everything else as single dashes between them.
pub(crate) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if slug.len() >= MAX {
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_taken_once() {
        let mut names = Names::default();
        let mut name = |wanted: &str| names.unique(Kind::Monitor, wanted);
        assert_eq!(name("My Shop (EU)"), "my-shop-eu");
        assert_eq!(name("my shop eu!"), "my-shop-eu-2");
        assert_eq!(name("../../etc/passwd"), "etc-passwd");
        assert_eq!(name("監視"), "monitor");
        assert_eq!(name("監視 2"), "2");
        assert_eq!(name("ü"), "monitor-2");
        assert_eq!(name(&"x".repeat(300)).len(), MAX);
        assert_eq!(names.unique(Kind::StatusPage, "My Shop EU"), "my-shop-eu");
    }
}
