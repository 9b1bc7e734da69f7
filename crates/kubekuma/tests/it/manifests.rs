//! `deploy/manifests` and `examples/kubernetes`: what an administrator would look for before
//! applying them.

mod rendered;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Where rights beyond reading our kinds may stand, one component each.
const SECRETS_WATCH: &str = "components/secrets-watch/";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/manifests")
}

fn documents(text: &str, path: &str) -> Vec<Value> {
    let read: Result<Vec<Value>, _> = serde_saphyr::from_multiple(text);
    read.unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every document of the manifests by its file, seen from their folder; the patches written into
/// kustomizations are not among them.
fn manifests() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    collect(&root(), "", &mut found);
    assert!(found.len() > 30, "{}", found.len());
    found
}

fn collect(folder: &Path, above: &str, found: &mut Vec<(String, Value)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{above}{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), found);
        } else if Path::new(&name).extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            found.extend(documents(&text, &name).into_iter().map(|it| (name.clone(), it)));
        }
    }
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The rules of all roles, with their file and role.
fn rules(all: &[(String, Value)]) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (file, document) in all {
        if ["Role", "ClusterRole"].contains(&document["kind"].as_str().unwrap_or_default()) {
            let role = &document["metadata"]["name"];
            for rule in document["rules"].as_array().unwrap() {
                found.push((format!("{file} {role}"), rule));
            }
        }
    }
    found
}

#[test]
fn no_role_has_a_wildcard_or_reaches_beyond_objects() {
    let all = manifests();
    let rules = rules(&all);
    assert!(rules.len() > 15);
    for (place, rule) in rules {
        for field in ["apiGroups", "resources", "verbs"] {
            let words = texts(&rule[field]);
            assert!(!words.is_empty(), "{place}: {field} is empty");
            assert!(!words.iter().any(|word| word.contains('*')), "{place}: {rule}");
        }
        for verb in ["escalate", "bind", "impersonate"] {
            assert!(!texts(&rule["verbs"]).contains(&verb), "{place}: {rule}");
        }
        let resources = texts(&rule["resources"]);
        let reach = ["pods/exec", "pods/attach", "nodes/proxy", "serviceaccounts/token"];
        assert!(!resources.iter().any(|it| reach.contains(it)), "{place}: {rule}");
    }
}

#[test]
fn secrets_are_listed_and_watched_only_where_somebody_asked_for_it() {
    let all = manifests();
    for (place, rule) in rules(&all) {
        if !texts(&rule["resources"]).contains(&"secrets") {
            continue;
        }
        let verbs = texts(&rule["verbs"]);
        let lists = verbs.contains(&"list") || verbs.contains(&"watch");
        assert_eq!(lists, place.starts_with(SECRETS_WATCH), "{place}: {rule}");
        if place.starts_with("base/") {
            assert_eq!(verbs, ["get"], "{place}");
        }
    }
}

/// Kinds by their plural, and whether they live in namespaces.
fn kinds() -> BTreeMap<String, bool> {
    let crds = kuma_api::crd::crds().into_iter();
    crds.map(|crd| (crd.spec.names.plural, crd.spec.scope == "Namespaced")).collect()
}

#[test]
fn the_base_reads_every_kind_and_writes_nothing_but_statuses() {
    let all = manifests();
    let mut granted = BTreeMap::<String, BTreeSet<String>>::new();
    for (place, rule) in rules(&all) {
        let ours = texts(&rule["apiGroups"]) == ["monitoring.kubekuma.io"];
        if place.starts_with("base/") && ours {
            for resource in texts(&rule["resources"]) {
                let verbs = texts(&rule["verbs"]).into_iter().map(str::to_owned);
                granted.entry(resource.to_owned()).or_default().extend(verbs);
            }
        }
    }
    let reads: BTreeSet<_> = ["get", "list", "watch"].map(str::to_owned).into();
    let writes: BTreeSet<_> = ["patch".to_owned()].into();
    let wanted: BTreeMap<_, _> = kinds()
        .into_keys()
        .flat_map(|kind| [(format!("{kind}/status"), writes.clone()), (kind, reads.clone())])
        .collect();
    assert_eq!(granted, wanted);
}

#[test]
fn what_a_namespaced_installation_cannot_have_is_marked() {
    let (all, kinds) = (manifests(), kinds());
    let namespaced = |resource: &str| {
        let plural = resource.split('/').next().unwrap_or_default();
        let foreign = !["namespaces", "nodes"].contains(&plural);
        kinds.get(plural).copied().unwrap_or(foreign)
    };
    for (file, document) in &all {
        if document["kind"] != "ClusterRole" {
            continue;
        }
        let marked = document["metadata"]["labels"]["kubekuma.io/scope"] == "cluster";
        // Roles for people exist once for the cluster.
        let people = file.starts_with("components/people/");
        for rule in document["rules"].as_array().unwrap() {
            for resource in texts(&rule["resources"]) {
                assert_eq!(!namespaced(resource) || people, marked, "{file}: {resource}");
            }
        }
    }
}

