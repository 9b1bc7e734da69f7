//! The definitions on a real API server: it takes them, and kubectl shows what people need.

use kuma_e2e::{ControlPlane, Namespace};
use serde_json::{Value, json};

fn definitions(plane: &ControlPlane) -> Vec<Value> {
    let list = plane.kubectl().json(&["get", "crd"]);
    let ours = list["items"].as_array().unwrap().iter();
    ours.filter(|it| it["spec"]["group"] == "monitoring.kubekuma.io").cloned().collect()
}

fn monitor(name: &str, check_type: &str, target: &Value) -> Value {
    json!({
        "apiVersion": "monitoring.kubekuma.io/v1",
        "kind": "Monitor",
        "metadata": {"name": name},
        "spec": {"type": check_type, "target": {check_type: target}},
    })
}

#[test]
fn all_ten_are_established_and_structural() {
    let Some(plane) = ControlPlane::shared() else { return };
    let definitions = definitions(plane);
    assert_eq!(definitions.len(), 10);
    for definition in definitions {
        let name = &definition["metadata"]["name"];
        let conditions = definition["status"]["conditions"].as_array().unwrap();
        for condition in conditions {
            let sound = matches!(
                (condition["type"].as_str(), condition["status"].as_str()),
                (Some("Established" | "NamesAccepted"), Some("True"))
            );
            assert!(sound, "{name}: {condition}");
        }
        assert_eq!(definition["status"]["storedVersions"], json!(["v1"]), "{name}");
        // Beside the definition itself kubectl keeps a copy of it in an annotation, if it is
        // applied without --server-side, and that may have 256 KiB at most.
        let size = definition["spec"].to_string().len();
        assert!(size < 256 * 1024, "{name}: {size} bytes");
    }
}

#[test]
fn they_can_be_applied_without_server_side_too() {
    let Some(plane) = ControlPlane::own("definitions") else { return };
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/crds");
    plane.kubectl().run(&["apply", "-f", folder]);
    plane.kubectl().run(&["apply", "-f", folder]);
}

#[test]
fn short_names_and_plurals_mean_nothing_else() {
    let Some(plane) = ControlPlane::shared() else { return };
    let offered = plane.kubectl().run(&["api-resources", "--no-headers", "-o", "wide"]);
    let mut words: Vec<(&str, &str)> = Vec::new();
    for line in offered.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        words.push((fields[0], line));
        // The second field is a list of short names only where there are any.
        if !fields[1].contains("v1") && !fields[1].contains('/') {
            words.extend(fields[1].split(',').map(|word| (word, line)));
        }
    }
    for (word, line) in words.iter().filter(|(_, line)| line.contains("monitoring.kubekuma.io")) {
        let others = words.iter().filter(|(other, of)| other == word && of != line);
        assert_eq!(others.count(), 0, "{word} means several things");
    }
    let short = ["kmon", "kmonset", "ksil"];
    for name in short {
        plane.kubectl().run(&["get", name, "--all-namespaces"]);
    }
}

#[test]
fn the_category_lists_objects_of_every_kind() {
    let Some(plane) = ControlPlane::shared() else { return };
    for definition in definitions(plane) {
        let names = &definition["spec"]["names"];
        assert_eq!(names["categories"], json!(["kubekuma"]), "{names}");
    }
    let space = Namespace::new(plane, "category");
    space.apply(&[
        monitor("seen", "ping", &json!({"host": "a.example.com"})),
        json!({
            "apiVersion": "monitoring.kubekuma.io/v1",
            "kind": "Silence",
            "metadata": {"name": "seen"},
            "spec": {"expiresAt": "2030-01-01T00:00:00Z"},
        }),
    ]);
    let listed = space.run(&["get", "kubekuma", "-o", "name"]);
    for name in ["monitor.monitoring.kubekuma.io/seen", "silence.monitoring.kubekuma.io/seen"] {
        assert!(listed.lines().any(|line| line == name), "{listed}");
    }
}

