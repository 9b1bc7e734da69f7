//! Writing what was imported: secrets for the owner's eyes only, nothing overwritten unasked.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use kuma_import::{File, Imported};

/// The report's name in the folder.
pub(super) const REPORT: &str = "import-report.md";

/// Refuses to overwrite files, before anything is done.
pub(super) fn check(imported: &Imported, out: &Path, force: bool) -> anyhow::Result<()> {
    if out.exists() && !out.is_dir() {
        bail!("{} is no folder; name one with --out", out.display());
    }
    let names = imported.files.iter().map(|output| output.file.name()).chain([REPORT]);
    for name in names.filter(|_| !force) {
        let path = out.join(name);
        if path.exists() {
            bail!(
                "{} is there already; name another folder with --out, or replace the files with \
                 --force",
                path.display()
            );
        }
    }
    Ok(())
}

/// Writes the files and the report.
pub(super) fn write(
    imported: &Imported,
    out: &Path,
    force: bool,
    report: &str,
) -> anyhow::Result<()> {
    check(imported, out, force)?;
    std::fs::create_dir_all(out).with_context(|| format!("{} cannot be made", out.display()))?;
    for output in &imported.files {
        let mode = if output.file == File::Secrets { 0o600 } else { 0o644 };
        put(&out.join(output.file.name()), &output.text, mode)?;
    }
    put(&out.join(REPORT), report, 0o644)
}

/// Through a draft of its own mode, so that no moment shows a secret to others.
fn put(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let draft = path.with_extension("draft");
    let written = || -> std::io::Result<()> {
        if draft.exists() {
            std::fs::remove_file(&draft)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    };
    written().with_context(|| format!("{} cannot be written", path.display()))
}
