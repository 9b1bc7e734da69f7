//! The one way from a file to validated objects, used by `validate`, the folder source and the
//! API: parse, identify, check metadata, check the schema and its rules, convert.
//!
//! Every step reports what it finds and hands on what it can, so that one reading shows
//! everything that is wrong. An object without errors is one that can run.

mod finding;
mod identity;
mod metadata;
mod names;
mod namespace;
mod ours;
mod secret;
mod single;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kuma_core::id::{Kind, ObjectKey, ObjectName};
use kuma_core::object::{Body, Meta, Object, Origin, Problem, ProblemClass, RawObject, Severity};
use serde_json::Value;

use crate::document::{self, Document, Spans};
use crate::structural::structural;
pub use finding::Finding;
use identity::Identity;
use ours::{Kinds, Registered};
pub use single::{ReadObject, read_object};

/// What a reading depends on beside the file.
#[derive(Debug, Clone)]
pub struct ReadContext {
    /// `KUBE_NAMESPACE`: the namespace of objects that name none.
    pub default_namespace: String,
}

impl Default for ReadContext {
    fn default() -> Self {
        Self { default_namespace: "kubekuma".to_owned() }
    }
}

/// An object that cannot be used.
#[derive(Debug, Clone, PartialEq)]
pub struct InvalidObject {
    /// Its identity as far as it can be made out, so that its last valid version can stay in
    /// force. None also for a second object of the same name in the file: the first one counts.
    pub key: Option<ObjectKey>,
    /// Where it was written.
    pub origin: Origin,
    /// What is wrong with it, errors and warnings.
    pub problems: Vec<Finding>,
}

/// What a file says.
#[derive(Debug, Clone, Default)]
pub struct FileReading {
    /// The objects that can be used, in the order of the file.
    pub objects: Vec<Object>,
    /// The others.
    pub invalid: Vec<InvalidObject>,
    /// Everything worth knowing, of valid and invalid objects, in the order of the file.
    pub findings: Vec<Finding>,
    /// Documents of other groups, which are not ours to judge.
    pub skipped: usize,
}

/// Reads a file. Never fails as a whole: what cannot be read is in `invalid` and `findings`.
pub fn read_file(path: &Path, bytes: &[u8], context: &ReadContext) -> FileReading {
    read_with(path, bytes, context, &Registered)
}

fn read_with(path: &Path, bytes: &[u8], context: &ReadContext, kinds: &dyn Kinds) -> FileReading {
    let mut reader = Reader {
        path: Arc::new(path.to_path_buf()),
        context,
        kinds,
        lines: HashMap::new(),
        reading: FileReading::default(),
    };
    for document in document::read(bytes) {
        reader.document(&document);
    }
    reader.reading
}

struct Reader<'a> {
    path: Arc<PathBuf>,
    context: &'a ReadContext,
    kinds: &'a dyn Kinds,
    /// The line of the first object of each name.
    lines: HashMap<ObjectKey, u32>,
    reading: FileReading,
}

/// A place within a document: the fields of one object, which may be an item of a list.
#[derive(Clone, Copy)]
struct Place<'a> {
    spans: &'a Spans,
    prefix: &'a str,
}

