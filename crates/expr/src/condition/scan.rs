//! What is refused before it reaches the parser, which would use up the stack.

use crate::ExprError;

/// Longest source accepted, in bytes.
const MAX_SOURCE_BYTES: usize = 4096;
/// Deepest nesting of brackets.
const MAX_DEPTH: usize = 24;
/// Most operators and selections, each of which may be one level of the parsed tree.
const MAX_OPERATORS: usize = 300;
/// Stack of the thread that parses: the parser takes kilobytes per level.
const STACK_BYTES: usize = 16 << 20;

/// Refuses what is long, deep or has more operators than anyone writes.
pub(super) fn check(source: &str) -> Result<(), ExprError> {
    let too_large = |what: String| Err(ExprError::TooLarge(what));
    if source.len() > MAX_SOURCE_BYTES {
        return too_large(format!("the condition is longer than {MAX_SOURCE_BYTES} bytes"));
    }
    let (mut depth, mut operators) = (0_usize, 0_usize);
    let mut quote = None;
    let mut bytes = source.bytes();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (Some(_), b'\\') => drop(bytes.next()),
            (Some(open), _) if byte == open => quote = None,
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            (None, byte) if b"+-*/%<>=!&|?:.".contains(&byte) => operators += 1,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return too_large(format!("the condition nests deeper than {MAX_DEPTH} brackets"));
        }
    }
    if operators > MAX_OPERATORS {
        return too_large(format!("the condition has more than {MAX_OPERATORS} operators"));
    }
    Ok(())
}

/// Runs `work` where there is room on the stack.
pub(super) fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, ExprError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        thread.ok().and_then(|thread| thread.join().ok())
    })
    .ok_or_else(|| ExprError::TooLarge("the condition cannot be read".to_owned()))
}
