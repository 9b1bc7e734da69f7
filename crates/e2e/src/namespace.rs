//! A namespace of one test's own on a shared control plane.

use serde_json::{Value, json};

use crate::ControlPlane;

/// The namespace; it is deleted with its value, without waiting.
pub struct Namespace<'a> {
    plane: &'a ControlPlane,
    name: String,
}

impl<'a> Namespace<'a> {
    /// Makes it.
    #[track_caller]
    pub fn new(plane: &'a ControlPlane, name: &str) -> Self {
        plane.kubectl().run(&["create", "namespace", name]);
        Self { plane, name: name.to_owned() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The documents with this namespace.
    pub fn own(&self, documents: &[Value]) -> Vec<Value> {
        let mut documents = documents.to_vec();
        for document in &mut documents {
            document["metadata"]["namespace"] = json!(self.name);
        }
        documents
    }

    /// Applies documents in it.
    #[track_caller]
    pub fn apply(&self, documents: &[Value]) {
        self.plane.kubectl().apply(&self.own(documents));
    }

    /// Runs kubectl in it.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        self.plane.kubectl().run(&[&["--namespace", &self.name], arguments].concat())
    }

    /// Runs kubectl in it and returns the object that it answers.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.plane.kubectl().json(&[&["--namespace", &self.name], arguments].concat())
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        // The control plane may be gone by now.
        let delete = ["delete", "namespace", &self.name, "--wait=false", "--ignore-not-found"];
        let _ = self.plane.kubectl().tell(&delete, None);
    }
}
