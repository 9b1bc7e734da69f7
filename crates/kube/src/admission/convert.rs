//! Versions of our kinds. There is one, `v1`, through which every later one is converted, so that a
//! new version is one line in a table.

use std::collections::BTreeMap;

use kube::core::Status;
use kube::core::conversion::{ConversionRequest, ConversionResponse, ConversionReview};
use kuma_api::kinds::{GROUP, VERSION};
use kuma_core::id::Kind;
use kuma_core::observation::bounded;
use serde_json::Value;

/// Turns an object of one version into one of another; `apiVersion` is seen to by the caller, and
/// metadata beyond labels and annotations stays as it is.
///
/// # Errors
/// Why it cannot be, as a sentence.
pub type Conversion = fn(Value) -> Result<Value, String>;

/// Why an object cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConversionError {
    /// It is no object of ours.
    #[error("{0} is no object of {GROUP}")]
    NotOurs(String),
    /// There is no such version of the kind.
    #[error("there is no version `{version}` of {kind}; the versions are {known}")]
    NoVersion {
        /// The kind.
        kind: Kind,
        /// The version asked for.
        version: String,
        /// Those that there are.
        known: String,
    },
    /// The conversion does not know what to make of it.
    #[error("{kind} {name} cannot be converted from {from} to {to}: {why}")]
    Impossible {
        /// The kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// The version it has.
        from: String,
        /// The version it was to have.
        to: String,
        /// Why.
        why: String,
    },
}

#[derive(Debug, Clone, Copy)]
struct Steps {
    to_v1: Conversion,
    from_v1: Conversion,
}

/// The conversions there are.
#[derive(Debug, Clone, Default)]
pub struct Conversions {
    steps: BTreeMap<(Kind, String), Steps>,
}

impl Conversions {
    /// Only `v1`.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with another version of a kind.
    #[must_use]
    pub fn with(
        mut self,
        kind: Kind,
        version: &str,
        to_v1: Conversion,
        from_v1: Conversion,
    ) -> Self {
        self.steps.insert((kind, version.to_owned()), Steps { to_v1, from_v1 });
        self
    }

    /// The object in another version, `monitoring.kubekuma.io/…`. Pure; never panics if the
    /// conversions of the table do not.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn convert(&self, object: Value, to: &str) -> Result<Value, ConversionError> {
        let text = |field| object.get(field).and_then(Value::as_str).unwrap_or_default();
        let (api_version, kind) = (text("apiVersion").to_owned(), text("kind").to_owned());
        let title = bounded(format!("{api_version} {kind}"), 120);
        let ours = Kind::OURS.into_iter().find(|ours| ours.as_str() == kind);
        let (Some(kind), Some(from)) = (ours, version_of(&api_version)) else {
            return Err(ConversionError::NotOurs(title));
        };
        let Some(to) = version_of(to) else {
            return Err(ConversionError::NotOurs(bounded(to.to_owned(), 120)));
        };
        if from == to {
            return Ok(object);
        }
        let up = self.steps(kind, from)?;
        let down = self.steps(kind, to)?;
        let metadata = object.get("metadata").cloned();
        let name = metadata.as_ref().and_then(|it| it.get("name")).and_then(Value::as_str);
        let name = name.unwrap_or_default().to_owned();
        let failed = |why: String| ConversionError::Impossible {
            kind,
            name: name.clone(),
            from: from.to_owned(),
            to: to.to_owned(),
            why: bounded(why, 500),
        };
        let object =
            up.map_or(Ok(object.clone()), |steps| (steps.to_v1)(object)).map_err(failed)?;
        let mut object =
            down.map_or(Ok(object.clone()), |steps| (steps.from_v1)(object)).map_err(failed)?;
        let Some(entries) = object.as_object_mut() else {
            return Err(failed("the conversion made no object of it".to_owned()));
        };
        entries.insert("apiVersion".to_owned(), Value::String(format!("{GROUP}/{to}")));
        entries.insert("kind".to_owned(), Value::String(kind.as_str().to_owned()));
        if let Some(kept) = metadata {
            let converted = entries.remove("metadata");
            entries.insert("metadata".to_owned(), with_texts_of(kept, converted.as_ref()));
        }
        Ok(object)
    }

    /// The steps of a version; none for `v1`, which needs none.
    fn steps(&self, kind: Kind, version: &str) -> Result<Option<Steps>, ConversionError> {
        if version == VERSION {
            return Ok(None);
        }
        let steps = self.steps.get(&(kind, version.to_owned()));
        steps.copied().map(Some).ok_or_else(|| {
            let others = self.steps.keys().filter(|(other, _)| *other == kind);
            let known: Vec<_> = std::iter::once(VERSION)
                .chain(others.map(|(_, version)| version.as_str()))
                .collect();
            ConversionError::NoVersion {
                kind,
                version: bounded(version.to_owned(), 60),
                known: known.join(", "),
            }
        })
    }

    /// Answers a `ConversionReview`: all of its objects or none.
    ///
    /// # Errors
    /// Why it is no review.
    pub fn answer(&self, body: &[u8]) -> Result<ConversionReview, String> {
        let review: ConversionReview = serde_json::from_slice(body)
            .map_err(|error| bounded(format!("this is no ConversionReview: {error}"), 300))?;
        let mut request = ConversionRequest::from_review(review)
            .map_err(|_| "this ConversionReview has no request".to_owned())?;
        let to = request.desired_api_version.clone();
        let objects = std::mem::take(&mut request.objects);
        let converted: Result<Vec<_>, _> =
            objects.into_iter().map(|object| self.convert(object, &to)).collect();
        let response = ConversionResponse::for_request(request);
        Ok(match converted {
            Ok(objects) => response.success(objects),
            Err(error) => response.failure(Status::failure(&error.to_string(), "Invalid")),
        }
        .into_review())
    }
}

/// The version of an `apiVersion` of ours.
fn version_of(api_version: &str) -> Option<&str> {
    api_version.strip_prefix(GROUP)?.strip_prefix('/').filter(|version| !version.is_empty())
}

/// Metadata as it was, with the labels and annotations of the converted object: the API server
/// refuses a conversion that changes anything else.
fn with_texts_of(mut kept: Value, converted: Option<&Value>) -> Value {
    if let (Some(entries), Some(converted)) = (kept.as_object_mut(), converted) {
        for field in ["labels", "annotations"] {
            match converted.get(field) {
                Some(texts) => drop(entries.insert(field.to_owned(), texts.clone())),
                None => drop(entries.shift_remove(field)),
            }
        }
    }
    kept
}