#[test]
fn every_role_is_bound_to_our_service_account() {
    let all = manifests();
    let named = |kinds: [&str; 2]| -> BTreeSet<String> {
        let of_kind = all.iter().filter(|(file, document)| {
            !file.starts_with("components/people/")
                && kinds.contains(&document["kind"].as_str().unwrap_or_default())
        });
        of_kind.map(|(_, it)| it["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(named(["Role", "ClusterRole"]), named(["RoleBinding", "ClusterRoleBinding"]));
    for (file, binding) in &all {
        let kind = binding["kind"].as_str().unwrap_or_default();
        if let Some(role) = kind.strip_suffix("Binding") {
            let name = &binding["metadata"]["name"];
            assert_eq!(binding["roleRef"]["kind"], role, "{file}");
            assert_eq!(&binding["roleRef"]["name"], name, "{file}");
            let us = json!([{
                "kind": "ServiceAccount", "name": "kubekuma", "namespace": "kubekuma",
            }]);
            assert_eq!(binding["subjects"], us, "{file}");
        }
    }
}

/// Whole workloads; patches of them leave most out.
fn deployment(all: &[(String, Value)]) -> &Value {
    let found = all.iter().find(|(file, _)| file == "base/deployment.yaml");
    &found.unwrap().1["spec"]["template"]["spec"]
}

#[test]
fn the_pod_fits_the_restricted_profile_and_writes_nowhere_but_its_volumes() {
    let all = manifests();
    let pod = deployment(&all);
    let security = &pod["securityContext"];
    assert_eq!(security["runAsNonRoot"], true);
    assert_eq!(security["seccompProfile"], json!({"type": "RuntimeDefault"}));
    for host in ["hostNetwork", "hostPID", "hostIPC"] {
        assert!(pod[host].is_null(), "{host}");
    }
    let containers = pod["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1);
    for container in containers {
        let security = &container["securityContext"];
        assert_eq!(security["allowPrivilegeEscalation"], false);
        assert_eq!(security["readOnlyRootFilesystem"], true);
        assert_eq!(security["capabilities"], json!({"drop": ["ALL"]}));
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            assert!(container[probe]["httpGet"]["path"].is_string(), "{probe}");
        }
        assert!(container["resources"]["requests"]["memory"].is_string());
        assert!(container["resources"]["limits"]["memory"].is_string());
    }
    // A stop takes up to 10 s, and Kubernetes has to wait for it.
    assert!(pod["terminationGracePeriodSeconds"].as_i64().unwrap() >= 15);
}

#[test]
fn no_patch_weakens_the_pod() {
    for (file, document) in manifests() {
        if file == "base/deployment.yaml" {
            continue;
        }
        let text = document.to_string();
        for weaker in ["securityContext", "hostPath", "hostNetwork", "privileged\":", "hostPID"] {
            assert!(!text.contains(weaker), "{file} has {weaker}");
        }
    }
}

#[test]
fn one_place_says_which_image_runs_and_it_is_this_version() {
    let mut pinned = Vec::new();
    for (file, document) in manifests() {
        if let Some(images) = document.get("images") {
            pinned.push((file.clone(), images.clone()));
        }
        let containers = document.pointer("/spec/template/spec/containers");
        for container in containers.and_then(Value::as_array).into_iter().flatten() {
            if let Some(image) = container.get("image") {
                assert_eq!(image, "kubekuma", "{file}: the tag belongs into kustomization.yaml");
            }
        }
    }
    let version = env!("CARGO_PKG_VERSION");
    let wanted = json!([{"name": "kubekuma", "newTag": version}]);
    assert_eq!(pinned, [("base/kustomization.yaml".to_owned(), wanted)]);
}

#[test]
fn a_single_replica_is_replaced_and_several_roll() {
    let all = manifests();
    let find = |name: &str| &all.iter().find(|(file, _)| file == name).unwrap().1["spec"];
    // A standby is never ready, so a rolling update would wait for it for ever.
    assert_eq!(find("base/deployment.yaml")["strategy"], json!({"type": "Recreate"}));
    let several = find("overlays/ha/deployment.yaml");
    assert_eq!(several["strategy"]["type"], "RollingUpdate");
    assert!(several["replicas"].as_i64().unwrap() >= 2);
    // And with standbys among the several it would too.
    let settings = find("overlays/ha/settings.yaml");
    assert_eq!(settings["mode"]["singleInstanceRequired"], false);
}

#[test]
fn every_file_is_used_and_every_used_file_is_there() {
    let all = manifests();
    let mut used = BTreeSet::new();
    for (file, document) in &all {
        let Some(folder) = file.strip_suffix("kustomization.yaml") else { continue };
        let mut paths: Vec<_> = texts(&document["resources"]);
        paths.extend(texts(&document["components"]));
        let patches = document["patches"].as_array().into_iter().flatten();
        paths.extend(patches.filter_map(|patch| patch["path"].as_str()));
        for path in paths {
            let target = root().join(folder).join(path);
            assert!(target.exists(), "{file} names {path}, which is not there");
            used.insert(target.canonicalize().unwrap());
        }
    }
    for (file, _) in &all {
        let path = root().join(file).canonicalize().unwrap();
        let is_used = file.ends_with("kustomization.yaml") || used.contains(&path);
        assert!(is_used, "no kustomization names {file}");
    }
}

#[test]
fn the_examples_for_a_cluster_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/kubernetes");
    let home = crate::kit::Home::new();
    let ran = home.run(&["validate", folder.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains("0 errors, 0 warnings"), "{}", ran.out);
}
