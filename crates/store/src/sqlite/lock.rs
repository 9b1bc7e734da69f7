//! One process at a time: a `flock` on a file beside the database. A lock on the database file
//! itself would be dropped by whoever closes any other descriptor of it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use kuma_core::ports::StoreError;
use rustix::fs::{FlockOperation, flock};

/// Held as long as it lives.
#[derive(Debug)]
pub(super) struct Lock {
    /// Closing it releases the lock.
    _file: File,
}

/// `<database>.lock`.
pub(super) fn lock_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

impl Lock {
    /// Takes the lock and writes this process's number into the file, for the message of the next.
    pub(super) fn take(database: &Path) -> Result<Self, StoreError> {
        let path = lock_path(database);
        let unavailable =
            |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(unavailable)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(StoreError::Locked(holder(database, &mut file)));
            }
            Err(error) => return Err(unavailable(error.into())),
        }
        file.set_len(0).map_err(unavailable)?;
        writeln!(file, "{}", std::process::id()).map_err(unavailable)?;
        Ok(Self { _file: file })
    }
}

fn holder(database: &Path, file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(32).read_to_string(&mut text);
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(pid)) => format!("{} (held by process {pid})", database.display()),
        _ => database.display().to_string(),
    }
}
