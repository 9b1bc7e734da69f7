//! Files of the folder: YAML and JSON to objects, with conversion and all its expressions.

use std::path::Path;

use kuma_api::read::{ReadContext, read_file};

pub(crate) fn run(data: &[u8]) {
    let reading = read_file(Path::new("fuzz.yaml"), data, &ReadContext::default());
    for finding in &reading.findings {
        // What people read is made of it too.
        let _ = finding.problem.to_string();
    }
}
