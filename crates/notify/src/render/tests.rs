//! Snapshots of every default text.
