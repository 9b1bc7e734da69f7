//! The API server and `kubekuma validate` agree: several thousand documents, most of them wrong in
//! one place, are judged by both. What is semantic is accepted by the API server.

mod edges;
mod judges;
mod mutate;
mod sample;
mod walk;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use kuma_api::{crd, document};
use kuma_core::id::Kind;
use kuma_e2e::ControlPlane;
use serde_json::Value;

use judges::{Refusal, ours, the_servers};
use walk::{Case, Walk};

/// Folders with documents of all kinds, valid and not, from the workspace's.
const FOLDERS: [&str; 6] = [
    "crates/api/tests/source-documents",
    "crates/api/tests/corpus/valid",
    "crates/api/tests/corpus/invalid",
    "examples/kinds",
    "examples/checks",
    "examples/providers",
];

/// What is done in documents on which the two differ all the same, and why that is right.
const KNOWN: [(&str, &str); 2] = [
    ("the time \"2030-01-01T00:00:00+24:00\"", "RFC 3339 has no such offset; Go takes it"),
    ("the time \"2030-01-01T00:00:00,5Z\"", "RFC 3339 has no such fraction; Go takes it"),
];

/// How deep a schema is explored. Items and defaults of a MonitorSet are Monitors over again.
fn deepest(kind: Kind) -> usize {
    if kind == Kind::MonitorSet { 4 } else { 12 }
}

/// Documents of a kind as people wrote them, without their namespaces.
fn written(kind: Kind) -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut cases = Vec::new();
    for folder in FOLDERS {
        let mut files: Vec<_> =
            std::fs::read_dir(root.join(folder)).unwrap().map(|it| it.unwrap().path()).collect();
        files.sort();
        for file in files {
            for document in document::read(&std::fs::read(&file).unwrap()) {
                let mut object = document.value;
                if object["kind"] != kind.as_str() {
                    continue;
                }
                let metadata = object["metadata"].as_object_mut().unwrap();
                metadata.shift_remove("namespace");
                let name = metadata["name"].as_str().unwrap_or_default();
                let name = format!("{kind} {name} of {folder}");
                cases.push(Case { name, object });
            }
        }
    }
    cases
}

/// All documents of a kind.
fn cases(kind: Kind) -> Vec<Case> {
    let schema = serde_json::to_value(crd::schema(kind).unwrap()).unwrap();
    let mut cases = written(kind);
    let bases: Vec<Value> = cases
        .iter()
        .map(|case| case.object.clone())
        .filter(|object| ours(object).is_none())
        .collect();
    assert!(!bases.is_empty(), "{kind} has no valid document to begin with");
    let accepts = |object: &Value| ours(object).is_none();
    let walked = Walk::cases(kind.as_str(), &schema, &bases, deepest(kind), &accepts);
    cases.extend(walked);
    cases.extend(edges::cases(kind, &bases[0]));
    cases
}

/// The messages of all rules in CEL of a kind.
fn rules_of(kind: Kind) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let schema = serde_json::to_value(crd::schema(kind).unwrap()).unwrap();
    rules(&schema["properties"]["spec"], &mut found);
    found
}

fn rules(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            let list = fields.get("x-kubernetes-validations").and_then(Value::as_array);
            let messages = list.into_iter().flatten().filter_map(|rule| rule["message"].as_str());
            found.extend(messages.map(str::to_owned));
            fields.values().for_each(|below| rules(below, found));
        }
        Value::Array(items) => items.iter().for_each(|below| rules(below, found)),
        _ => {}
    }
}

fn is_known(case: &Case) -> bool {
    KNOWN.iter().any(|(what, _)| case.name.ends_with(what))
}

/// What both said of all documents of a kind.
struct Judged {
    kind: Kind,
    cases: Vec<(Case, Refusal, Refusal)>,
}

impl Judged {
    /// Verdicts that differ, so that a person sees what and why.
    fn differences(&self) -> String {
        let mut text = String::new();
        let differ =
            self.cases.iter().filter(|(_, ours, server)| ours.is_some() != server.is_some());
        let differ = differ.filter(|(case, ..)| !is_known(case));
        for (case, ours, server) in differ {
            let verdict = |refusal: &Refusal| refusal.clone().unwrap_or_else(|| "accepts".into());
            let _ = writeln!(
                text,
                "{}\n  kubekuma:   {}\n  API server: {}",
                case.name,
                verdict(ours).replace('\n', "\n              "),
                verdict(server)
            );
        }
        text
    }

    /// Rules that refused nothing at one of the two. Items of a set have a Monitor's rules, which
    /// are tried there.
    fn silent_rules(&self) -> Vec<String> {
        let mut messages = rules_of(self.kind);
        if self.kind == Kind::MonitorSet {
            let of_monitors = rules_of(Kind::Monitor);
            messages.retain(|message| !of_monitors.contains(message));
        }
        let says = |refusal: &Refusal, message: &str| {
            refusal.as_ref().is_some_and(|text| text.contains(message))
        };
        messages.retain(|message| {
            let both = |(_, ours, server): &(Case, Refusal, Refusal)| {
                says(ours, message) && says(server, message)
            };
            !self.cases.iter().any(both)
        });
        messages.into_iter().map(|message| format!("{}: {message}", self.kind)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_and_validate_agree_on_every_document() {
    let Some(plane) = ControlPlane::shared() else { return };
    let client = plane.client().await;
    let (mut differences, mut silent) = (String::new(), Vec::new());
    let (mut accepted, mut refused, mut known) = (0, 0, 0);
    for kind in Kind::OURS {
        let cases = cases(kind);
        let servers = the_servers(&client, kind, &cases).await;
        let judged: Vec<_> = cases
            .into_iter()
            .zip(servers)
            .map(|(case, server)| {
                let ours = ours(&case.object);
                (case, ours, server)
            })
            .collect();
        refused += judged.iter().filter(|(_, _, server)| server.is_some()).count();
        accepted += judged.iter().filter(|(_, _, server)| server.is_none()).count();
        known +=
            judged.iter().filter(|(it, o, s)| is_known(it) && o.is_some() != s.is_some()).count();
        let judged = Judged { kind, cases: judged };
        differences += &judged.differences();
        silent.extend(judged.silent_rules());
    }
    assert_eq!(differences, "", "of {accepted} accepted and {refused} refused documents");
    assert_eq!(silent, Vec::<String>::new(), "rules that no document of the corpus breaks");
    assert!(known > 0, "what is listed as known does not differ any more");
    assert!(accepted > 500 && refused > 2_000, "{accepted} accepted, {refused} refused");
}
