//! Documents that must be accepted, and documents with all that is wrong with them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use kuma_api::convert::{Conversion, convert};
use kuma_api::structural::Schema;
use kuma_api::{crd, document};
use kuma_core::id::{Kind, ObjectKey, ObjectName};
use kuma_core::object::{Body, Meta, Problem, Severity};
use serde_json::Value;

static SCHEMAS: LazyLock<BTreeMap<Kind, Schema>> = LazyLock::new(|| {
    Kind::OURS
        .iter()
        .map(|kind| (*kind, Schema::compile(&crd::schema(*kind).unwrap()).unwrap()))
        .collect()
});

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

/// The documents of our kinds in a file.
fn documents(path: &Path) -> Vec<(ObjectKey, Meta, Value)> {
    let mut list = Vec::new();
    for document in document::read(&fs::read(path).unwrap()) {
        assert!(document.problems.is_empty(), "{}: {:?}", path.display(), document.problems);
        let value = document.value;
        let kind = value["kind"].as_str().unwrap_or_default();
        let Some(kind) = Kind::OURS.into_iter().find(|known| known.as_str() == kind) else {
            continue;
        };
        let text =
            |field: &str, or: &str| value["metadata"][field].as_str().unwrap_or(or).to_owned();
        let namespace =
            if kind.is_cluster_scoped() { String::new() } else { text("namespace", "kubekuma") };
        let key = ObjectKey { kind, name: ObjectName::new(namespace, text("name", "?")) };
        let map = |field: &str| {
            serde_json::from_value(value["metadata"][field].clone()).unwrap_or_default()
        };
        let meta = Meta { labels: map("labels"), annotations: map("annotations"), generation: 1 };
        list.push((key, meta, value));
    }
    list
}

fn judge(key: &ObjectKey, meta: &Meta, value: &Value) -> Conversion {
    let structural = SCHEMAS[&key.kind].validate(value);
    if structural.iter().any(|problem| problem.severity == Severity::Error) {
        // Whatever the shape, conversion answers.
        let _ = convert(key, meta, value);
        return Conversion { body: None, problems: structural };
    }
    let mut conversion = convert(key, meta, value);
    conversion.problems.splice(0..0, structural);
    conversion
}

fn accepted(folder: &str) -> String {
    let mut warnings = String::new();
    for path in files(folder) {
        let documents = documents(&path);
        assert!(!documents.is_empty(), "{}", path.display());
        for (key, meta, value) in documents {
            let conversion = judge(&key, &meta, &value);
            let errors: Vec<&Problem> = conversion
                .problems
                .iter()
                .filter(|problem| problem.severity == Severity::Error)
                .collect();
            assert!(errors.is_empty(), "{}: {key}: {errors:#?}", path.display());
            assert!(conversion.body.is_some(), "{}: {key}", path.display());
            for problem in conversion.problems {
                let _ = writeln!(warnings, "{key}\n  {problem}");
            }
        }
    }
    warnings
}

#[test]
fn every_object_of_the_source_documents_is_accepted_unmodified() {
    let warnings = accepted("tests/source-documents");
    assert_eq!(warnings, "");
}

#[test]
fn every_example_is_accepted() {
    assert_eq!(accepted("../../examples/kinds"), "");
}

#[test]
fn the_examples_of_checks_and_providers_have_no_warnings() {
    assert_eq!(accepted("../../examples/checks"), "");
    assert_eq!(accepted("../../examples/providers"), "");
}

#[test]
fn valid_documents_are_accepted_with_these_warnings() {
    insta::assert_snapshot!(accepted("tests/corpus/valid"));
}

#[test]
fn invalid_documents_have_these_problems() {
    let mut out = String::new();
    for path in files("tests/corpus/invalid") {
        let _ = writeln!(out, "## {}", path.file_stem().unwrap().to_str().unwrap());
        for (key, meta, value) in documents(&path) {
            let conversion = judge(&key, &meta, &value);
            let wrong = conversion.problems.iter().any(|it| it.severity == Severity::Error);
            assert!(wrong, "{}: {key} is accepted", path.display());
            if key.kind != Kind::MonitorSet {
                assert!(conversion.body.is_none(), "{key}");
            }
            let _ = writeln!(out, "\n{key}");
            for problem in conversion.problems {
                let class = serde_json::to_value(problem.class).unwrap();
                let _ = writeln!(out, "  {} {problem}", class.as_str().unwrap());
            }
        }
        out.push('\n');
    }
    insta::assert_snapshot!(out);
}

#[test]
fn the_documents_mean_what_a_reader_expects() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/source-documents");
    let (key, meta, value) = documents(&path.join("design-monitor.yaml")).remove(0);
    let Some(Body::Monitor(monitor)) = judge(&key, &meta, &value).body else {
        panic!("no monitor");
    };
    insta::assert_debug_snapshot!("design_monitor", monitor);
    let (key, meta, value) = documents(&path.join("design-kubekumasettings.yaml")).remove(0);
    let Some(Body::Settings(settings)) = judge(&key, &meta, &value).body else {
        panic!("no settings");
    };
    insta::assert_debug_snapshot!("design_settings", settings);
}

#[test]
fn a_set_is_its_items_with_defaults_under_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/kinds/monitorset.yaml");
    let (key, meta, value) = documents(&path).remove(0);
    let Some(Body::MonitorSet(set)) = judge(&key, &meta, &value).body else {
        panic!("no set");
    };
    let lines: Vec<String> = set
        .monitors
        .iter()
        .map(|it| {
            let (every, retries) = (it.schedule.interval.as_secs(), it.schedule.retries);
            format!("{} {} {every}s {retries} {:?}", it.name, it.target_identity(), it.tags)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
    assert!(set.invalid.is_empty());
}

#[test]
fn no_shape_makes_conversion_panic() {
    let shapes = [
        Value::Null,
        serde_json::json!([]),
        serde_json::json!({}),
        serde_json::json!({"spec": 1}),
        serde_json::json!({"spec": {}}),
        serde_json::json!({"spec": {"type": 1, "target": [], "items": [1], "schedule": "x"}}),
        serde_json::json!({"spec": {"items": [{}], "matrix": {"a": []}}}),
    ];
    for kind in Kind::OURS {
        for shape in &shapes {
            let key = ObjectKey { kind, name: ObjectName::new("a", "b") };
            let conversion = convert(&key, &Meta::default(), shape);
            assert!(conversion.body.is_some() || !conversion.problems.is_empty(), "{kind} {shape}");
        }
    }
}
