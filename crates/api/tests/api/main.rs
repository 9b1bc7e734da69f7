//! Tests of the whole crate: what is generated, and the corpus of documents.

mod crds;
