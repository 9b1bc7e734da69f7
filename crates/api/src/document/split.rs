//! Splits a file at its document markers.
//!
//! A line that begins with `---` or `...` in the first column ends a document wherever it
//! stands, inside block and quoted scalars too (YAML 1.2.2, rule c-forbidden), so that splitting
//! needs no parser.

use std::borrow::Cow;

use super::Guess;

/// One document's text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    /// The text, its marker included.
    pub(super) text: &'a str,
    /// The line it starts in, counted from 1.
    pub(super) line: u32,
}

/// The documents of a text, empty ones included.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut start, mut start_line) = (0, 1);
    let (mut at, mut line) = (0, 1_u32);
    let mut has_content = false;
    for text_line in text.split_inclusive('\n') {
        let bare = text_line.trim_end_matches(['\n', '\r']);
        let end = at + text_line.len();
        if is_marker(bare, "---") && has_content {
            parts.push(Part { text: &text[start..at], line: start_line });
            (start, start_line) = (at, line);
        }
        let ends = is_marker(bare, "...");
        // Directives and comments belong to the document that follows.
        has_content |= !bare.trim_start().is_empty()
            && !bare.trim_start().starts_with('#')
            && !bare.starts_with('%');
        at = end;
        line = line.saturating_add(1);
        if ends {
            parts.push(Part { text: &text[start..at], line: start_line });
            (start, start_line) = (at, line);
            has_content = false;
        }
    }
    if start < text.len() {
        parts.push(Part { text: &text[start..], line: start_line });
    }
    parts
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

/// What a document that cannot be parsed seems to be.
pub(super) fn guess(text: &str) -> Guess {
    let mut guess = Guess::default();
    let mut in_metadata = false;
    let mut indent = None;
    for line in text.lines() {
        let bare = line.trim_start();
        let depth = line.len() - bare.len();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let Some((key, value)) = bare.split_once(':') else {
            continue;
        };
        let value = || {
            let value = value.split(" #").next().unwrap_or("").trim();
            let value = value.trim_matches(['"', '\'']);
            (!value.is_empty()).then(|| value.to_owned())
        };
        if depth == 0 {
            in_metadata = key == "metadata";
            indent = None;
            match key {
                "apiVersion" => guess.api_version = value(),
                "kind" => guess.kind = value(),
                _ => {}
            }
        } else if in_metadata && *indent.get_or_insert(depth) == depth {
            match key {
                "name" => guess.name = value(),
                "namespace" => guess.namespace = value(),
                _ => {}
            }
        }
    }
    guess
}

/// JSON writes characters beyond the first plane as two escapes, which YAML does not know:
/// replaces them with the character in texts that look like JSON.
pub(super) fn join_surrogates(text: &str) -> Cow<'_, str> {
    if !text.trim_start().starts_with(['{', '[']) || !text.contains("\\u") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(character) = surrogate_pair(rest) {
            out.push(character);
            rest = &rest[12..];
        } else {
            // With what it escapes, so that the end of an escaped backslash starts nothing.
            let length = rest.chars().take(2).map(char::len_utf8).sum();
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character that two escapes at the start of the text stand for.
fn surrogate_pair(text: &str) -> Option<char> {
    let unit = |text: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let units = [unit(text)?, unit(text.get(6..)?)?];
    let high = (0xd800..0xdc00).contains(&units[0]);
    let character = char::decode_utf16(units).next()?.ok()?;
    high.then_some(character)
}