#[test]
fn monitors_can_be_selected_by_their_type() {
    let Some(plane) = ControlPlane::shared() else { return };
    let space = Namespace::new(plane, "selectable");
    space.apply(&[
        monitor("web", "http", &json!({"url": "https://example.com"})),
        monitor("host", "ping", &json!({"host": "example.com"})),
    ]);
    let listed = space.run(&["get", "kmon", "--field-selector", "spec.type=http", "-o", "name"]);
    assert_eq!(listed.trim(), "monitor.monitoring.kubekuma.io/web");
}

#[test]
fn the_columns_tell_state_and_reason() {
    let Some(plane) = ControlPlane::shared() else { return };
    let space = Namespace::new(plane, "columns");
    space.apply(&[monitor("web", "http", &json!({"url": "https://example.com"}))]);
    let status = json!({"status": {
        "observedGeneration": 1,
        "lastResult": {"state": "down", "reason": "TIMEOUT", "checkedAt": "2026-01-01T00:00:00Z"},
        "uptime": {"last30d": 99.95},
    }});
    let patch = ["patch", "monitor", "web", "--subresource=status", "--type=merge", "-p"];
    space.run(&[&patch[..], &[&status.to_string()]].concat());
    let table = space.run(&["get", "monitors"]);
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().unwrap().split("  ").filter(|it| !it.is_empty()).collect();
    let header: Vec<&str> = header.iter().map(|it| it.trim()).collect();
    assert_eq!(header, ["NAME", "TYPE", "STATE", "REASON", "UPTIME 30D", "AGE"]);
    let row: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(row[..5], ["web", "http", "down", "TIMEOUT", "99.95"]);
}

#[test]
fn a_status_is_written_through_its_subresource_alone() {
    let Some(plane) = ControlPlane::shared() else { return };
    let space = Namespace::new(plane, "subresource");
    let mut document = monitor("web", "ping", &json!({"host": "a"}));
    document["status"] = json!({"lastResult": {"state": "up"}});
    space.apply(&[document]);
    let kept = space.json(&["get", "monitor", "web"]);
    assert_eq!(kept["status"], Value::Null, "the status of an applied object is dropped");
    // And the other way round: who writes a status changes no spec.
    let both = json!({"status": {"lastResult": {"state": "up"}}, "spec": {"enabled": false}});
    let patch = ["patch", "monitor", "web", "--subresource=status", "--type=merge", "-p"];
    space.run(&[&patch[..], &[&both.to_string()]].concat());
    let kept = space.json(&["get", "monitor", "web"]);
    assert_eq!(kept["status"]["lastResult"]["state"], "up");
    assert_eq!(kept["spec"]["enabled"], Value::Null);
    assert_eq!(kept["metadata"]["generation"], 1);
}

