//! Tests of the whole crate: what is generated, and the corpus of documents.

mod corpus;
mod crds;
mod generated;
