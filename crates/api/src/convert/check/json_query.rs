//! `jsonQuery`: a request whose JSON body is queried.

use kuma_core::check::{Check, HttpCheck, JsonExpectation, JsonOperator, JsonQueryCheck};
use kuma_core::object::Problem;
use kuma_expr::JsonPath;

use super::http::request_check;
use super::{Context, Part, missing};
use crate::kinds::common::IntOrText;
use crate::kinds::monitor::{HttpRequest, JsonCriteria, JsonOperatorSpec, JsonQueryTarget};

/// What is asked of the body.
pub(super) struct Question {
    pub(super) query: Option<JsonPath>,
    pub(super) operator: JsonOperator,
    pub(super) expected: Option<JsonExpectation>,
}

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let criteria_at = format!("{}.successCriteria.jsonQuery", part.at);
    let (at, request, question) = match (&part.target.json_query, &part.target.http) {
        (Some(target), _) => {
            if part.criteria.json_query.is_some() {
                context.error(
                    criteria_at,
                    "it is an alias of what target.jsonQuery says; set only one of them",
                );
            }
            let at = part.path("jsonQuery");
            let question = from_target(context, &at, target);
            (at, &target.request, question)
        }
        (None, Some(request)) => {
            let Some(criteria) = &part.criteria.json_query else {
                context.error(
                    criteria_at,
                    "type jsonQuery with target.http needs successCriteria.jsonQuery",
                );
                return None;
            };
            let question = from_criteria(context, &criteria_at, criteria);
            (part.path("http"), request, question)
        }
        (None, None) => {
            missing(context, part, "jsonQuery");
            return None;
        }
    };
    finish(context, part, &at, request, question)
}

fn finish(
    context: &mut Context<'_>,
    part: &Part<'_>,
    at: &str,
    request: &HttpRequest,
    question: Question,
) -> Option<Check> {
    let http: HttpCheck = request_check(context, at, request, part)?;
    let (query, expected) = (question.query?, question.expected?);
    let operator = question.operator;
    Some(Check::JsonQuery(Box::new(JsonQueryCheck { http, query, operator, expected })))
}

fn from_target(context: &mut Context<'_>, at: &str, target: &JsonQueryTarget) -> Question {
    let operator = match (target.operator, &target.expected) {
        (Some(spec), _) => operator(spec),
        (None, Some(_)) => JsonOperator::Equal,
        (None, None) => JsonOperator::Exists,
    };
    Question {
        query: context.json_path(&format!("{at}.query"), &target.query),
        operator,
        expected: expectation(
            context,
            &format!("{at}.expected"),
            operator,
            target.expected.as_ref(),
        ),
    }
}

/// What criteria in the form of `successCriteria.jsonQuery` ask.
pub(super) fn from_criteria(
    context: &mut Context<'_>,
    at: &str,
    criteria: &JsonCriteria,
) -> Question {
    let query = context.json_path(&format!("{at}.path"), &criteria.path);
    let (operator, expected) = match (&criteria.equals, criteria.exists) {
        (Some(_), Some(false)) => {
            context.error(format!("{at}.exists"), "what must not exist cannot equal anything");
            (JsonOperator::Exists, None)
        }
        (Some(value), _) => (JsonOperator::Equal, Some(JsonExpectation::Value(value.to_string()))),
        (None, exists) => {
            (JsonOperator::Exists, Some(JsonExpectation::Exists(exists.unwrap_or(true))))
        }
    };
    Question { query, operator, expected }
}

fn expectation(
    context: &mut Context<'_>,
    path: &str,
    operator: JsonOperator,
    expected: Option<&IntOrText>,
) -> Option<JsonExpectation> {
    let text = expected.map(ToString::to_string);
    match (operator, text) {
        (JsonOperator::Exists, None) => Some(JsonExpectation::Exists(true)),
        (JsonOperator::Exists, Some(text)) => {
            if let Ok(exists) = text.parse() {
                Some(JsonExpectation::Exists(exists))
            } else {
                context.push(
                    Problem::semantic(path, "operator exists takes \"true\" or \"false\"")
                        .with_value(text),
                );
                None
            }
        }
        (_, None) => {
            context.error(path, "this operator needs expected");
            None
        }
        (JsonOperator::Matches, Some(source)) => {
            context.pattern(path, &source).map(JsonExpectation::Pattern)
        }
        (
            JsonOperator::Less
            | JsonOperator::LessOrEqual
            | JsonOperator::Greater
            | JsonOperator::GreaterOrEqual,
            Some(text),
        ) if text.trim().parse::<f64>().is_err() => {
            context
                .push(Problem::semantic(path, "this operator compares numbers").with_value(text));
            None
        }
        (_, Some(text)) => Some(JsonExpectation::Value(text)),
    }
}

const fn operator(spec: JsonOperatorSpec) -> JsonOperator {
    match spec {
        JsonOperatorSpec::Equal => JsonOperator::Equal,
        JsonOperatorSpec::NotEqual => JsonOperator::NotEqual,
        JsonOperatorSpec::Less => JsonOperator::Less,
        JsonOperatorSpec::LessOrEqual => JsonOperator::LessOrEqual,
        JsonOperatorSpec::Greater => JsonOperator::Greater,
        JsonOperatorSpec::GreaterOrEqual => JsonOperator::GreaterOrEqual,
        JsonOperatorSpec::Contains => JsonOperator::Contains,
        JsonOperatorSpec::Exists => JsonOperator::Exists,
        JsonOperatorSpec::Matches => JsonOperator::Matches,
    }
}
