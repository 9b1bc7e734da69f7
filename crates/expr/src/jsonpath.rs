//! `JSONPath` (RFC 9535), bounded before it reaches the parser and in what it may cost to run.

use crate::ExprError;

/// Longest query accepted, in bytes.
const MAX_SOURCE_BYTES: usize = 2048;
/// Deepest nesting of brackets and parentheses; the parser aborts the process on far deeper ones.
const MAX_DEPTH: usize = 64;
/// Most descendant segments (`..`): each may visit every node below every node before it.
const MAX_DESCENTS: usize = 2;
/// Most filters (`?`).
const MAX_FILTERS: usize = 8;
/// How often one node may be selected again by lists of selectors (`[*,*]` twice makes four).
const MAX_REPEATS: usize = 256;
/// Most nodes a query yields.
const MAX_NODES: usize = 10_000;

/// A compiled query, equal to another one with the same source.
#[derive(Debug, Clone)]
pub struct JsonPath {
    source: String,
    path: serde_json_path::JsonPath,
}

impl PartialEq for JsonPath {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for JsonPath {}

impl JsonPath {
    /// Compiles a query. Long, deeply nested and explosive ones are refused before they reach
    /// the parser, which would abort the process on some of them.
    ///
    /// # Errors
    /// [`ExprError::TooLarge`] beyond the bounds, [`ExprError::Syntax`] with the position else.
    pub fn compile(source: &str) -> Result<Self, ExprError> {
        Scan::default().check(source)?;
        let path = serde_json_path::JsonPath::parse(source)
            .map_err(|error| ExprError::Syntax(error.to_string()))?;
        Ok(Self { source: source.to_owned(), path })
    }

    /// The nodes it selects, in order, at most 10,000 of them.
    pub fn query<'a>(&self, value: &'a serde_json::Value) -> Vec<&'a serde_json::Value> {
        let mut nodes = self.path.query(value).all();
        nodes.truncate(MAX_NODES);
        nodes
    }

    /// The source.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

fn too_large(what: impl Into<String>) -> ExprError {
    ExprError::TooLarge(what.into())
}

/// What the scan has seen so far.
#[derive(Default)]
struct Scan {
    /// Open brackets: the character and the commas directly inside it.
    open: Vec<(u8, usize)>,
    descents: usize,
    filters: usize,
    repeats: usize,
    regexes: usize,
    /// Whether the text right before belongs to an absolute query inside a filter.
    absolute: bool,
}

impl Scan {
    fn check(mut self, source: &str) -> Result<(), ExprError> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(too_large(format!("the query is longer than {MAX_SOURCE_BYTES} bytes")));
        }
        self.repeats = 1;
        let bytes = source.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if matches!(byte, b'\'' | b'"') {
                at = end_of_string(bytes, at);
                continue;
            }
            self.byte(bytes, at)?;
            at += 1;
        }
        if self.regexes > 0 && self.descents > 0 {
            return Err(too_large("match() and search() cannot be combined with `..`"));
        }
        Ok(())
    }

    fn byte(&mut self, bytes: &[u8], at: usize) -> Result<(), ExprError> {
        match bytes[at] {
            open @ (b'[' | b'(') => {
                if open == b'(' {
                    self.absolute = false;
                    let before = &bytes[..at];
                    if before.ends_with(b"match") || before.ends_with(b"search") {
                        self.regexes += 1;
                    }
                }
                self.open.push((open, 0));
                if self.open.len() > MAX_DEPTH {
                    return Err(too_large(format!(
                        "the query nests deeper than {MAX_DEPTH} at column {}",
                        at + 1
                    )));
                }
            }
            b']' | b')' => self.close(bytes[at] == b']')?,
            b',' => {
                self.absolute = false;
                if let Some((_, commas)) = self.open.last_mut() {
                    *commas += 1;
                }
            }
            b'.' if bytes.get(at + 1) == Some(&b'.') => {
                self.descents += 1;
                self.refuse_broad_absolute(at)?;
                if self.descents > MAX_DESCENTS {
                    return Err(too_large(format!(
                        "the query has more than {MAX_DESCENTS} descendant segments (`..`)"
                    )));
                }
            }
            b'?' => {
                self.filters += 1;
                self.refuse_broad_absolute(at)?;
                if self.filters > MAX_FILTERS {
                    return Err(too_large(format!(
                        "the query has more than {MAX_FILTERS} filters (`?`)"
                    )));
                }
            }
            b'*' | b':' => self.refuse_broad_absolute(at)?,
            b'$' if !self.open.is_empty() => self.absolute = true,
            b' ' | b'=' | b'!' | b'<' | b'>' | b'&' | b'|' | b'@' => self.absolute = false,
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, bracket: bool) -> Result<(), ExprError> {
        let Some((_, commas)) = self.open.pop() else {
            return Ok(());
        };
        if bracket {
            self.repeats = self.repeats.saturating_mul(commas + 1);
        }
        if self.repeats > MAX_REPEATS {
            return Err(too_large(
                "the query selects the same nodes again and again through its lists of selectors",
            ));
        }
        Ok(())
    }

    /// `$` inside a filter is evaluated again for every candidate, so it may name one node only.
    fn refuse_broad_absolute(&self, at: usize) -> Result<(), ExprError> {
        if self.absolute {
            return Err(too_large(format!(
                "`$` inside a filter may only be followed by names and indexes (column {})",
                at + 1
            )));
        }
        Ok(())
    }
}

