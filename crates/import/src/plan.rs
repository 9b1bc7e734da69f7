//! What is going to be written: objects, their Secrets, and remarks; rendered and proven valid at
//! the end.

use std::collections::BTreeMap;
use std::path::Path;

use kuma_api::read::{ReadContext, read_file};
use kuma_core::id::Kind;
use serde_json::{Map, Value, json};

use crate::names::Names;
use crate::report::{Report, Said, Weight};

/// Which file an object is written into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum File {
    /// `monitors.yaml`.
    Monitors,
    /// `notifications.yaml`: providers and policies.
    Notifications,
    /// `maintenance.yaml`.
    Maintenance,
    /// `status-pages.yaml`.
    Pages,
    /// `settings.yaml`.
    Settings,
    /// `secrets.yaml`, for the owner's eyes only.
    Secrets,
}

impl File {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Monitors => "monitors.yaml",
            Self::Notifications => "notifications.yaml",
            Self::Maintenance => "maintenance.yaml",
            Self::Pages => "status-pages.yaml",
            Self::Settings => "settings.yaml",
            Self::Secrets => "secrets.yaml",
        }
    }
}

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Which.
    pub file: File,
    /// Its text.
    pub text: String,
}

/// What an import comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The files, none of them empty.
    pub files: Vec<Output>,
    /// What is different from before.
    pub report: Report,
}

struct Written {
    file: File,
    kind: Kind,
    name: String,
    subject: String,
    notes: Vec<String>,
    object: Value,
}

/// Collects what is going to be written.
pub(crate) struct Plan {
    pub(crate) namespace: String,
    names: Names,
    objects: Vec<Written>,
    secrets: BTreeMap<String, Map<String, Value>>,
    report: Report,
    /// Remarks about the object that is being made, to be written above it.
    notes: Vec<String>,
    /// What the object that is being made was called.
    subject: String,
}

impl Plan {
    pub(crate) fn new(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            names: Names::default(),
            objects: Vec::new(),
            secrets: BTreeMap::new(),
            report: Report::default(),
            notes: Vec::new(),
            subject: String::new(),
        }
    }

    /// From here on remarks are about this: `monitor "Shop"`.
    pub(crate) fn about(&mut self, what: &str, name: &str) {
        self.subject = format!("{what} \"{}\"", name.replace(['\n', '\r'], " "));
        self.notes.clear();
    }

    /// A name that is safe and not taken.
    pub(crate) fn name(&mut self, kind: Kind, wanted: &str) -> String {
        self.names.unique(kind, wanted)
    }

    /// Keeps a credential and says where: `{name, key}`.
    pub(crate) fn secret(&mut self, owner: &str, key: &str, value: &str) -> Value {
        let name = format!("{owner}-import");
        self.secrets.entry(name.clone()).or_default().insert(key.to_owned(), json!(value));
        json!({ "name": name, "key": key })
    }

    /// Something a person has to see to.
    pub(crate) fn lost(&mut self, field: &str, value: &str, why: &str, todo: &str) {
        self.notes.push(format!("Not carried over: {field}: {why}."));
        self.report.add(Weight::Lost, &self.subject, field, Said { value, why, todo });
    }

    /// Something that behaves nearly the same.
    pub(crate) fn approximate(&mut self, field: &str, value: &str, why: &str) {
        self.notes.push(format!("{field}: {why}."));
        self.report.add(Weight::Approximate, &self.subject, field, Said { value, why, todo: "" });
    }

    /// Does something whose remarks have been made before.
    pub(crate) fn quietly<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let (entries, notes) = (self.report.entries.len(), self.notes.len());
        let made = work(self);
        self.report.entries.truncate(entries);
        self.notes.truncate(notes);
        made
    }

    /// Adds an object with the remarks made since [`Plan::about`].
    pub(crate) fn add(&mut self, file: File, kind: Kind, name: &str, labels: &Value, spec: Value) {
        let mut metadata = Map::new();
        metadata.insert("name".to_owned(), json!(name));
        if !kind.is_cluster_scoped() {
            metadata.insert("namespace".to_owned(), json!(self.namespace));
        }
        if labels.as_object().is_some_and(|labels| !labels.is_empty()) {
            metadata.insert("labels".to_owned(), labels.clone());
        }
        let object = json!({
            "apiVersion": "monitoring.kubekuma.io/v1",
            "kind": kind.as_str(),
            "metadata": metadata,
            "spec": without_nulls(spec),
        });
        self.objects.push(Written {
            file,
            kind,
            name: name.to_owned(),
            subject: self.subject.clone(),
            notes: std::mem::take(&mut self.notes),
            object,
        });
    }

    /// Renders everything, leaving out and reporting what would not be valid.
    pub(crate) fn finish(mut self) -> Imported {
        let mut files: BTreeMap<File, Vec<String>> = BTreeMap::new();
        let context = ReadContext { default_namespace: self.namespace.clone() };
        for written in std::mem::take(&mut self.objects) {
            let text = document(&written.notes, &written.object);
            let reading = read_file(Path::new("import"), text.as_bytes(), &context);
            let wrong: Vec<_> = reading.findings.iter().filter(|it| it.is_error()).collect();
            self.subject.clone_from(&written.subject);
            for finding in &wrong {
                self.report.add(
                    Weight::Lost,
                    &written.subject,
                    finding.problem.path.as_str(),
                    Said {
                        value: "",
                        why: &format!(
                            "the {} would not be valid: {}",
                            written.kind, finding.problem.why
                        ),
                        todo: "Write it by hand",
                    },
                );
            }
            if wrong.is_empty() {
                *self.report.written.entry(written.kind.as_str().to_owned()).or_default() += 1;
                files.entry(written.file).or_default().push(text);
            } else {
                self.secrets.remove(&format!("{}-import", written.name));
            }
        }
        for (name, data) in &self.secrets {
            *self.report.written.entry("Secret".to_owned()).or_default() += 1;
            let metadata = json!({
                "name": name,
                "namespace": self.namespace,
                "labels": { "kubekuma.io/use": "true" },
            });
            let object = json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data,
            });
            files.entry(File::Secrets).or_default().push(document(&[], &object));
        }
        let files = files
            .into_iter()
            .map(|(file, documents)| Output { file, text: documents.join("---\n") })
            .collect();
        Imported { files, report: self.report }
    }
}

/// One document with its remarks above it.
fn document(notes: &[String], object: &Value) -> String {
    let mut text = String::new();
    for note in notes {
        let note: String =
            note.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
        text.extend(["# ", note.trim_end(), "\n"]);
    }
    // A tree of JSON values can always be written.
    text.push_str(&serde_saphyr::to_string(object).unwrap_or_default());
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Without fields that are null or empty maps.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| (key, without_nulls(value)))
                .filter(|(key, value)| {
                    let empty = value.as_object().is_some_and(Map::is_empty);
                    // An empty selector means everything and has to stay.
                    !value.is_null() && (!empty || key == "match")
                })
                .collect(),
        ),
        Value::Array(list) => Value::Array(list.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
