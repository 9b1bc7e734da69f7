//! Splits a template into text and placeholders.

use super::EVENT_VARIABLES;
use crate::ExprError;

/// A part of a template.
pub(super) enum Piece<'a> {
    /// Text that stays as it is.
    Literal(String),
    /// The inside of a placeholder and where the placeholder starts, in bytes.
    Expression {
        /// What is between the braces.
        text: &'a str,
        /// Where it starts.
        at: usize,
    },
}

/// Splits the source. `{{-` and `-}}` trim the white space beside them, as in Go's templates.
pub(super) fn pieces<'a>(source: &'a str, variables: &[&str]) -> Result<Vec<Piece<'a>>, ExprError> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(found) = source[at..].find('{') {
        let open = at + found;
        literal.push_str(&source[at..open]);
        if source[open..].starts_with("{{") {
            let end = end_of_placeholder(source, open + 2).ok_or_else(|| {
                ExprError::Syntax(format!("{}: `{{{{` is never closed", place(source, open)))
            })?;
            let mut text = &source[open + 2..end];
            at = end + 2;
            if let Some(inner) = text.strip_prefix('-') {
                text = inner;
                literal.truncate(literal.trim_end().len());
            }
            if let Some(inner) = text.strip_suffix('-') {
                text = inner;
                at += source[at..].len() - source[at..].trim_start().len();
            }
            push(&mut pieces, &mut literal, text, open);
        } else if let Some(name) = older_form(&source[open..], variables) {
            at = open + name.len() + 2;
            push(&mut pieces, &mut literal, name, open);
        } else {
            literal.push('{');
            at = open + 1;
        }
    }
    literal.push_str(&source[at..]);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

fn push<'a>(pieces: &mut Vec<Piece<'a>>, literal: &mut String, text: &'a str, at: usize) {
    if !literal.is_empty() {
        pieces.push(Piece::Literal(std::mem::take(literal)));
    }
    pieces.push(Piece::Expression { text, at });
}

/// Where the `}}` is that closes a placeholder; strings may hold braces.
fn end_of_placeholder(source: &str, from: usize) -> Option<usize> {
    let bytes = source.as_bytes();
    let mut at = from;
    let mut quote = None;
    while let Some(&byte) = bytes.get(at) {
        match (quote, byte) {
            (Some(_), b'\\') => at += 1,
            (Some(open), _) if byte == open => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The name in `{name}` at the start of the text, if it is one of an event's variables.
fn older_form<'a>(text: &'a str, variables: &[&str]) -> Option<&'a str> {
    let inner = text.strip_prefix('{')?;
    let name = &inner[..inner.find('}')?];
    (EVENT_VARIABLES.contains(&name) && variables.contains(&name)).then_some(name)
}

/// `line L, column C` of a byte position.
pub(super) fn place(source: &str, at: usize) -> String {
    let before = &source[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    format!("line {line}, column {column}")
}
