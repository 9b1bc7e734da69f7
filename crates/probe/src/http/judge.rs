//! Whether status and headers are as expected.

use ::http::header::CONTENT_TYPE;
use ::http::response::Parts;
use kuma_core::check::{HeaderMatch, HttpCriteria, StatusRange};
use kuma_core::reason::Reason;

use super::answer::status_line;
use crate::fault::Fault;

/// Status, then media type, then headers.
pub(super) fn head(criteria: &HttpCriteria, head: &Parts) -> Result<(), Fault> {
    let status = head.status.as_u16();
    let accepted = |range: &StatusRange| (range.low..=range.high).contains(&status);
    if !criteria.status_codes.iter().any(accepted) {
        return Err(Fault::target(
            Reason::HttpStatus,
            format!("status {}, expected {}", status_line(head), ranges(&criteria.status_codes)),
        ));
    }
    if let Some(expected) = &criteria.content_type {
        content_type(expected, head)?;
    }
    criteria.header_matches.iter().try_for_each(|wanted| header(wanted, head))
}

fn content_type(expected: &str, head: &Parts) -> Result<(), Fault> {
    let found =
        head.headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let media_type =
        found.as_deref().map(|value| value.split(';').next().unwrap_or_default().trim());
    if media_type.is_some_and(|found| found.eq_ignore_ascii_case(expected)) {
        return Ok(());
    }
    Err(Fault::target(
        Reason::HttpContentType,
        match media_type {
            Some(found) => format!("media type {found}, expected {expected}"),
            None => format!("no media type, expected {expected}"),
        },
    ))
}

fn header(wanted: &HeaderMatch, head: &Parts) -> Result<(), Fault> {
    let mut values = head.headers.get_all(wanted.name.as_str()).iter().peekable();
    let absent = values.peek().is_none();
    if values.any(|value| wanted.pattern.is_match_bytes(value.as_bytes())) {
        return Ok(());
    }
    let what = if absent { "is absent" } else { "has another value" };
    Err(Fault::target(
        Reason::HttpHeader,
        format!("header {} {what}, expected a match of `{}`", wanted.name, wanted.pattern.as_str()),
    ))
}

fn ranges(ranges: &[StatusRange]) -> String {
    let text: Vec<String> = ranges
        .iter()
        .map(|range| {
            if range.low == range.high {
                range.low.to_string()
            } else {
                format!("{}–{}", range.low, range.high)
            }
        })
        .collect();
    text.join(", ")
}

#[cfg(test)]
mod tests {
    use ::http::Response;
    use kuma_core::observation::Outcome;
    use kuma_expr::Pattern;

    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Parts {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(()).unwrap().into_parts().0
    }

    fn message(criteria: &HttpCriteria, parts: &Parts) -> String {
        let fault = head(criteria, parts).unwrap_err();
        let Outcome::Failure(reason) = fault.outcome else {
            panic!("not a failure");
        };
        format!("{reason}: {}", fault.message)
    }

    #[test]
    fn the_status_must_be_in_a_range() {
        let criteria = HttpCriteria {
            status_codes: vec![
                StatusRange { low: 200, high: 299 },
                StatusRange { low: 404, high: 404 },
            ],
            ..HttpCriteria::default()
        };
        assert!(head(&criteria, &answer(204, &[])).is_ok());
        assert!(head(&criteria, &answer(404, &[])).is_ok());
        insta::assert_snapshot!(
            message(&criteria, &answer(503, &[])),
            @"HTTP_STATUS: status 503 Service Unavailable, expected 200–299, 404"
        );
    }

    #[test]
    fn media_types_are_compared_without_parameters_and_case() {
        let criteria = HttpCriteria {
            content_type: Some("application/json".into()),
            ..HttpCriteria::default()
        };
        let good = answer(200, &[("content-type", "Application/JSON; charset=utf-8")]);
        assert!(head(&criteria, &good).is_ok());
        insta::assert_snapshot!(
            message(&criteria, &answer(200, &[("content-type", "text/html")])),
            @"HTTP_CONTENT_TYPE: media type text/html, expected application/json"
        );
        insta::assert_snapshot!(
            message(&criteria, &answer(200, &[])),
            @"HTTP_CONTENT_TYPE: no media type, expected application/json"
        );
    }

    #[test]
    fn one_value_of_a_header_must_match() {
        let criteria = HttpCriteria {
            header_matches: vec![HeaderMatch {
                name: "X-Node".into(),
                pattern: Pattern::compile("^b$").unwrap(),
            }],
            ..HttpCriteria::default()
        };
        assert!(head(&criteria, &answer(200, &[("x-node", "a"), ("x-node", "b")])).is_ok());
        insta::assert_snapshot!(
            message(&criteria, &answer(200, &[("x-node", "a")])),
            @"HTTP_HEADER: header X-Node has another value, expected a match of `^b$`"
        );
        insta::assert_snapshot!(
            message(&criteria, &answer(200, &[])),
            @"HTTP_HEADER: header X-Node is absent, expected a match of `^b$`"
        );
    }
}
