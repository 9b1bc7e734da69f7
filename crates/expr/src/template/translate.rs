//! Turns the documented expression syntax into minijinja's: `.labels.team` becomes
//! `labels.team`, and `default "none"` (arguments after a filter's name, as in Go's templates)
//! becomes `default("none")`.

use super::filters;
use crate::ExprError;

/// Deepest nesting of brackets within a placeholder.
const MAX_DEPTH: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Text(&'a str),
    Number(&'a str),
    Mark(char),
    Space,
}

/// Translates the inside of a placeholder.
pub(super) fn translate(text: &str) -> Result<String, ExprError> {
    let tokens = tokens(text)?;
    if tokens.iter().all(|token| *token == Token::Space) {
        return Err(ExprError::Syntax("the placeholder is empty".to_owned()));
    }
    refuse_statements(&tokens)?;
    let mut out = String::with_capacity(text.len() + 8);
    let mut at = 0;
    while let Some(&token) = tokens.get(at) {
        at += 1;
        match token {
            Token::Mark('.') if !continues_path(&tokens[..at - 1]) => {}
            Token::Mark('|') => {
                out.push('|');
                at = filter(&tokens, at, &mut out)?;
            }
            other => push(&mut out, other),
        }
    }
    Ok(out)
}

/// Whether a dot after these tokens belongs to the path before it (`labels.team`).
fn continues_path(before: &[Token<'_>]) -> bool {
    matches!(before.last(), Some(Token::Word(_) | Token::Mark(')' | ']') | Token::Text(_)))
}

fn refuse_statements(tokens: &[Token<'_>]) -> Result<(), ExprError> {
    let first = tokens.iter().find(|token| **token != Token::Space);
    if let Some(Token::Word(word @ ("if" | "range" | "with" | "end" | "else" | "for" | "define"))) =
        first
    {
        return Err(ExprError::Syntax(format!(
            "`{word}` is not supported; write `{{{{ .a if .b else .c }}}}` for a choice"
        )));
    }
    Ok(())
}

/// A filter's name and, when they follow without parentheses, its arguments.
fn filter(tokens: &[Token<'_>], from: usize, out: &mut String) -> Result<usize, ExprError> {
    let mut at = skip_space(tokens, from);
    let Some(Token::Word(name)) = tokens.get(at) else {
        return Err(ExprError::Syntax("a filter's name is missing after `|`".to_owned()));
    };
    if !filters::NAMES.contains(name) {
        return Err(ExprError::Unknown(format!(
            "there is no filter `{name}`; there are {}",
            filters::NAMES.join(", ")
        )));
    }
    out.push_str(name);
    at += 1;
    let mut arguments = Vec::new();
    let mut next = skip_space(tokens, at);
    while let Some(token @ (Token::Text(_) | Token::Number(_))) = tokens.get(next) {
        arguments.push(*token);
        at = next + 1;
        next = skip_space(tokens, at);
    }
    if !arguments.is_empty() {
        out.push('(');
        for (index, token) in arguments.into_iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            push(out, token);
        }
        out.push(')');
    }
    Ok(at)
}

fn skip_space(tokens: &[Token<'_>], mut at: usize) -> usize {
    while tokens.get(at) == Some(&Token::Space) {
        at += 1;
    }
    at
}

fn push(out: &mut String, token: Token<'_>) {
    match token {
        Token::Word(text) | Token::Text(text) | Token::Number(text) => out.push_str(text),
        Token::Mark(mark) => out.push(mark),
        Token::Space => out.push(' '),
    }
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, ExprError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut depth = 0_usize;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' => string_length(rest)?,
            _ if first.is_whitespace() => run(rest, char::is_whitespace),
            _ if first.is_alphabetic() || first == '_' => {
                run(rest, |c| c.is_alphanumeric() || c == '_')
            }
            '0'..='9' => run(rest, |c| c.is_ascii_digit() || c == '.' || c == '_'),
            _ => first.len_utf8(),
        };
        let (part, after) = rest.split_at(length);
        tokens.push(match first {
            '"' | '\'' => Token::Text(part),
            '0'..='9' => Token::Number(part),
            _ if first.is_whitespace() => Token::Space,
            _ if first.is_alphabetic() || first == '_' => Token::Word(part),
            '{' | '}' => return Err(ExprError::Syntax(format!("`{first}` does not belong here"))),
            _ => Token::Mark(first),
        });
        match first {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(ExprError::TooLarge(format!(
                "a placeholder nests deeper than {MAX_DEPTH}"
            )));
        }
        rest = after;
    }
    Ok(tokens)
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn string_length(text: &str) -> Result<usize, ExprError> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            _ if byte == bytes[0] => return Ok(at + 1),
            _ => at += 1,
        }
    }
    Err(ExprError::Syntax("a string is never closed".to_owned()))
}
