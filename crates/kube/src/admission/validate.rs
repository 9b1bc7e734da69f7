//! The verdict about one object, as pure as `kubekuma validate`.

use std::fmt::Write as _;

use kube::api::DynamicObject;
use kube::core::Status;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview, Operation};
use kube::core::response::{StatusCause, StatusDetails, StatusSummary};
use kuma_api::read::{ReadContext, read_object};
use kuma_core::catalog::Catalog;
use kuma_core::object::{Origin, Problem, Severity};
use kuma_core::observation::bounded;
use serde_json::Value;

use super::neighbours::beside;

/// Most problems that one message names.
const MOST: usize = 20;
/// Longest line of a message.
const LINE: usize = 500;
/// Longest warning; the API server cuts longer ones off.
const WARNING: usize = 250;

/// Answers an `AdmissionReview`. Never panics, whatever the bytes are.
///
/// # Errors
/// Why it is no review.
pub fn answer(
    body: &[u8],
    context: &ReadContext,
    catalog: Option<&Catalog>,
) -> Result<AdmissionReview<DynamicObject>, String> {
    let review: AdmissionReview<DynamicObject> = serde_json::from_slice(body)
        .map_err(|error| bounded(format!("this is no AdmissionReview: {error}"), 300))?;
    let request: AdmissionRequest<DynamicObject> =
        review.try_into().map_err(|_| "this AdmissionReview has no request".to_owned())?;
    Ok(judge(&request, context, catalog).into_review())
}

/// The verdict. Objects of other groups, status writes and deletions are let through; so is an update
/// of an object that was wrong before, as long as nothing new is wrong with it: who cannot change
/// its labels or finalizers cannot even delete it.
pub fn judge(
    request: &AdmissionRequest<DynamicObject>,
    context: &ReadContext,
    catalog: Option<&Catalog>,
) -> AdmissionResponse {
    let response = AdmissionResponse::from(request);
    let ours = request.kind.group == kuma_api::kinds::GROUP;
    let writes = matches!(request.operation, Operation::Create | Operation::Update);
    let Some(object) = request.object.as_ref().filter(|_| ours && writes) else { return response };
    let subresource = request.sub_resource.as_ref().is_some_and(|name| !name.is_empty());
    if subresource || object.metadata.deletion_timestamp.is_some() {
        return response;
    }
    let own = ReadContext {
        default_namespace: request
            .namespace
            .clone()
            .filter(|namespace| !namespace.is_empty())
            .unwrap_or_else(|| context.default_namespace.clone()),
    };
    let (title, problems) = problems(object, &own, catalog);
    let before =
        match request.old_object.as_ref().filter(|_| request.operation == Operation::Update) {
            Some(old) => problems_of(old, &own, catalog),
            None => Vec::new(),
        };
    let is_new =
        |problem: &&Problem| problem.severity == Severity::Error && !before.contains(*problem);
    let errors: Vec<&Problem> = problems.iter().filter(is_new).collect();
    let warnings = problems.iter().filter(|problem| !is_new(problem));
    let warnings: Vec<String> =
        warnings.take(MOST).map(|problem| shown(problem, WARNING)).collect();
    let mut response = if errors.is_empty() {
        response
    } else {
        let mut response = response.deny("");
        response.result = refusal(request, &title, &errors);
        response
    };
    response.warnings = (!warnings.is_empty()).then_some(warnings);
    response
}

fn problems_of(
    object: &DynamicObject,
    context: &ReadContext,
    catalog: Option<&Catalog>,
) -> Vec<Problem> {
    problems(object, context, catalog).1
}

/// What the object is called, and everything worth knowing about it.
fn problems(
    object: &DynamicObject,
    context: &ReadContext,
    catalog: Option<&Catalog>,
) -> (String, Vec<Problem>) {
    let mut value = serde_json::to_value(object).unwrap_or(Value::Null);
    named(&mut value);
    let origin = Origin::Cluster {
        resource_version: object.metadata.resource_version.clone().unwrap_or_default(),
    };
    let read = read_object(&value, origin, context);
    let title = read.key.map_or_else(|| "the object".to_owned(), |key| key.to_string());
    let mut problems = read.problems;
    if let (Some(catalog), Some(object)) = (catalog, &read.object) {
        for problem in beside(catalog, object) {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    (title, problems)
}

/// An object whose name the API server is to make has none yet, which is no mistake here.
fn named(value: &mut Value) {
    let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let has_name = metadata.get("name").and_then(Value::as_str).is_some_and(|it| !it.is_empty());
    let prefix = metadata.get("generateName").and_then(Value::as_str).map(str::to_owned);
    if let Some(prefix) = prefix.filter(|_| !has_name) {
        metadata.insert("name".to_owned(), Value::String(format!("{prefix}xxxxx")));
    }
}

fn refusal(request: &AdmissionRequest<DynamicObject>, title: &str, errors: &[&Problem]) -> Status {
    let mut message = format!("{title} cannot be used:");
    for problem in errors.iter().take(MOST) {
        message.push_str("\n  ");
        message.push_str(&shown(problem, LINE));
    }
    if errors.len() > MOST {
        let _ = write!(message, "\n  and {} more", errors.len() - MOST);
    }
    let causes = errors.iter().take(MOST).map(|problem| StatusCause {
        reason: "FieldValueInvalid".to_owned(),
        message: bounded(problem.why.clone(), LINE),
        field: problem.path.clone(),
    });
    Status {
        status: Some(StatusSummary::Failure),
        code: 422,
        message,
        metadata: None,
        reason: "Invalid".to_owned(),
        details: Some(StatusDetails {
            name: request.name.clone(),
            group: request.kind.group.clone(),
            kind: request.kind.kind.clone(),
            uid: String::new(),
            causes: causes.collect(),
            retry_after_seconds: 0,
        }),
    }
}

/// A problem on one line: what an object holds must not steer a terminal.
fn shown(problem: &Problem, most: usize) -> String {
    let text = problem.to_string();
    let text = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    bounded(text, most)
}
