//! Configuration of other monitors, written by whoever had them before. Whatever comes out of an
//! import must be valid.

use std::collections::BTreeMap;
use std::path::Path;

use kuma_api::read::{ReadContext, read_file};
use kuma_import::uptime_kuma::{Dump, Row, history};
use kuma_import::{Imported, blackbox, gatus, read_yaml, uptime_kuma};
use serde_json::Value;

/// The first byte says whose it is. Uptime Kuma's rows are given as JSON or YAML: tables, rows,
/// columns.
pub(crate) fn run(data: &[u8]) {
    let Some((whose, rest)) = data.split_first() else {
        return;
    };
    let Ok(documents) = read_yaml(rest) else {
        return;
    };
    let imported = match whose % 3 {
        0 => gatus::import(&documents, "fuzz"),
        1 => blackbox::import(&documents, "fuzz"),
        _ => uptime_kuma::import(&dump(&documents), "fuzz").imported,
    };
    assert_valid(&imported);
}

fn dump(documents: &[Value]) -> Dump {
    let mut tables = BTreeMap::new();
    for (table, rows) in documents.iter().filter_map(Value::as_object).flatten() {
        let rows = rows.as_array().into_iter().flatten().filter_map(Value::as_object);
        let rows: Vec<Row> = rows.map(|row| Row(row.clone().into_iter().collect())).collect();
        for row in &rows {
            row.text("time").and_then(history::at_ms);
        }
        tables.insert(table.clone(), rows);
    }
    Dump(tables)
}

fn assert_valid(imported: &Imported) {
    let context = ReadContext::default();
    for output in &imported.files {
        let text = output.text.as_bytes();
        let reading = read_file(Path::new(output.file.name()), text, &context);
        let wrong = reading.findings.iter().find(|finding| finding.is_error());
        assert!(wrong.is_none(), "{:?} in\n{}", wrong.map(|it| &it.problem), output.text);
    }
}
