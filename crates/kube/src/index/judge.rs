//! One object as the API server sends it: reduced to what people wrote, and judged like a document
//! of a folder. Needs nothing but the object, so whole lists are judged side by side.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DynamicObject;
use kuma_api::read::{ReadContext, read_object};
use kuma_core::id::{Kind, ObjectKey, ObjectName};
use kuma_core::object::{Object, Origin, Problem, RawObject, Severity};
use serde_json::{Map, Value, json};

use crate::audit;
use crate::client::resource;

/// kubectl's copy of the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// What our annotations begin with; no other one of a Namespace is looked at.
const OUR_PREFIX: &str = "kubekuma.io/";

/// An object, reduced. Of its server-side metadata only what is looked at is left.
#[derive(Debug, Clone)]
pub struct Received {
    /// Which.
    pub key: ObjectKey,
    /// Its `metadata.uid`.
    pub uid: String,
    /// Its `metadata.generation`.
    pub generation: i64,
    /// Its `status`, for whoever watches what we wrote; the index never keeps it.
    pub status: Value,
    version: String,
    actor: Option<String>,
    /// `apiVersion` to `spec`, as people wrote it.
    written: Value,
}

impl Received {
    /// An object of one of our kinds.
    pub fn custom(kind: Kind, object: DynamicObject) -> Self {
        let mut fields = match object.data {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let status = fields.shift_remove("status").unwrap_or_default();
        Self::new(kind, object.metadata, fields, status)
    }

    /// A Namespace, of which only our annotations matter.
    pub fn namespace(mut metadata: ObjectMeta) -> Self {
        metadata.labels = None;
        if let Some(notes) = &mut metadata.annotations {
            notes.retain(|name, _| name.starts_with(OUR_PREFIX));
        }
        Self::new(Kind::Namespace, metadata, Map::new(), Value::Null)
    }

    /// The key of an object by its metadata.
    pub fn key(kind: Kind, metadata: &ObjectMeta) -> ObjectKey {
        let namespace = metadata.namespace.as_deref().filter(|_| !kind.is_cluster_scoped());
        let name = metadata.name.as_deref().unwrap_or_default();
        ObjectKey { kind, name: ObjectName::new(namespace.unwrap_or_default(), name) }
    }

    /// Its `metadata.resourceVersion` as a number.
    pub(crate) fn version(&self) -> u64 {
        crate::status::version(Some(&self.version))
    }

    fn new(kind: Kind, metadata: ObjectMeta, fields: Map<String, Value>, status: Value) -> Self {
        Self {
            key: Self::key(kind, &metadata),
            uid: metadata.uid.clone().unwrap_or_default(),
            generation: metadata.generation.unwrap_or_default(),
            status,
            actor: audit::actor(metadata.managed_fields.as_deref().unwrap_or_default()),
            version: metadata.resource_version.clone().unwrap_or_default(),
            written: written(kind, metadata, fields),
        }
    }
}

/// `apiVersion` to `spec`, with the metadata that people write.
fn written(kind: Kind, metadata: ObjectMeta, fields: Map<String, Value>) -> Value {
    let mut meta = Map::new();
    meta.extend(metadata.name.map(|name| ("name".to_owned(), name.into())));
    meta.extend(metadata.namespace.map(|namespace| ("namespace".to_owned(), namespace.into())));
    let labels = metadata.labels.unwrap_or_default();
    let mut notes = metadata.annotations.unwrap_or_default();
    notes.remove(LAST_APPLIED);
    for (field, entries) in [("labels", labels), ("annotations", notes)] {
        if !entries.is_empty() {
            meta.insert(field.to_owned(), json!(entries));
        }
    }
    let place = resource(kind);
    let mut object = Map::new();
    object.insert("apiVersion".to_owned(), place.api_version.into());
    object.insert("kind".to_owned(), place.kind.into());
    object.insert("metadata".to_owned(), meta.into());
    for (field, value) in fields {
        object.entry(field).or_insert(value);
    }
    object.into()
}

/// What the index holds of an object that came from the API server.
#[derive(Debug, Clone)]
pub struct Held {
    raw: RawObject,
    generation: i64,
}

impl Held {
    pub(super) fn of(object: &Object) -> Self {
        Self { raw: object.raw.clone(), generation: object.meta.generation }
    }
}

/// What became of an object.
#[derive(Debug, Clone)]
pub struct Judged {
    pub(super) key: ObjectKey,
    pub(super) actor: Option<String>,
    pub(super) origin: Origin,
    pub(super) verdict: Verdict,
}

impl Judged {
    /// An object that is there, but of which nothing is taken over.
    pub fn kept(key: ObjectKey) -> Self {
        let origin = Origin::Cluster { resource_version: String::new() };
        Self { key, actor: None, origin, verdict: Verdict::Same }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Verdict {
    /// It says what is in force already.
    Same,
    /// It says nothing to us, which is as if it did not exist.
    Absent,
    /// It can be used; with what is worth knowing about it.
    Usable(Box<Object>, Vec<Problem>),
    /// This generation of it cannot, and why.
    Unusable(i64, Vec<Problem>),
}

/// Judges an object. `held` is what the index holds of it, and saves reading what did not change.
pub fn judge(received: Received, held: Option<&Held>, context: &ReadContext) -> Judged {
    let Received { key, generation, version, actor, mut written, .. } = received;
    let origin = Origin::Cluster { resource_version: version };
    let verdict = if key.kind == Kind::Namespace && !is_annotated(&written) {
        Verdict::Absent
    } else if held
        .is_some_and(|held| held.generation == generation && held.raw == RawObject::new(&written))
    {
        Verdict::Same
    } else {
        if let Some(meta) = written.get_mut("metadata").and_then(Value::as_object_mut) {
            meta.insert("generation".to_owned(), generation.into());
        }
        let read = read_object(&written, origin.clone(), context);
        match read.object {
            Some(object) if object.key == key => {
                let warnings = read.problems.into_iter();
                let warnings = warnings.filter(|problem| problem.severity == Severity::Warning);
                Verdict::Usable(Box::new(object), warnings.collect())
            }
            _ => Verdict::Unusable(generation, reasons(read.problems)),
        }
    };
    Judged { key, actor, origin, verdict }
}

/// What is wrong with an object, whatever it is.
fn reasons(problems: Vec<Problem>) -> Vec<Problem> {
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return problems;
    }
    let unknown = Problem::semantic("", "is no object that can be read");
    problems.into_iter().chain([unknown]).collect()
}

fn is_annotated(written: &Value) -> bool {
    written.pointer("/metadata/annotations").is_some()
}
