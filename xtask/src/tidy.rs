//! `cargo xtask tidy`: what neither the compiler nor clippy sees.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::links;
use crate::run::{self, root};

/// Longest source file, tests apart; a file that grows is asking to be two ideas.
const MAX_LINES: usize = 500;

pub(crate) fn run() -> anyhow::Result<()> {
    let mut problems = Vec::new();
    let mut listing = std::process::Command::new("git");
    listing.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root());
    let files: Vec<PathBuf> = run::output(&mut listing)?.lines().map(PathBuf::from).collect();
    for path in files.iter().filter(|path| root().join(path).is_file()) {
        let Ok(text) = std::fs::read_to_string(root().join(path)) else {
            continue;
        };
        check_any(path, &text, &mut problems);
        if path.extension().is_some_and(|extension| extension == "md") {
            let read = |path: &Path| match root().join(path) {
                page if page.is_dir() => Some(String::new()),
                page => std::fs::read_to_string(page).ok(),
            };
            for link in links::broken(path, &text, read) {
                problems.push(format!("{}: a link leads nowhere ({link})", path.display()));
            }
        }
        if path.extension().is_some_and(|extension| extension == "rs") {
            check_source(path, &text, &files, &mut problems);
        }
    }
    if !problems.is_empty() {
        bail!("not tidy:\n  {}", problems.join("\n  "));
    }
    Ok(())
}

/// Paths of the machine that something was built on have no business in the tree.
fn check_any(path: &Path, text: &str, problems: &mut Vec<String>) {
    let home = ["/ro", "ot/"].concat();
    let work = ["/wo", "rk/"].concat();
    for (number, line) in text.lines().enumerate() {
        let stray = [&home, &work].into_iter().find(|stray| {
            line.match_indices(stray.as_str()).any(|(at, _)| {
                !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_')
            })
        });
        if let Some(stray) = stray
            && path.file_name().is_some_and(|name| name != "Cargo.lock")
        {
            problems.push(format!("{}:{}: a machine's path ({stray})", path.display(), number + 1));
        }
        let is_prose =
            path.extension().is_some_and(|extension| extension == "md" || extension == "snap");
        if line.ends_with([' ', '\t']) && !is_prose {
            problems.push(format!("{}:{}: trailing space", path.display(), number + 1));
        }
    }
}

fn check_source(path: &Path, text: &str, files: &[PathBuf], problems: &mut Vec<String>) {
    if !text.starts_with("//!") {
        problems.push(format!("{}: does not open with //! saying what it is for", path.display()));
    }
    let is_test = path.components().any(|part| part.as_os_str() == "tests")
        || path.file_stem().is_some_and(|stem| stem == "tests");
    let lines =
        text.lines().position(|line| line == "mod tests {").unwrap_or_else(|| text.lines().count());
    if lines > MAX_LINES && !is_test {
        problems.push(format!("{}: {lines} lines; is that one idea?", path.display()));
    }
    if !is_reachable(path, files) {
        problems.push(format!("{}: no `mod` names it, so it is never compiled", path.display()));
    }
}

/// Whether some file declares the module that a file is.
fn is_reachable(path: &Path, files: &[PathBuf]) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let Some(folder) = path.parent() else {
        return false;
    };
    let is_root = matches!(stem, "main" | "lib" | "build")
        || folder.ends_with("tests") && !folder.components().any(|part| part.as_os_str() == "src")
        || folder.ends_with("examples")
        || folder.ends_with("benches")
        || folder.ends_with("src/bin")
        || folder.ends_with("fuzz_targets");
    if is_root {
        return true;
    }
    let (module, parents) = if stem == "mod" {
        let above = folder.parent().unwrap_or(folder);
        (folder.file_name().and_then(|name| name.to_str()).unwrap_or_default(), above)
    } else {
        (stem, folder)
    };
    let candidates = [
        parents.join("mod.rs"),
        parents.join("lib.rs"),
        parents.join("main.rs"),
        parents.with_extension("rs"),
    ];
    let declaration = format!("mod {module};");
    let says = |file: &Path, what: &str| {
        std::fs::read_to_string(root().join(file)).is_ok_and(|text| text.contains(what))
    };
    let declared =
        files.iter().filter(|file| candidates.contains(file)).any(|file| says(file, &declaration));
    // The same tests may be compiled for several things, each beside its own.
    let shared = format!("#[path = \"../{module}/mod.rs\"]");
    declared || files.iter().any(|file| says(file, &shared))
}
