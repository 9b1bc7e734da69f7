//! `kubekuma import`: files made for the purpose from the formats' own documentation become
//! objects that validate, with a report of what did not come along.

mod blackbox;
mod gatus;
mod kuma_db;
mod round_trip;
mod uptime_kuma;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::kit::{Home, Ran};

/// What an import wrote, by `Kind/name`.
fn written(home: &Home, out: &str) -> BTreeMap<String, Value> {
    let mut objects = BTreeMap::new();
    for entry in std::fs::read_dir(home.path().join(out)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        for object in kuma_import::read_yaml(&std::fs::read(&path).unwrap()).unwrap() {
            let kind = object["kind"].as_str().unwrap();
            let name = object["metadata"]["name"].as_str().unwrap();
            let key = format!("{kind}/{name}");
            assert!(objects.insert(key.clone(), object).is_none(), "{key} is there twice");
        }
    }
    objects
}

/// Imports, and proves that what comes out is valid and that secrets are kept apart.
fn import(home: &Home, arguments: &[&str], out: &str) -> (Ran, BTreeMap<String, Value>) {
    let mut all = vec!["import"];
    all.extend(arguments);
    all.extend(["--out", out]);
    let ran = home.run(&all);
    assert!(matches!(ran.code, 0 | 3), "{ran:?}");
    let validated = home.run(&["validate", out]);
    assert_eq!(validated.code, 0, "{validated:?}");
    let secrets = home.path().join(out).join("secrets.yaml");
    if let Ok(found) = std::fs::metadata(secrets) {
        assert_eq!(found.permissions().mode() & 0o777, 0o600);
    }
    let objects = written(home, out);
    let apart = objects.iter().filter(|(key, _)| !key.starts_with("Secret/"));
    for (key, object) in apart {
        assert!(!object.to_string().contains("hush"), "{key} holds a credential: {object}");
    }
    assert!(!ran.out.contains("hush") && !ran.err.contains("hush"), "{ran:?}");
    (ran, objects)
}

/// The entries of a report, as `subject|field`.
fn remarks(home: &Home, arguments: &[&str], weight: &str) -> Vec<String> {
    let mut all = vec!["import"];
    all.extend(arguments);
    all.extend(["--out", "again", "--force", "-o", "json"]);
    let ran = home.run(&all);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let entries = report["entries"].as_array().unwrap().iter();
    let weighed = entries.filter(|entry| entry["weight"] == weight);
    weighed
        .map(|entry| {
            let part = |key: &str| entry[key].as_str().unwrap().to_owned();
            assert!(!part("why").is_empty(), "{entry}");
            format!("{}|{}", part("subject"), part("field"))
        })
        .collect()
}

#[test]
fn what_cannot_be_read_is_named_and_nothing_is_overwritten() {
    let home = Home::new();
    home.put("broken.yaml", "endpoints:\n  - name: [\n");
    home.put("list.yaml", "- a\n");
    home.put("text.db", "this is no database, whatever its name says, and long enough to be one");
    home.put("good.yaml", "endpoints:\n  - {name: a, url: 'https://a.example', conditions: []}\n");
    for (arguments, words) in [
        (["import", "gatus", "nowhere.yaml"], "nowhere.yaml cannot be read"),
        (["import", "gatus", "broken.yaml"], "line "),
        (["import", "blackbox", "list.yaml"], "no field at its top"),
        (["import", "uptime-kuma", "nowhere.db"], "there is no file nowhere.db"),
        (["import", "uptime-kuma", "text.db"], "text.db"),
    ] {
        let ran = home.run(&arguments);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
    }
    assert_eq!(home.run(&["import", "gatus", "good.yaml", "--out", "out"]).code, 0);
    let again = home.run(&["import", "gatus", "good.yaml", "--out", "out"]);
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.err.contains("--force"), "{again:?}");
    assert_eq!(home.run(&["import", "gatus", "good.yaml", "--out", "out", "--force"]).code, 0);
}
