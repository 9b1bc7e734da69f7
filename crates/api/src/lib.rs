//! Custom resources of `monitoring.kubekuma.io/v1`: how they are written, read and validated, their
//! types and CRDs, and their conversion into the core.

pub mod convert;
pub mod crd;
pub mod document;
pub mod kinds;
pub mod read;
pub mod reference;
pub mod report;
pub mod structural;