/// The position after the string that starts at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let mut at = at + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            _ if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_query_selects_nodes_in_order() {
        let value = json!({"items": [{"n": 1}, {"n": 3, "ok": true}], "limit": 2});
        let query = |source| JsonPath::compile(source).unwrap();
        assert_eq!(query("$.items[*].n").query(&value), [&json!(1), &json!(3)]);
        assert_eq!(query("$..n").query(&value), [&json!(1), &json!(3)]);
        assert_eq!(query("$.items[?@.n > $.limit].ok").query(&value), [&json!(true)]);
        assert_eq!(query("$.none").query(&value), Vec::<&serde_json::Value>::new());
        assert_eq!(query("$['a]b(\\'c']").query(&json!({"a]b('c": 1})), [&json!(1)]);
    }

    #[test]
    fn a_broken_query_is_a_syntax_error_that_says_where() {
        for source in ["", "items", "$.", "$[", "$.items[?@.n >]"] {
            let error = JsonPath::compile(source).unwrap_err();
            assert!(matches!(error, ExprError::Syntax(_)), "{source}: {error:?}");
        }
        let error = JsonPath::compile("$.items[?@.n >]").unwrap_err();
        assert!(error.to_string().contains("position"), "{error}");
    }

    #[test]
    fn what_would_abort_or_explode_is_refused() {
        let nested = format!("$[?{}@.a{}]", "(".repeat(1000), ")".repeat(1000));
        let long = format!("$.{}", "a".repeat(3000));
        let repeated = format!("${}", "[*,*]".repeat(20));
        for source in [
            nested.as_str(),
            long.as_str(),
            repeated.as_str(),
            "$..a..b..c",
            "$[?$..a]",
            "$[?$[*].a == @.b]",
            "$..[?match(@.a, 'x.*')]",
        ] {
            let error = JsonPath::compile(source).unwrap_err();
            assert!(matches!(error, ExprError::TooLarge(_)), "{source}: {error:?}");
        }
    }

    #[test]
    fn results_are_bounded() {
        let value = serde_json::Value::Array(vec![json!(0); 20_000]);
        assert_eq!(JsonPath::compile("$[*]").unwrap().query(&value).len(), MAX_NODES);
    }

    proptest! {
        #[test]
        fn no_source_panics(source in "[$@.\\[\\]()?*,:'\"\\\\a-c0-9 <=&|!-]{0,80}") {
            if let Ok(path) = JsonPath::compile(&source) {
                path.query(&json!({"a": [1, {"b": "c"}], "b": {"a": null}}));
            }
        }
    }
}
