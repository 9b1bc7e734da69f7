//! Files of YAML (several documents) or JSON, read as `kubectl` reads them, with the place of
//! every field.
//!
//! Guarantees: bounded in size, depth and expansion; one broken document does not stop the
//! others, because the text is split at the markers first and each part is parsed alone.

mod build;
mod scalar;
mod spans;
mod split;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use spans::{Prefer, Spans, child_path, item_path};

/// Largest file, in bytes.
pub const MAX_FILE_BYTES: usize = 32 << 20;
/// Largest document, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;
/// Most documents of a file.
pub const MAX_DOCUMENTS: usize = 10_000;
/// Deepest nesting of a document.
pub const MAX_DEPTH: usize = 64;

/// A place in a file.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Location {
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
}

impl Location {
    /// The first place of a file.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// Something that is not YAML or JSON as `kubectl` accepts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxProblem {
    /// Where.
    pub location: Location,
    /// Why, as one sentence.
    pub why: String,
    /// What would be right.
    pub fix: Option<String>,
}

impl SyntaxProblem {
    fn new(location: Location, why: impl Into<String>) -> Self {
        Self { location, why: why.into(), fix: None }
    }

    fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// One document of a file.
#[derive(Debug, Clone)]
pub struct Document {
    /// What it says; `null` when it cannot be read to its end.
    pub value: Value,
    /// Where its fields are.
    pub spans: Spans,
    /// What is wrong with it as YAML; empty for a sound document.
    pub problems: Vec<SyntaxProblem>,
    /// Kind and name as far as they can be made out in a document that cannot be read.
    pub guess: Option<Guess>,
}

/// What a broken document seems to be, taken from lines that look like `kind:` and `name:`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guess {
    /// After `apiVersion:`.
    pub api_version: Option<String>,
    /// After `kind:`.
    pub kind: Option<String>,
    /// After `name:` below `metadata:`.
    pub name: Option<String>,
    /// After `namespace:` below `metadata:`.
    pub namespace: Option<String>,
}

/// Reads a file. Documents without content (comments only) are left out. Problems of the whole
/// file come as a document without value.
pub fn read(bytes: &[u8]) -> Vec<Document> {
    let text = match decode(bytes) {
        Ok(text) => text,
        Err(problem) => return vec![broken(vec![problem], None)],
    };
    let mut documents = Vec::new();
    for part in split::parts(text) {
        if documents.len() >= MAX_DOCUMENTS {
            documents.push(broken(
                vec![SyntaxProblem::new(
                    Location { line: part.line, column: 1 },
                    format!(
                        "the file has more than {MAX_DOCUMENTS} documents; the rest is not read"
                    ),
                )],
                None,
            ));
            break;
        }
        documents.extend(read_part(&part));
    }
    documents
}

fn read_part(part: &split::Part<'_>) -> Option<Document> {
    let start = Location { line: part.line, column: 1 };
    if part.text.len() > MAX_DOCUMENT_BYTES {
        let problem = SyntaxProblem::new(
            start,
            format!("the document is larger than {MAX_DOCUMENT_BYTES} bytes"),
        );
        return Some(broken(vec![problem], None));
    }
    match build::build(&split::join_surrogates(part.text), part.line) {
        Ok(built) if built.value.is_null() && built.problems.is_empty() => None,
        Ok(built) => Some(Document {
            value: built.value,
            spans: built.spans,
            problems: built.problems,
            guess: None,
        }),
        Err(problems) => Some(broken(problems, Some(split::guess(part.text)))),
    }
}

fn broken(problems: Vec<SyntaxProblem>, guess: Option<Guess>) -> Document {
    let start = problems.first().map_or(Location::START, |problem| problem.location);
    Document { value: Value::Null, spans: Spans::new(start), problems, guess }
}

fn decode(bytes: &[u8]) -> Result<&str, SyntaxProblem> {
    let problem = |location, why: String| SyntaxProblem::new(location, why);
    if bytes.len() > MAX_FILE_BYTES {
        let why = format!("the file is larger than {MAX_FILE_BYTES} bytes");
        return Err(problem(Location::START, why));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let why = "the file is encoded as UTF-16".to_owned();
        return Err(problem(Location::START, why).with_fix("save it as UTF-8"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        problem(end_of(&before), "the file is not UTF-8 here".to_owned())
            .with_fix("save it as UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(at) = text.find('\0') {
        return Err(problem(
            end_of(&text[..at]),
            "the file holds a NUL character; it is no text".to_owned(),
        ));
    }
    Ok(text)
}

fn end_of(text: &str) -> Location {
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Location {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests;
