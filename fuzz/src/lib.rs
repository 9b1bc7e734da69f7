//! Fuzz targets: every parser of bytes that come from outside. A target takes any bytes, and
//! must end soon, within bounds of memory, and never panic. `cargo xtask fuzz` drives them by
//! coverage; the tests here run each over its seeds.

mod answers;
mod cluster;
mod documents;
mod expressions;
mod imports;
mod outside;
mod receivers;
mod requests;
mod rows;
mod secrets;
mod visitors;

/// A target by its name, as `cargo xtask fuzz` and the folders under `fuzz/seeds` have it.
pub struct Target {
    /// The name.
    pub name: &'static str,
    /// What is done with the bytes.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "documents", run: documents::run },
    Target { name: "patterns", run: expressions::patterns },
    Target { name: "queries", run: expressions::queries },
    Target { name: "templates", run: expressions::templates },
    Target { name: "conditions", run: expressions::conditions },
    Target { name: "recurrences", run: expressions::recurrences },
    Target { name: "rows", run: rows::run },
    Target { name: "answers", run: answers::streams },
    Target { name: "datagrams", run: answers::datagrams },
    Target { name: "receivers", run: receivers::run },
    Target { name: "requests", run: requests::run },
    Target { name: "imports", run: imports::run },
    Target { name: "visitors", run: visitors::run },
    Target { name: "cluster", run: cluster::run },
    Target { name: "secrets", run: secrets::run },
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Two texts in one input, parted by the first line that says `---`.
fn two_texts(data: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(data).ok()?;
    Some(text.split_once("\n---\n").unwrap_or((text, "")))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_target_survives_its_seeds_whole_and_cut() {
        for target in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target.name);
            let mut seeds = 0;
            for entry in std::fs::read_dir(&folder).unwrap() {
                let seed = std::fs::read(entry.unwrap().path()).unwrap();
                (target.run)(&seed);
                (target.run)(&seed[..seed.len() / 2]);
                seeds += 1;
            }
            assert!(seeds > 0, "{} has no seeds", target.name);
            (target.run)(&[]);
        }
    }
}
