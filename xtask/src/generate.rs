//! `cargo xtask generate`: everything that is written from the types.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::run::{self, cargo, root};

/// Folders that hold nothing but generated files.
const FOLDERS: &[&str] = &["deploy/crds", "docs/reference"];

pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let fresh = root().join("target/generated");
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh)?;
    }
    let mut product = cargo(&["run", "--quiet", "-p", "kubekuma", "--", "reference"]);
    run::run(product.arg(&fresh))?;
    let mut stale = Vec::new();
    for folder in FOLDERS {
        let (new, old) = (files(&fresh.join(folder))?, files(&root().join(folder))?);
        for name in new.keys().chain(old.keys()) {
            if new.get(name) != old.get(name) {
                stale.push(format!("{folder}/{}", name.display()));
            }
        }
        if !check {
            write(&root().join(folder), &new, &old)?;
        }
    }
    stale.dedup();
    if check && !stale.is_empty() {
        bail!("stale generated files (run `cargo xtask generate`):\n  {}", stale.join("\n  "));
    }
    Ok(())
}

/// The files below a folder, by their path from it.
fn files(folder: &Path) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    if !folder.exists() {
        return Ok(files);
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = PathBuf::from(path.file_name().context("an entry without a name")?);
        if path.is_dir() {
            let below = self::files(&path)?;
            files.extend(below.into_iter().map(|(under, content)| (name.join(under), content)));
        } else {
            files.insert(name, std::fs::read(&path)?);
        }
    }
    Ok(files)
}

fn write(
    folder: &Path,
    new: &BTreeMap<PathBuf, Vec<u8>>,
    old: &BTreeMap<PathBuf, Vec<u8>>,
) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        std::fs::remove_file(folder.join(name))?;
    }
    for (name, content) in new.iter().filter(|(name, content)| old.get(*name) != Some(content)) {
        let path = folder.join(name);
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above)?;
        }
        std::fs::write(path, content)?;
    }
    Ok(())
}
