//! From valid documents to many more: every field that a kind's schema has is reached once, and
//! everything that can be wrong with it is tried there.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::mutate::changes;
use super::sample::minimal;

/// One document of the corpus.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Kind, place and what was done there.
    pub(crate) name: String,
    pub(crate) object: Value,
}

/// One step from a value to one within it.
#[derive(Debug, Clone)]
enum Step {
    Field(String),
    Item(usize),
}

/// A place in a document, and the same without the numbers of items and names of entries.
#[derive(Debug, Clone, Default)]
struct Place {
    steps: Vec<Step>,
    shape: String,
}

impl Place {
    fn field(&self, name: &str, shape: &str) -> Self {
        let mut steps = self.steps.clone();
        steps.push(Step::Field(name.to_owned()));
        Self { steps, shape: format!("{}.{shape}", self.shape) }
    }

    fn item(&self) -> Self {
        let mut steps = self.steps.clone();
        steps.push(Step::Item(0));
        Self { steps, shape: format!("{}[]", self.shape) }
    }

    fn depth(&self) -> usize {
        self.steps.len()
    }

    /// The document with another value at this place.
    fn put(&self, document: &Value, value: Value) -> Value {
        let mut document = document.clone();
        let mut at = &mut document;
        for step in &self.steps {
            at = match step {
                Step::Field(name) => {
                    if !at.is_object() {
                        *at = Value::Object(Map::new());
                    }
                    at.as_object_mut().unwrap().entry(name.clone()).or_insert(Value::Null)
                }
                Step::Item(index) => at.get_mut(*index).unwrap(),
            };
        }
        *at = value;
        document
    }
}

/// Makes the documents of one kind.
pub(crate) struct Walk<'a> {
    kind: &'a str,
    schema: &'a Value,
    /// Whether a document has no structural error.
    accepts: &'a dyn Fn(&Value) -> bool,
    /// Places that have been tried, in a document that was right before.
    tried: BTreeSet<String>,
    /// Deepest place that is tried.
    deepest: usize,
    /// Fields that only make documents wrong; what lies below is tried at last all the same.
    later: Vec<(Value, Place)>,
    cases: Vec<Case>,
}

impl<'a> Walk<'a> {
    /// All documents that follow from some valid ones. What lies deeper than so many steps is
    /// left as it is.
    pub(crate) fn cases(
        kind: &'a str,
        schema: &'a Value,
        bases: &[Value],
        deepest: usize,
        accepts: &'a dyn Fn(&Value) -> bool,
    ) -> Vec<Case> {
        let tried = BTreeSet::new();
        let (later, cases) = (Vec::new(), Vec::new());
        let mut walk = Self { kind, schema, accepts, tried, deepest, later, cases };
        for base in bases {
            walk.from(base, &Place::default().field("spec", "spec"));
        }
        while let Some((document, place)) = walk.later.pop() {
            if !walk.tried.contains(&place.shape) {
                walk.from(&document, &place);
            }
        }
        walk.cases
    }

    fn from(&mut self, document: &Value, place: &Place) {
        let mut schema = self.schema;
        let mut value = document;
        for step in &place.steps {
            (schema, value) = match step {
                Step::Field(name) => (field(schema, name), &value[name.as_str()]),
                Step::Item(index) => (&schema["items"], &value[*index]),
            };
        }
        self.visit(document, place, schema, value);
    }

    fn visit(&mut self, document: &Value, place: &Place, schema: &Value, value: &Value) {
        if place.depth() > self.deepest {
            return;
        }
        if self.tried.insert(place.shape.clone()) {
            for (what, other) in changes(schema, value) {
                let name = format!("{}{}: {what}", self.kind, place.shape);
                self.cases.push(Case { name, object: place.put(document, other) });
            }
        }
        if let Some(first) = value.get(0) {
            self.visit(document, &place.item(), &schema["items"], first);
        } else if schema["items"].is_object() {
            let item = minimal(&schema["items"]);
            let filled = place.put(document, Value::Array(vec![item]));
            self.enter(&filled, &place.item());
        }
        for (name, below) in schema["properties"].as_object().into_iter().flatten() {
            let at = place.field(name, name);
            match value.get(name) {
                Some(value) => self.visit(document, &at, below, value),
                None => self.enter(&at.put(document, minimal(below)), &at),
            }
        }
        let entries = &schema["additionalProperties"];
        if entries.is_object() {
            let first = value.as_object().and_then(|it| it.iter().next());
            let name = first.map_or("name", |(name, _)| name);
            let at = place.field(name, "*");
            match first {
                Some((_, value)) => self.visit(document, &at, entries, value),
                None => self.enter(&at.put(document, minimal(entries)), &at),
            }
        }
    }

    /// Goes on below a value that was just put there, if the document is still right with it.
    fn enter(&mut self, document: &Value, place: &Place) {
        if self.tried.contains(&place.shape) || place.depth() > self.deepest {
            return;
        }
        let name = format!("{}{}: with it", self.kind, place.shape);
        self.cases.push(Case { name, object: document.clone() });
        if (self.accepts)(document) {
            self.from(document, place);
        } else {
            self.later.push((document.clone(), place.clone()));
        }
    }
}

fn field<'a>(schema: &'a Value, name: &str) -> &'a Value {
    match schema["properties"].get(name) {
        Some(known) => known,
        None => &schema["additionalProperties"],
    }
}
