//! Where everything of one run is: data, logs, kubeconfigs, below the workspace's `target`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A new folder for this process. Those of processes that have ended are removed first.
pub(crate) fn new(name: &str) -> std::io::Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let all = all()?;
    std::fs::create_dir_all(&all)?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    if number == 0 {
        sweep(&all)?;
    }
    let folder = all.join(format!("{}-{number}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// `target/tmp/e2e`, seen from a test program in `target/debug/deps` or a program beside `deps`.
fn all() -> std::io::Result<PathBuf> {
    let profile = profile(&std::env::current_exe()?);
    Ok(profile.parent().unwrap_or_else(|| Path::new("target")).join("tmp/e2e"))
}

/// `target/debug` or the like.
fn profile(own: &Path) -> PathBuf {
    let folder = own.parent().unwrap_or_else(|| Path::new("."));
    let is_test = folder.file_name().is_some_and(|name| name == "deps");
    let folder = if is_test { folder.parent() } else { Some(folder) };
    folder.unwrap_or_else(|| Path::new(".")).to_owned()
}

fn sweep(all: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(all)? {
        let entry = entry?;
        let name = entry.file_name().into_string().unwrap_or_default();
        let process = name.split('-').next().unwrap_or_default();
        let is_over = !process.is_empty() && !Path::new("/proc").join(process).exists();
        if is_over {
            // Another run may sweep at the same time.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// The programs of the workspace, built beside the test program.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = profile(&std::env::current_exe().unwrap()).join(name);
    assert!(
        path.is_file(),
        "{} is not built; `cargo xtask test -- -p kuma-e2e` does it first",
        path.display()
    );
    path
}

/// A file of the workspace.
pub(crate) fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
