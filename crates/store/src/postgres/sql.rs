//! Texts and questions on their way into PostgreSQL.

use sqlx::postgres::PgPool;
use sqlx::{Postgres, Transaction};

/// What stands for NUL, which no text of PostgreSQL can hold: U+2400, the symbol for it.
const NUL: &str = "\u{2400}";

/// A text that can be stored: NULs are shown instead of kept.
pub(super) fn clean(text: &str) -> String {
    if text.contains('\0') { text.replace('\0', NUL) } else { text.to_owned() }
}

/// JSON that PostgreSQL can look into: no escaped NUL is in it. `\\u0000` is a backslash and text.
pub(super) fn clean_json(text: &str) -> String {
    let text = clean(text);
    if !text.contains("\\u0000") {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = escape.strip_prefix("\\u0000") {
            out.push_str(NUL);
            rest = after;
        } else {
            let length = escape.char_indices().nth(2).map_or(escape.len(), |(at, _)| at);
            let (pair, after) = escape.split_at(length);
            out.push_str(pair);
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// One state of the database for several questions.
pub(super) async fn snapshot(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
}

/// A stored number that is never negative.
pub(super) fn unsigned<T: TryFrom<i64>>(what: &str, value: i64) -> sqlx::Result<T> {
    T::try_from(value).map_err(|_| crate::code::damaged(what, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_shown() {
        assert_eq!(clean("a\0b"), "a␀b");
        assert_eq!(clean("ü"), "ü");
    }

    #[test]
    fn an_escaped_nul_is_shown_and_an_escaped_backslash_stays() {
        assert_eq!(clean_json(r#"{"a":"x\u0000\u0000y"}"#), r#"{"a":"x␀␀y"}"#);
        assert_eq!(clean_json(r#""\\u0000 \\\u0000 \n""#), r#""\\u0000 \\␀ \n""#);
        assert_eq!(clean_json("plain"), "plain");
        assert_eq!(clean_json(r"\u0000\"), "␀\\");
    }
}
