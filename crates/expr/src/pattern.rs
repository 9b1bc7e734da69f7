//! Regular expressions and globs, in linear time and bounded memory.

use crate::ExprError;

/// Longest source accepted, in bytes.
const MAX_SOURCE_BYTES: usize = 4096;
/// Largest compiled program, in bytes.
const MAX_PROGRAM_BYTES: usize = 1 << 20;

/// A compiled regular expression, equal to another one with the same source.
#[derive(Debug, Clone)]
pub struct Pattern(regex::bytes::Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Compiles a regular expression (syntax of the `regex` crate, which is RE2's).
    pub fn compile(source: &str) -> Result<Self, ExprError> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(ExprError::TooLarge(format!(
                "the expression is longer than {MAX_SOURCE_BYTES} bytes"
            )));
        }
        regex::bytes::RegexBuilder::new(source)
            .size_limit(MAX_PROGRAM_BYTES)
            .build()
            .map(Self)
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => ExprError::TooLarge(format!(
                    "the expression needs more than {MAX_PROGRAM_BYTES} bytes once compiled"
                )),
                other => ExprError::Syntax(other.to_string()),
            })
    }

    /// Whether the text holds a match.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text.as_bytes())
    }

    /// Whether the bytes hold a match.
    pub fn is_match_bytes(&self, bytes: &[u8]) -> bool {
        self.0.is_match(bytes)
    }

    /// The source.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// A compiled glob over names, equal to another one with the same source.
#[derive(Debug, Clone)]
pub struct Glob(globset::GlobMatcher);

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Glob {}

impl Glob {
    /// Compiles a glob (`*`, `?`, `[…]`, `{a,b}`).
    pub fn compile(source: &str) -> Result<Self, ExprError> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(ExprError::TooLarge(format!(
                "the pattern is longer than {MAX_SOURCE_BYTES} bytes"
            )));
        }
        globset::Glob::new(source)
            .map(|glob| Self(glob.compile_matcher()))
            .map_err(|error| ExprError::Syntax(error.to_string()))
    }

    /// Whether the whole name matches.
    pub fn is_match(&self, name: &str) -> bool {
        self.0.is_match(name)
    }

    /// The source.
    pub fn as_str(&self) -> &str {
        self.0.glob().glob()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_text_and_bytes() {
        let pattern = Pattern::compile("^(ok|fine)\\b").unwrap();
        assert!(pattern.is_match("ok then"));
        assert!(!pattern.is_match("not ok"));
        assert!(pattern.is_match_bytes(b"fine \xff"));
        assert_eq!(pattern, Pattern::compile("^(ok|fine)\\b").unwrap());
    }

    #[test]
    fn large_and_broken_patterns_are_refused() {
        let long = "a".repeat(MAX_SOURCE_BYTES + 1);
        assert!(matches!(Pattern::compile(&long), Err(ExprError::TooLarge(_))));
        assert!(matches!(Glob::compile(&long), Err(ExprError::TooLarge(_))));
        assert!(matches!(
            Pattern::compile("(((\\w{100}){100}){100}){100}"),
            Err(ExprError::TooLarge(_))
        ));
        assert!(Pattern::compile(&"(".repeat(4000)).is_err());
        assert!(matches!(Pattern::compile("("), Err(ExprError::Syntax(_))));
        assert!(matches!(Glob::compile("[a"), Err(ExprError::Syntax(_))));
        assert!(Glob::compile(&"{a,".repeat(1000)).is_err());
    }

    #[test]
    fn globs_match_whole_names() {
        let glob = Glob::compile("shop-*").unwrap();
        assert!(glob.is_match("shop-api"));
        assert!(!glob.is_match("my-shop-api"));
        assert!(Glob::compile("{api,web}-?").unwrap().is_match("web-1"));
    }
}
