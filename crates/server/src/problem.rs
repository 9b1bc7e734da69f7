//! Errors as RFC 9457 problem documents.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use kuma_core::ports::StoreError;
use serde::Serialize;

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Which.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: String,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

impl Problem {
    /// A problem with a status and a title.
    pub fn new(status: StatusCode, title: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: title.into(),
            status: status.as_u16(),
            detail: None,
            errors: Vec::new(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// A wrong field or parameter.
    #[must_use]
    pub fn error(mut self, path: impl Into<String>, reason: impl Into<String>) -> Self {
        self.errors.push(FieldError { path: path.into(), reason: reason.into() });
        self
    }

    /// A parameter that cannot be read.
    pub fn bad_parameter(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "A parameter is wrong").error(path, reason)
    }

    /// A query string that cannot be read, from axum's words:
    /// "Failed to deserialize query string: limit: invalid digit …".
    pub fn bad_query(words: &str) -> Self {
        let words = words.strip_prefix("Failed to deserialize query string: ").unwrap_or(words);
        match words.split_once(": ") {
            Some((path, reason)) => Self::bad_parameter(path, reason),
            None => Self::bad_parameter("query", words),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Invalid(why) => {
                Self::new(StatusCode::BAD_REQUEST, "The question cannot be answered").detail(why)
            }
            other => Self::new(StatusCode::SERVICE_UNAVAILABLE, "The store does not answer")
                .detail(other.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self)).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_parameter_is_named() {
        let named = Problem::bad_query("Failed to deserialize query string: limit: invalid digit");
        assert_eq!(named.errors[0].path, "limit");
        assert_eq!(named.errors[0].reason, "invalid digit");
        assert_eq!(Problem::bad_query("odd").errors[0].path, "query");
    }
}
