//! Tests of the whole crate: what is generated, and the corpus of documents.

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod crds;
#[cfg(test)]
mod generated;