#[test]
fn explain_reads_like_the_documentation() {
    let Some(plane) = ControlPlane::shared() else { return };
    let text = plane.kubectl().run(&["explain", "monitor.spec.schedule"]);
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["intervalSeconds", "<integer>", "Default: `60`", "timeoutSeconds"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    for definition in definitions(plane) {
        let plural = definition["spec"]["names"]["plural"].as_str().unwrap().to_owned();
        let text = plane.kubectl().run(&["explain", &plural, "--recursive"]);
        assert!(text.contains("conditions") && !text.contains("<empty>"), "{text}");
    }
}

/// Applies a document server-side as a manager.
fn apply_as(space: &Namespace<'_>, plane: &ControlPlane, manager: &str, document: &Value) {
    let document = &space.own(std::slice::from_ref(document))[0];
    let arguments = ["apply", "--server-side", "--field-manager", manager, "-f", "-"];
    let told = plane.kubectl().tell(&arguments, Some(&document.to_string()));
    assert!(told.success, "{}", told.err);
}

fn sorted(words: &Value) -> Vec<&str> {
    let mut words: Vec<&str> = words.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    words.sort_unstable();
    words
}

#[test]
fn two_managers_apply_one_object_and_each_keeps_its_part() {
    let Some(plane) = ControlPlane::shared() else { return };
    let space = Namespace::new(plane, "managers");
    let spec = |tags: &[&str], header: &str| {
        let mut document = monitor("web", "http", &json!({"url": "https://example.com"}));
        document["spec"]["tags"] = json!(tags);
        document["spec"]["target"]["http"]["headersFrom"] = json!([
            {"name": header, "valueFromSecretRef": {"name": "tokens", "key": header}},
        ]);
        document
    };
    apply_as(&space, plane, "team", &spec(&["team", "shared"], "x-team"));
    apply_as(&space, plane, "platform", &spec(&["platform", "shared"], "x-platform"));
    let both = space.json(&["get", "monitor", "web"])["spec"].take();
    assert_eq!(sorted(&both["tags"]), ["platform", "shared", "team"]);
    let headers = both["target"]["http"]["headersFrom"].as_array().unwrap().len();
    assert_eq!(headers, 2, "{both}");
    // What one of them leaves out goes, unless the other wants it too.
    let mut less = monitor("web", "http", &json!({"url": "https://example.com"}));
    less["spec"]["tags"] = json!(["team"]);
    apply_as(&space, plane, "team", &less);
    let rest = space.json(&["get", "monitor", "web"])["spec"].take();
    assert_eq!(sorted(&rest["tags"]), ["platform", "shared", "team"]);
    assert_eq!(rest["target"]["http"]["headersFrom"][0]["name"], "x-platform");
    assert_eq!(rest["target"]["http"]["headersFrom"].as_array().unwrap().len(), 1);
}

#[test]
fn items_of_a_set_and_conditions_are_merged_by_their_names() {
    let Some(plane) = ControlPlane::shared() else { return };
    let space = Namespace::new(plane, "merging");
    let set = |item: &str| {
        json!({
            "apiVersion": "monitoring.kubekuma.io/v1",
            "kind": "MonitorSet",
            "metadata": {"name": "all"},
            "spec": {"items": [{"name": item, "type": "ping", "target": {"ping": {"host": item}}}]},
        })
    };
    apply_as(&space, plane, "one", &set("a"));
    apply_as(&space, plane, "other", &set("b"));
    let items = space.json(&["get", "monitorset", "all"])["spec"]["items"].take();
    let names: Vec<&Value> = items.as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["a", "b"]);

    let condition = |name: &str, manager: &str| {
        let status = json!({
            "apiVersion": "monitoring.kubekuma.io/v1",
            "kind": "MonitorSet",
            "metadata": {"name": "all", "namespace": space.name()},
            "status": {"conditions": [{
                "type": name, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z",
            }]},
        });
        let arguments = [
            "apply",
            "--server-side",
            "--subresource=status",
            "--field-manager",
            manager,
            "-f",
            "-",
        ];
        let told = plane.kubectl().tell(&arguments, Some(&status.to_string()));
        assert!(told.success, "{}", told.err);
    };
    condition("Valid", "kubekuma");
    condition("Suspended", "someone");
    let status = space.json(&["get", "monitorset", "all"])["status"].take();
    assert_eq!(status["conditions"].as_array().unwrap().len(), 2, "{status}");
}

#[test]
fn a_refusal_says_what_to_do() {
    let Some(plane) = ControlPlane::shared() else { return };
    let document = monitor("web", "http", &json!({"url": "https://example.com"}));
    let apply = |change: &dyn Fn(&mut Value)| {
        let mut document = document.clone();
        change(&mut document);
        let apply = ["apply", "--dry-run=server", "-f", "-"];
        plane.kubectl().refused(&apply, Some(&document.to_string()))
    };
    let missing = apply(&|it| it["spec"]["target"] = json!({}));
    assert!(missing.contains("type http needs target.http"), "{missing}");
    let unknown = apply(&|it| it["spec"]["schedule"] = json!({"intervall": 5}));
    assert!(unknown.contains("unknown field \"spec.schedule.intervall\""), "{unknown}");
    let twice = apply(&|it| it["spec"]["tags"] = json!(["a", "a"]));
    assert!(twice.contains("spec.tags[1]: Duplicate value"), "{twice}");
}
