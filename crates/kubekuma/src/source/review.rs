//! Looks at files once, for `validate`, `check` and `simulate`: objects, catalog and everything
//! that is wrong with either.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use kuma_api::read::{Finding, ReadContext};
use kuma_api::report::Report;
use kuma_core::catalog::Catalog;
use kuma_core::id::{Kind, MonitorId, ObjectKey, ObjectName};
use kuma_core::object::{Object, Origin, Problem};
use kuma_core::time::Mono;

use super::scan::{Scan, Scanner};
use super::settle::Settler;
use crate::runtime::catalog::{self, Surrogates};

/// What was found.
#[derive(Debug)]
pub struct Review {
    /// The catalog that `serve` would run.
    pub catalog: Catalog,
    /// Secret documents, which no catalog holds.
    pub secrets: Vec<Object>,
    /// Everything worth telling.
    pub report: Report,
}

/// The report alone.
pub fn review(paths: &[PathBuf], namespace: &str) -> Report {
    load(paths, namespace).report
}

/// Reads paths and builds their catalog.
pub fn load(paths: &[PathBuf], namespace: &str) -> Review {
    load_with(paths, namespace, &Surrogates::new())
}

/// The same, with the surrogates that a store knows; other monitors get numbers beyond those.
pub fn load_with(paths: &[PathBuf], namespace: &str, known: &Surrogates) -> Review {
    let context = ReadContext { default_namespace: namespace.to_owned() };
    let scan = Scanner::new(paths.to_vec(), context).scan();
    let mut settler = Settler::default();
    settler.apply(&scan, Mono::default());
    let snapshot = settler.snapshot();
    // Numbers serve as surrogates where no store gives any.
    let highest = known.values().map(|id| id.0).max().unwrap_or_default();
    let numbers = std::cell::Cell::new(highest);
    let ids = |name: &ObjectName| {
        known.get(name).copied().unwrap_or_else(|| {
            numbers.set(numbers.get() + 1);
            MonitorId(numbers.get())
        })
    };
    let catalog = catalog::build(snapshot, namespace, &ids, 1);
    let report = report(&scan, &settler, &catalog);
    let secrets = snapshot.objects.values().filter(|object| object.key.kind == Kind::Secret);
    Review { secrets: secrets.cloned().collect(), catalog, report }
}

fn report(scan: &Scan, settler: &Settler, catalog: &Catalog) -> Report {
    let mut report = Report::default();
    for reading in scan.files.values() {
        report.add(reading);
    }
    let unreadable = scan.unreadable.iter();
    report.extend(
        unreadable.map(|(path, why)| Finding::of_file(path, format!("it cannot be read: {why}"))),
    );
    // What concerns several objects is known only to the settler and the catalog.
    let told: HashSet<(Option<ObjectKey>, String)> = report
        .findings
        .iter()
        .map(|finding| (finding.object.clone(), finding.problem.to_string()))
        .collect();
    let duplicates = settler.snapshot().invalid.iter();
    let duplicates = duplicates.map(|(key, invalid)| (key, &invalid.origin, &invalid.problems));
    let across = catalog.objects.iter();
    let across = across.map(|(key, status)| (key, &status.origin, &status.problems));
    let mut by_file: BTreeMap<&Path, Vec<(ObjectKey, u32, Problem)>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for (key, origin, problems) in duplicates.chain(across) {
        let Origin::File { path, line } = origin else {
            continue;
        };
        for problem in problems {
            let text = problem.to_string();
            let new = !told.contains(&(Some(key.clone()), text.clone()))
                && seen.insert((key.clone(), text));
            if new {
                by_file.entry(path).or_default().push((key.clone(), *line, problem.clone()));
            }
        }
    }
    for (path, problems) in by_file {
        match std::fs::read(path) {
            Ok(bytes) => report.extend(Finding::in_file(path, &bytes, problems)),
            Err(error) => report.extend([Finding::of_file(path, error.to_string())]),
        }
    }
    report
}
