//! The two that judge: what `kubekuma validate` and the controller run, and the API server.

use futures_util::StreamExt as _;
use kube::Client;
use kuma_api::read::{ReadContext, read_object};
use kuma_core::id::Kind;
use kuma_core::object::{Origin, ProblemClass, Severity};
use serde_json::Value;

use super::walk::Case;

/// Requests at a time.
const AT_ONCE: usize = 8;

/// Why a document is refused; nothing if it is accepted.
pub(crate) type Refusal = Option<String>;

/// Our own judgement, as far as the API server is asked too: semantic errors are stored by it and
/// found by the controller.
pub(crate) fn ours(object: &Value) -> Refusal {
    let origin = Origin::Cluster { resource_version: "1".to_owned() };
    let read = read_object(object, origin, &ReadContext::default());
    let is_structural = |class| matches!(class, ProblemClass::Structural | ProblemClass::Syntax);
    let found: Vec<String> = read
        .problems
        .iter()
        .filter(|it| it.severity == Severity::Error && is_structural(it.class))
        .map(ToString::to_string)
        .collect();
    (!found.is_empty()).then(|| found.join("\n"))
}

/// The API server's judgement of documents of one kind, in their order: each is created without
/// being kept, and as strictly as kubectl does.
pub(crate) async fn the_servers(client: &Client, kind: Kind, cases: &[Case]) -> Vec<Refusal> {
    let path = collection(kind);
    let answers = futures_util::stream::iter(cases.iter().map(|case| create(client, &path, case)));
    answers.buffered(AT_ONCE).collect().await
}

/// Where objects of a kind are created, in the namespace `default`.
fn collection(kind: Kind) -> String {
    let definition = kuma_api::crd::crd(kind).unwrap();
    let plural = definition.spec.names.plural;
    let group = "/apis/monitoring.kubekuma.io/v1";
    if kind.is_cluster_scoped() {
        format!("{group}/{plural}")
    } else {
        format!("{group}/namespaces/default/{plural}")
    }
}

async fn create(client: &Client, path: &str, case: &Case) -> Refusal {
    let request = || {
        http::Request::post(format!("{path}?dryRun=All&fieldValidation=Strict"))
            .header("content-type", "application/json")
            .body(serde_json::to_vec(&as_kubectl_sends(&case.object)).unwrap())
            .unwrap()
    };
    match client.request::<Value>(request()).await {
        Ok(_) => None,
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => Some(status.message),
        Err(error) => panic!("{}: the API server does not judge: {error}", case.name),
    }
}

/// An object as it leaves kubectl, for which `60.0` and `60` are one number. The API server itself
/// takes `60.0` for a whole number or not, depending on whether a rule reads the field.
fn as_kubectl_sends(object: &Value) -> Value {
    match object {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), as_kubectl_sends(value))).collect()
        }
        Value::Array(items) => items.iter().map(as_kubectl_sends).collect(),
        Value::Number(number) if number.is_f64() => {
            let text = number.to_string();
            text.strip_suffix(".0")
                .and_then(|it| it.parse::<i64>().ok())
                .map_or_else(|| object.clone(), Value::from)
        }
        other => other.clone(),
    }
}
