//! Where the fields of a document are.

use std::collections::HashMap;

use super::Location;

/// What of a field is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefer {
    /// Its key; for items of a list the item.
    Key,
    /// Its value where that is on one line, else its key.
    Value,
}

/// The places of a field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) key: Location,
    pub(super) value: Location,
}

/// The places of all fields of a document.
#[derive(Debug, Clone)]
pub struct Spans {
    start: Location,
    places: HashMap<String, Place>,
}

impl Spans {
    pub(super) fn new(start: Location) -> Self {
        Self { start, places: HashMap::new() }
    }

    pub(super) fn set_start(&mut self, start: Location) {
        self.start = start;
    }

    pub(super) fn insert(&mut self, path: String, place: Place) {
        self.places.insert(path, place);
    }

    /// Where the document's content starts.
    pub fn start(&self) -> Location {
        self.start
    }

    /// Where a field path (`spec.items[2].name`) is, or the nearest parent that exists.
    pub fn locate(&self, path: &str) -> Location {
        self.find(path, Prefer::Value)
    }

    /// As [`Spans::locate`], for a key or a value. A parent found instead of the field itself is
    /// always meant by its key.
    pub fn find(&self, path: &str, prefer: Prefer) -> Location {
        let mut path = path;
        let mut prefer = prefer;
        while !path.is_empty() {
            if let Some(place) = self.places.get(path) {
                return match prefer {
                    Prefer::Key => place.key,
                    Prefer::Value => place.value,
                };
            }
            prefer = Prefer::Key;
            let end = path.rfind(['.', '[']).unwrap_or(0);
            path = &path[..end];
        }
        self.start
    }
}

/// The path of an entry of an object: `.key`, or `[key]` when the key has characters of its own.
pub fn child_path(parent: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-$".contains(c));
    match (parent.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{parent}.{key}"),
        (_, false) => format!("{parent}[{key}]"),
    }
}

/// The path of an item of a list.
pub fn item_path(parent: &str, index: usize) -> String {
    format!("{parent}[{index}]")
}
