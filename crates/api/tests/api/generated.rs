//! Committed files are what the generators make. `UPDATE_GENERATED=1` writes them.

use std::fs;
use std::path::{Path, PathBuf};

use kuma_api::crd::{crds, to_yaml};
use kuma_api::reference::reference_pages;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn compare(folder: &str, files: &[(String, String)]) {
    let folder = root().join(folder);
    let update = std::env::var_os("UPDATE_GENERATED").is_some();
    let mut stale = Vec::new();
    for (name, content) in files {
        let path = folder.join(name);
        if fs::read_to_string(&path).ok().as_ref() == Some(content) {
            continue;
        }
        if update {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
        } else {
            stale.push(name.clone());
        }
    }
    assert!(
        stale.is_empty(),
        "stale in {}: {stale:?}; run with UPDATE_GENERATED=1",
        folder.display()
    );
    for name in names(&folder, "") {
        assert!(
            // The command line's page comes from the program.
            name == "cli.md" || files.iter().any(|(known, _)| *known == name),
            "{name} is not generated any more"
        );
    }
}

/// The files below a folder, by their path from it.
fn names(folder: &Path, above: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{above}{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            found.extend(names(&entry.path(), &format!("{name}/")));
        } else {
            found.push(name);
        }
    }
    found
}

#[test]
fn the_crds_are_fresh() {
    let files = crds().into_iter().map(|crd| {
        let name = format!("{}.{}.yaml", crd.spec.names.plural, crd.spec.group);
        (name, to_yaml(&crd))
    });
    compare("deploy/crds", &files.collect::<Vec<_>>());
}

#[test]
fn the_reference_is_fresh() {
    compare("docs/reference", &reference_pages());
}
