//! `jsonQuery`: an HTTP answer whose JSON body is queried.

use std::cmp::Ordering;

use kuma_core::check::value::{equal, number, parse_number, shown};
use kuma_core::check::{JsonExpectation, JsonOperator, JsonQueryCheck};
use kuma_core::observation::bounded;
use kuma_core::reason::Reason;
use kuma_expr::JsonPath;
use serde_json::Value;

use crate::attempt::{Attempt, Verdict};
use crate::fault::Fault;
use crate::http::{self, Need};
use crate::json;

/// Longest value shown in a message, in bytes.
const MAX_SHOWN_BYTES: usize = 120;

/// Bodies larger than this are read and queried off the asynchronous threads, in bytes.
const LARGE_BODY_BYTES: usize = 32 * 1024;

/// Runs the check.
pub(crate) async fn run(attempt: &mut Attempt<'_>, check: &JsonQueryCheck) -> Verdict {
    let mut answer = http::fetch(attempt, &check.http, Need::Whole).await?;
    http::tell(attempt, &answer);
    let judged = if answer.body.len() <= LARGE_BODY_BYTES {
        judge_body(check, &answer.body)
    } else {
        let body = std::mem::take(&mut answer.body);
        answer.body = body[..http::SHOWN_BODY_BYTES].to_vec();
        let check = check.clone();
        tokio::task::spawn_blocking(move || judge_body(&check, &body)).await.unwrap_or_else(|_| {
            Err(Fault::ours(Reason::Internal, "the query failed inside this program"))
        })
    };
    judged.map_err(|fault| fault.with_all(answer.last_facts()))?;
    Ok(format!("{}, query as expected", answer.status_line()))
}

fn judge_body(check: &JsonQueryCheck, body: &[u8]) -> Result<(), Fault> {
    let body = json::parse(body)?;
    judge(&check.query, check.operator, &check.expected, &body)
}

/// The same for a text from elsewhere.
pub(crate) fn judge_text(
    query: &JsonPath,
    operator: JsonOperator,
    expected: &JsonExpectation,
    text: &[u8],
) -> Result<(), Fault> {
    judge(query, operator, expected, &json::parse(text)?)
}

fn judge(
    query: &JsonPath,
    operator: JsonOperator,
    expected: &JsonExpectation,
    value: &Value,
) -> Result<(), Fault> {
    let found = query.query(value);
    let query = query.as_str();
    let fail = |message: String| Err(Fault::target(Reason::JsonQuery, message));
    if let JsonExpectation::Exists(wanted) = *expected {
        return match (found.is_empty(), wanted) {
            (true, true) => fail(format!("`{query}` finds nothing")),
            (false, false) => fail(format!("`{query}` finds something and must not")),
            _ => Ok(()),
        };
    }
    let Some(value) = found.first() else {
        return fail(format!("`{query}` finds nothing"));
    };
    let (holds, wanted) = match expected {
        JsonExpectation::Exists(wanted) => (*wanted, String::new()),
        JsonExpectation::Pattern(pattern) => {
            (pattern.is_match(&shown(value)), format!("a match of `{}`", pattern.as_str()))
        }
        JsonExpectation::Value(expected) => {
            (compare(operator, value, expected), format!("{} {expected}", sign(operator)))
        }
    };
    if holds {
        return Ok(());
    }
    fail(format!(
        "`{query}` is {}, expected {}",
        bounded(shown(value), MAX_SHOWN_BYTES),
        bounded(wanted, MAX_SHOWN_BYTES)
    ))
}

fn compare(operator: JsonOperator, value: &Value, expected: &str) -> bool {
    let ordered = |accept: fn(Ordering) -> bool| {
        number(value)
            .zip(parse_number(expected))
            .and_then(|(value, expected)| value.partial_cmp(&expected))
            .is_some_and(accept)
    };
    match operator {
        JsonOperator::Equal => equal(value, expected),
        JsonOperator::NotEqual => !equal(value, expected),
        JsonOperator::Less => ordered(Ordering::is_lt),
        JsonOperator::LessOrEqual => ordered(Ordering::is_le),
        JsonOperator::Greater => ordered(Ordering::is_gt),
        JsonOperator::GreaterOrEqual => ordered(Ordering::is_ge),
        JsonOperator::Contains => match value {
            Value::Array(items) => items.iter().any(|item| equal(item, expected)),
            Value::Object(fields) => fields.contains_key(expected),
            other => shown(other).contains(expected),
        },
        // Validation gives these two their own expectations.
        JsonOperator::Exists => true,
        JsonOperator::Matches => false,
    }
}

const fn sign(operator: JsonOperator) -> &'static str {
    match operator {
        JsonOperator::Equal => "==",
        JsonOperator::NotEqual => "!=",
        JsonOperator::Less => "<",
        JsonOperator::LessOrEqual => "<=",
        JsonOperator::Greater => ">",
        JsonOperator::GreaterOrEqual => ">=",
        JsonOperator::Contains => "contains",
        JsonOperator::Exists => "exists",
        JsonOperator::Matches => "matches",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn order_needs_numbers() {
        assert!(compare(JsonOperator::Less, &json!(9), "10"));
        assert!(compare(JsonOperator::GreaterOrEqual, &json!("10"), "10"));
        assert!(!compare(JsonOperator::Greater, &json!("high"), "1"));
        assert!(!compare(JsonOperator::Less, &json!(null), "1"));
    }

    #[test]
    fn lists_texts_and_objects_can_contain() {
        assert!(compare(JsonOperator::Contains, &json!(["a", "b"]), "b"));
        assert!(!compare(JsonOperator::Contains, &json!(["ab"]), "b"));
        assert!(compare(JsonOperator::Contains, &json!("abc"), "b"));
        assert!(compare(JsonOperator::Contains, &json!({"b": 1}), "b"));
    }
}
