//! The CustomResourceDefinitions are such as an API server takes.

use kuma_api::crd::{crds, to_yaml};
use serde_json::Value;

fn walk(value: &Value, path: &str, visit: &mut dyn FnMut(&str, &str, &Value)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                visit(path, key, value);
                walk(value, &format!("{path}.{key}"), visit);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                walk(value, &format!("{path}[{index}]"), visit);
            }
        }
        _ => {}
    }
}

fn schemas() -> Vec<(String, Value)> {
    crds()
        .into_iter()
        .map(|crd| {
            let name = crd.spec.names.kind.clone();
            let value = serde_json::to_value(&crd).unwrap();
            let schema = value["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
            (name, schema)
        })
        .collect()
}

#[test]
fn there_are_ten_and_each_is_small() {
    let crds = crds();
    assert_eq!(crds.len(), 10);
    for crd in crds {
        let yaml = to_yaml(&crd);
        let json = serde_json::to_string(&crd).unwrap();
        let size = yaml.len().max(json.len());
        assert!(size < 256 * 1024, "{:?}: {size} bytes", crd.metadata.name);
        assert!(yaml.len() > 1000);
    }
}

#[test]
fn schemas_have_nothing_that_is_not_structural() {
    for (kind, schema) in schemas() {
        walk(&schema, &kind, &mut |path, key, value| {
            if path.ends_with(".properties") {
                assert!(!key.contains('_'), "{path}: {key} has an underscore");
                return;
            }
            for banned in
                ["default", "nullable", "anyOf", "oneOf", "allOf", "not", "$ref", "definitions"]
            {
                assert!(key != banned, "{path} has {banned}: {value}");
            }
        });
    }
}

#[test]
fn lists_that_are_maps_have_keys_that_every_item_has() {
    let mut maps = 0;
    for (kind, schema) in schemas() {
        walk(&schema, &kind, &mut |path, key, value| {
            if key == "conditions" && path.ends_with(".properties") {
                assert_eq!(value["x-kubernetes-list-map-keys"], serde_json::json!(["type"]));
            }
            let keys = &value["x-kubernetes-list-map-keys"];
            assert_eq!(value["x-kubernetes-list-type"] == "map", keys.is_array(), "{path}.{key}");
            for name in keys.as_array().into_iter().flatten() {
                let required = value["items"]["required"].as_array().unwrap();
                assert!(required.contains(name), "{path}.{key}: {name} may be missing");
                maps += 1;
            }
        });
    }
    assert!(maps > 15, "{maps}");
}
