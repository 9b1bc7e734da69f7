//! Reads a folder, or single files, into objects: recursive, bounded, and parsing only the files
//! that changed since the last scan.

use std::collections::BTreeMap;
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use kuma_api::read::{FileReading, ReadContext, read_file};

/// Deepest folder looked into.
const MAX_DEPTH: usize = 16;
/// Most files read.
const MAX_FILES: usize = 50_000;
/// Largest file read, in bytes.
const MAX_FILE_BYTES: u64 = 32 << 20;

/// What one scan saw.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// Every configuration file with what it says, in the order of the paths.
    pub files: BTreeMap<PathBuf, Arc<FileReading>>,
    /// Files and folders that could not be read, and why.
    pub unreadable: Vec<(PathBuf, String)>,
    /// Roots that are gone themselves.
    pub missing_roots: Vec<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// A file and what it says, or why it cannot be read.
type Read = Result<(Stamp, Arc<FileReading>), String>;

/// Scans the same roots again and again.
#[derive(Debug)]
pub struct Scanner {
    roots: Vec<PathBuf>,
    context: ReadContext,
    known: BTreeMap<PathBuf, (Stamp, Arc<FileReading>)>,
}

impl Scan {
    /// Whether another scan saw the very same.
    pub fn saw_the_same(&self, other: &Self) -> bool {
        self.unreadable == other.unreadable
            && self.missing_roots == other.missing_roots
            && self.files.len() == other.files.len()
            && self.files.iter().zip(&other.files).all(|((path, reading), (known, before))| {
                path == known && Arc::ptr_eq(reading, before)
            })
    }

    /// Whether a root itself is gone.
    pub const fn root_missing(&self) -> bool {
        !self.missing_roots.is_empty()
    }
}

impl Scanner {
    /// A scanner of folders or files.
    pub fn new(roots: Vec<PathBuf>, context: ReadContext) -> Self {
        Self { roots, context, known: BTreeMap::new() }
    }

    /// Reads everything that is there now.
    pub fn scan(&mut self) -> Scan {
        let mut scan = Scan::default();
        let mut paths = Vec::new();
        for root in &self.roots {
            match std::fs::metadata(root) {
                Ok(found) if found.is_dir() => {
                    collect(root, 0, &mut paths, &mut scan.unreadable);
                }
                Ok(_) => paths.push(root.clone()),
                Err(error) => {
                    scan.missing_roots.push(root.clone());
                    scan.unreadable.push((root.clone(), explain(&error)));
                }
            }
        }
        paths.sort();
        paths.dedup();
        let mut known = BTreeMap::new();
        let read = self.read_all(&paths);
        for (path, read) in paths.into_iter().zip(read) {
            match read {
                Ok((stamp, reading)) => {
                    known.insert(path.clone(), (stamp, reading.clone()));
                    scan.files.insert(path, reading);
                }
                Err(why) => scan.unreadable.push((path, why)),
            }
        }
        self.known = known;
        scan
    }

    /// Looks at the files, in order. In a first scan, where judging thousands of objects takes most
    /// of the start, the cores share the work.
    fn read_all(&self, paths: &[PathBuf]) -> Vec<Read> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut read = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(path) = paths.get(at) else { return read };
                read.push((at, self.file(path)));
            }
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let helpers = if self.known.is_empty() { (cores - 1).min(paths.len() / 2) } else { 0 };
        let mut read = std::thread::scope(|scope| {
            let helpers: Vec<_> = (0..helpers).map(|_| scope.spawn(work)).collect();
            let mut read = work();
            for helper in helpers {
                read.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            read
        });
        read.sort_unstable_by_key(|(at, _)| *at);
        read.into_iter().map(|(_, read)| read).collect()
    }

    fn file(&self, path: &Path) -> Read {
        let found = std::fs::metadata(path).map_err(|error| explain(&error))?;
        let stamp = Stamp {
            modified: found.modified().ok(),
            length: found.len(),
            inode: std::os::unix::fs::MetadataExt::ino(&found),
        };
        if found.len() > MAX_FILE_BYTES {
            return Err(format!("it is larger than {} MiB", MAX_FILE_BYTES >> 20));
        }
        if let Some((known, reading)) = self.known.get(path)
            && *known == stamp
        {
            return Ok((stamp, reading.clone()));
        }
        let bytes = std::fs::read(path).map_err(|error| explain(&error))?;
        Ok((stamp, Arc::new(read_file(path, &bytes, &self.context))))
    }
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        _ => error.to_string(),
    }
}

/// Whether a file is configuration by its name.
pub(super) fn is_configuration(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| matches!(extension, "yaml" | "yml" | "json"))
}

fn collect(
    folder: &Path,
    depth: usize,
    paths: &mut Vec<PathBuf>,
    unreadable: &mut Vec<(PathBuf, String)>,
) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return unreadable.push((folder.to_owned(), explain(&error))),
    };
    for entry in entries.flatten() {
        // Hidden entries are editors' and version control's; a mounted ConfigMap's `..data` is
        // reached through the links beside it.
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        match std::fs::metadata(&path) {
            Ok(found) if found.is_dir() && depth < MAX_DEPTH => {
                collect(&path, depth + 1, paths, unreadable);
            }
            Ok(found) if found.is_dir() => {
                unreadable.push((path, format!("it is more than {MAX_DEPTH} folders deep")));
            }
            Ok(_) if is_configuration(&path) && paths.len() >= MAX_FILES => {
                return unreadable.push((path, format!("there are more than {MAX_FILES} files")));
            }
            Ok(_) if is_configuration(&path) => paths.push(path),
            Ok(_) => {}
            Err(error) => unreadable.push((path, explain(&error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_makes_scans_differ() {
        let home = tempfile::tempdir().unwrap();
        for number in 0..9 {
            std::fs::write(home.path().join(format!("{number}.yaml")), "kind: Monitor").unwrap();
        }
        let mut scanner = Scanner::new(vec![home.path().to_owned()], ReadContext::default());
        let first = scanner.scan();
        let names: Vec<_> = first.files.keys().filter_map(|path| path.file_stem()).collect();
        assert_eq!(names, ["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
        assert!(scanner.scan().saw_the_same(&first));
        std::fs::write(home.path().join("4.yaml"), "kind: Monitor # changed").unwrap();
        let second = scanner.scan();
        assert!(!second.saw_the_same(&first));
        std::fs::remove_file(home.path().join("5.yaml")).unwrap();
        assert!(!scanner.scan().saw_the_same(&second));
    }
}
