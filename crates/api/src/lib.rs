//! Custom resources: how they are written, read and validated.

pub mod document;
pub mod read;
pub mod report;
pub mod structural;