impl Reader<'_> {
    fn document(&mut self, document: &Document) {
        let place = Place { spans: &document.spans, prefix: "" };
        if !document.problems.is_empty() {
            self.broken(document, place);
            return;
        }
        if identity::is_list(&document.value) {
            let items = document.value.get("items").and_then(Value::as_array);
            for (index, item) in items.into_iter().flatten().enumerate() {
                let prefix = document::item_path("items", index);
                self.object(item, Place { prefix: &prefix, ..place });
            }
            return;
        }
        self.object(&document.value, place);
    }

    /// A document that is no sound YAML.
    fn broken(&mut self, document: &Document, place: Place<'_>) {
        let key = identity::of_broken(document, self.context);
        let findings: Vec<_> = document
            .problems
            .iter()
            .map(|problem| Finding {
                file: self.path.to_path_buf(),
                location: problem.location,
                object: key.clone(),
                problem: Problem {
                    class: ProblemClass::Syntax,
                    fix: problem.fix.clone(),
                    ..Problem::semantic("", problem.why.clone())
                },
            })
            .collect();
        self.reject(key, findings, place);
    }

    fn object(&mut self, value: &Value, place: Place<'_>) {
        let kind = match identity::identify(value) {
            Identity::Ours(kind) => kind,
            Identity::Foreign(problem) => {
                self.reading.skipped += 1;
                let findings = self.locate(problem.into_iter().collect(), None, place);
                self.reading.findings.extend(findings);
                return;
            }
            Identity::Wrong(problems) => {
                let findings = self.locate(problems, None, place);
                self.reject(None, findings, place);
                return;
            }
        };
        let mut problems = Vec::new();
        let found = metadata::read(kind, value, self.context, &mut problems);
        let Some(key) = found.key else {
            let findings = self.locate(problems, None, place);
            self.reject(None, findings, place);
            return;
        };
        let line = place.spans.find(place.prefix, document::Prefer::Key).line;
        let first = *self.lines.entry(key.clone()).or_insert(line);
        let twice = first != line;
        if twice {
            problems.push(
                Problem {
                    class: ProblemClass::Structural,
                    ..Problem::semantic(
                        "metadata.name",
                        format!("the same object is in line {first} already"),
                    )
                }
                .with_value(key.to_string())
                .with_fix("rename or remove one of them"),
            );
        }
        // What conversion hands back can run, even with errors in single items of a set.
        let usable = !severe(&problems);
        let body = interpret(self.kinds, &key, &found.meta, value, &mut problems);
        let findings = self.locate(problems, Some(&key), place);
        match body.filter(|_| usable) {
            Some(body) => {
                self.reading.findings.extend(findings);
                self.reading.objects.push(Object {
                    raw: RawObject::new(&raw(kind, value)),
                    key,
                    meta: found.meta,
                    origin: self.origin(place),
                    body,
                });
            }
            None => self.reject((!twice).then_some(key), findings, place),
        }
    }

    fn reject(&mut self, key: Option<ObjectKey>, findings: Vec<Finding>, place: Place<'_>) {
        self.reading.findings.extend(findings.iter().cloned());
        self.reading.invalid.push(InvalidObject {
            key,
            origin: self.origin(place),
            problems: findings,
        });
    }

    fn origin(&self, place: Place<'_>) -> Origin {
        Origin::File {
            path: Arc::clone(&self.path),
            line: place.spans.find(place.prefix, document::Prefer::Key).line,
        }
    }

    /// Gives problems their place, in the order of the file.
    fn locate(
        &self,
        problems: Vec<Problem>,
        key: Option<&ObjectKey>,
        place: Place<'_>,
    ) -> Vec<Finding> {
        let mut findings: Vec<_> = problems
            .into_iter()
            .map(|problem| Finding::new(&self.path, key, problem, place.spans, place.prefix))
            .collect();
        findings.sort_by_key(|finding| finding.location);
        findings
    }
}

/// What an object says, and everything wrong with it beyond its metadata.
fn interpret(
    kinds: &dyn Kinds,
    key: &ObjectKey,
    meta: &Meta,
    value: &Value,
    problems: &mut Vec<Problem>,
) -> Option<Body> {
    match key.kind {
        Kind::Secret => secret::read(&key.name, meta, value, problems),
        Kind::Namespace => Some(namespace::read(meta, problems)),
        _ => ours::read(kinds, key, meta, value, problems),
    }
}

/// The object as it was written, without status; nothing of a Secret.
fn raw(kind: Kind, value: &Value) -> Value {
    if kind == Kind::Secret {
        return Value::Null;
    }
    let mut value = value.clone();
    if let Some(entries) = value.as_object_mut() {
        entries.shift_remove("status");
    }
    value
}

fn severe(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

fn missing(path: &str, example: &str) -> Problem {
    structural(path, "is required and missing").with_fix(format!("add `{example}`"))
}

/// The public name of an object of a kind.
fn object_name(
    kind: Kind,
    namespace: Option<&str>,
    name: &str,
    context: &ReadContext,
) -> ObjectName {
    if kind.is_cluster_scoped() {
        ObjectName::new("", name)
    } else {
        ObjectName::new(namespace.unwrap_or(&context.default_namespace), name)
    }
}

#[cfg(test)]
mod tests;
