//! A problem and where it is.

use std::path::{Path, PathBuf};

use kuma_core::id::ObjectKey;
use kuma_core::object::{Problem, ProblemClass, Severity};
use serde::{Deserialize, Serialize};

use crate::document::{Location, Prefer, Spans};

/// A problem of a file, located.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// Where in it.
    pub location: Location,
    /// The object it concerns, if that is known.
    pub object: Option<ObjectKey>,
    /// What is wrong.
    pub problem: Problem,
}

impl Finding {
    /// Locates a problem of an object that is at `prefix` of a document (empty for a document
    /// of its own). What is said about a value points to the value, all else to the key.
    pub(super) fn new(
        file: &Path,
        object: Option<&ObjectKey>,
        mut problem: Problem,
        spans: &Spans,
        prefix: &str,
    ) -> Self {
        let prefer = if problem.value.is_some() { Prefer::Value } else { Prefer::Key };
        let path = match (prefix.is_empty(), problem.path.is_empty()) {
            (true, _) => problem.path.clone(),
            (false, true) => prefix.to_owned(),
            (false, false) => format!("{prefix}.{}", problem.path),
        };
        if is_sensitive(&problem.path) {
            problem.value = None;
        }
        Self {
            file: file.to_path_buf(),
            location: spans.find(&path, prefer),
            object: object.cloned(),
            problem,
        }
    }

    /// A problem of a whole file that cannot be read.
    pub fn of_file(file: &Path, why: impl Into<String>) -> Self {
        let problem = Problem { class: ProblemClass::Syntax, ..Problem::semantic("", why) };
        Self { file: file.to_path_buf(), location: Location::START, object: None, problem }
    }

    /// Locates problems that were found later, looking at several objects together: each is about
    /// an object whose document starts at a line of the file.
    pub fn in_file(
        file: &Path,
        bytes: &[u8],
        problems: impl IntoIterator<Item = (ObjectKey, u32, Problem)>,
    ) -> Vec<Self> {
        let documents = crate::document::read(bytes);
        let starts: Vec<u32> =
            documents.iter().map(|document| document.spans.start().line).collect();
        problems
            .into_iter()
            .filter_map(|(key, line, problem)| {
                let index = starts.partition_point(|start| *start <= line).checked_sub(1)?;
                Some(Self::new(file, Some(&key), problem, &documents.get(index)?.spans, ""))
            })
            .collect()
    }

    /// Whether the object cannot be used because of it.
    pub fn is_error(&self) -> bool {
        self.problem.severity == Severity::Error
    }
}

/// Whether a field may hold a credential, whose value is shown to nobody.
pub(super) fn is_sensitive(path: &str) -> bool {
    let last = path.rsplit(['.', '[']).find(|part| !part.trim_end_matches(']').is_empty());
    let name = last.unwrap_or("").trim_end_matches(']').to_lowercase();
    let words = ["token", "password", "passwd", "secret", "apikey", "authorization", "credential"];
    let exact = ["webhookurl", "userkey", "cookie", "signingkey", "privatekey"];
    // A reference names a secret and is none.
    !path.contains("SecretRef")
        && (words.iter().any(|word| name.contains(word)) || exact.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::is_sensitive;

    #[test]
    fn fields_that_may_hold_credentials_are_known() {
        assert!(is_sensitive("spec.target.push.token"));
        assert!(is_sensitive("spec.config.telegram.botToken"));
        assert!(is_sensitive("spec.target.http.headers[X-Api.Token]"));
        assert!(!is_sensitive("spec.config.telegram.botTokenSecretRef.name"));
        assert!(!is_sensitive("spec.target.http.url"));
        assert!(!is_sensitive(""));
    }
}
