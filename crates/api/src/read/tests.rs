//! The way from a file to objects, with a small kind of its own.

use std::sync::LazyLock;

use kuma_core::egress::NamespaceEgress;
use kuma_core::secret::ExposeSecret;
use serde_json::json;

use super::*;
use crate::convert::Conversion;
use crate::structural::{Schema, SchemaError};

/// A Monitor with two fields, one of which must be even.
struct Small;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let schema = json!({"type": "object", "required": ["spec"], "properties": {"spec": {
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {"type": "string", "enum": ["http", "tcp"]},
            "even": {"type": "integer"},
            "token": {"type": "string", "maxLength": 3},
            "list": {"type": "array", "items": {"type": "object", "properties": {"size": {"type": "integer"}}}},
        },
        "x-kubernetes-validations": [{"rule": "!has(self.even) || self.even < 100", "message": "even is too large"}],
    }}});
    Schema::compile(&serde_json::from_value(schema).unwrap()).unwrap()
});

impl Kinds for Small {
    fn schema(&self, kind: Kind) -> Option<Result<&Schema, &SchemaError>> {
        (kind == Kind::Monitor).then_some(Ok(&*SCHEMA))
    }

    fn convert(&self, _key: &ObjectKey, _meta: &Meta, object: &Value) -> Conversion {
        let even = object.pointer("/spec/even").and_then(Value::as_i64).unwrap_or(0);
        let mut problems = Vec::new();
        if even % 2 != 0 {
            problems
                .push(Problem::semantic("spec.even", "must be even").with_value(even.to_string()));
        }
        Conversion {
            body: problems
                .is_empty()
                .then(|| Body::Namespace { grant_to: vec![], egress: NamespaceEgress::Unset }),
            problems,
        }
    }
}

fn reading(text: &str) -> FileReading {
    let context = ReadContext { default_namespace: "home".to_owned() };
    read_with(Path::new("x.yaml"), text.as_bytes(), &context, &Small)
}

fn words(reading: &FileReading) -> String {
    let line = |finding: &Finding| {
        let place = finding.location;
        let object = finding.object.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{}:{} [{object}] {}", place.line, place.column, finding.problem)
    };
    reading.findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn monitor(rest: &str) -> String {
    format!("apiVersion: monitoring.kubekuma.io/v1\nkind: Monitor\nmetadata:\n  name: api\n{rest}")
}

#[test]
fn a_sound_object_is_read_with_its_identity_and_origin() {
    let text =
        monitor("  labels: {team: core}\nspec:\n  type: http\n  even: 4\nstatus: {old: true}\n");
    let reading = reading(&format!("# first\n---\n{text}"));
    assert_eq!(words(&reading), "");
    let object = &reading.objects[0];
    assert_eq!(object.key.to_string(), "Monitor home/api");
    assert_eq!(object.meta.labels["team"], "core");
    assert_eq!(object.origin.to_string(), "x.yaml:3");
    assert_eq!(object.raw.value().pointer("/spec/even"), Some(&json!(4)));
    assert_eq!(object.raw.value().get("status"), None);
}

#[test]
fn all_errors_of_an_object_come_at_once_and_in_place() {
    let text = monitor(
        "  nmespace: x\n  labels: {team: 5}\nspec:\n  type: htp\n  even: 3\n  tokn: a\n  list:\n    - size: 1\n    - size: x\n",
    );
    let reading = reading(&text);
    insta::assert_snapshot!(words(&reading), @r#"
5:3 [Monitor home/api] metadata.nmespace: unknown field; did you mean `namespace`?
6:18 [Monitor home/api] metadata.labels.team: must be text (found 5); put it into quotes
8:9 [Monitor home/api] spec.type: is not a permitted value (found "htp"); did you mean `http`? Permitted are http, tcp
9:9 [Monitor home/api] spec.even: must be even (found 3)
10:3 [Monitor home/api] spec.tokn: unknown field; did you mean `token`?
13:13 [Monitor home/api] spec.list[1].size: must be a whole number (found "x")
"#);
    assert!(reading.objects.is_empty());
    assert_eq!(reading.invalid[0].key.as_ref().unwrap().to_string(), "Monitor home/api");
    assert_eq!(reading.invalid[0].problems, reading.findings);
}

#[test]
fn rules_are_applied() {
    insta::assert_snapshot!(words(&reading(&monitor("spec: {type: tcp, even: 200}\n"))), @"5:1 [Monitor home/api] spec: even is too large");
}

#[test]
fn credentials_are_not_shown() {
    let reading = reading(&monitor("spec: {type: tcp, token: hunter2}\n"));
    assert!(words(&reading).contains("spec.token"), "{}", words(&reading));
    assert!(!words(&reading).contains("hunter2"));
}

#[test]
fn documents_of_others_are_skipped_and_counted() {
    let text = "apiVersion: apps/v1\nkind: Deployment\n---\napiVersion: v1\nkind: ConfigMap\n---\nservices: {web: {}}\n---\napiVersion: monitoring.kubekuma.com/v1\nkind: Monitor\n";
    let reading = reading(text);
    assert_eq!((reading.skipped, reading.objects.len(), reading.invalid.len()), (4, 0, 0));
    insta::assert_snapshot!(words(&reading), @r#"
7:1 [] is no Kubernetes object (it has neither apiVersion nor kind) and is skipped
9:13 [] apiVersion: is another group than monitoring.kubekuma.io; the document is skipped (found monitoring.kubekuma.com/v1); did you mean `monitoring.kubekuma.io/v1`?
"#);
}

#[test]
fn what_is_meant_to_be_ours_but_is_not_is_an_error() {
    let text = "apiVersion: monitoring.kubekuma.io/v1\nkind: Moniter\nmetadata: {name: a}\n---\napiVersion: monitoring.kubekuma.io/v2\nkind: Monitor\n---\nkind: Monitor\nspec: {}\n---\n- a\n- b\n---\napiVersion: monitoring.kubekuma.io/v1\nkind: Monitor\nspec: {type: tcp}\n";
    let reading = reading(text);
    insta::assert_snapshot!(words(&reading), @r#"
2:7 [] kind: there is no kind `Moniter` in monitoring.kubekuma.io/v1 (found Moniter); did you mean `Monitor`?
5:13 [] apiVersion: there is no version `v2` of monitoring.kubekuma.io (found monitoring.kubekuma.io/v2); write `apiVersion: monitoring.kubekuma.io/v1`
8:1 [] apiVersion: is required and missing; add `apiVersion: monitoring.kubekuma.io/v1`
11:1 [] a document must be an object with apiVersion, kind and metadata (found a list of 2)
14:1 [] metadata.name: is required and missing; add `name: …`
"#);
    assert_eq!(reading.invalid.len(), 5);
}

#[test]
fn names_and_namespaces_are_checked() {
    let text = "apiVersion: monitoring.kubekuma.io/v1\nkind: Monitor\nmetadata:\n  name: My API\n  namespace: a.b\n  labels: {'bad key': x, ok: 'bad value'}\n  annotations: {kubekuma.io/x: 5}\nspec: {type: tcp}\n---\napiVersion: monitoring.kubekuma.io/v1\nkind: Monitor\nmetadata: {generateName: a-}\nspec: {type: tcp}\n";
    insta::assert_snapshot!(words(&reading(text)), @r#"
4:9 [Monitor a.b/My API] metadata.name: must consist of lower-case letters, digits, `-` and `.`, and start and end with a letter or digit (found My API); for example `my-api`
5:14 [Monitor a.b/My API] metadata.namespace: must not contain a dot (found a.b)
6:23 [Monitor a.b/My API] metadata.labels[bad key]: the key must consist of letters, digits, `-`, `_` and `.`, and start and end with a letter or digit (found x)
6:30 [Monitor a.b/My API] metadata.labels.ok: must consist of letters, digits, `-`, `_` and `.`, and start and end with a letter or digit (found bad value)
7:32 [Monitor a.b/My API] metadata.annotations[kubekuma.io/x]: must be text (found 5); put it into quotes
12:1 [] metadata.name: is required; generateName names nothing in a folder; give it a name
"#);
}

#[test]
fn the_same_object_twice_is_an_error_of_the_second() {
    let once = monitor("spec: {type: tcp}\n");
    let reading = reading(&format!("{once}---\n{once}"));
    assert_eq!(reading.objects.len(), 1);
    insta::assert_snapshot!(words(&reading), @"10:9 [Monitor home/api] metadata.name: the same object is in line 1 already (found Monitor home/api); rename or remove one of them");
    assert_eq!(reading.invalid[0].key, None, "the first one stays in force");
}

#[test]
fn a_broken_document_names_its_object_and_stops_no_other() {
    let text = format!(
        "{}---\n{}---\n{}",
        monitor("spec: {type: tcp\n"),
        monitor("  namespace: shop\nspec: {type: tcp}\nspec: {type: http}\n"),
        monitor("  namespace: sound\nspec: {type: tcp}\n"),
    );
    let reading = reading(&text);
    let invalid: Vec<_> =
        reading.invalid.iter().map(|item| item.key.as_ref().unwrap().to_string()).collect();
    assert_eq!(invalid, ["Monitor home/api", "Monitor shop/api"]);
    assert_eq!(reading.objects[0].key.to_string(), "Monitor sound/api");
    assert!(reading.findings.iter().all(|finding| finding.problem.class == ProblemClass::Syntax));
}

#[test]
fn lists_are_read_item_by_item() {
    let text = "apiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: Namespace\n    metadata:\n      name: shop\n      annotations: {kubekuma.io/grant-to: 'a, b'}\n  - apiVersion: monitoring.kubekuma.io/v1\n    kind: Monitor\n    metadata: {name: x}\n    spec:\n      type: no\n";
    let reading = reading(text);
    assert!(
        matches!(&reading.objects[0].body, Body::Namespace { grant_to, .. } if grant_to == &["a", "b"])
    );
    assert_eq!(reading.objects[0].key.to_string(), "Namespace shop");
    assert_eq!(reading.findings[0].location, crate::document::Location { line: 13, column: 13 });
}

#[test]
fn secrets_are_decoded_and_never_repeated() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: mail\n  labels: {kubekuma.io/use: 'true'}\ntype: Opaque\ndata:\n  user: bWU=\n  both: YQ==\nstringData:\n  both: b\n";
    let read = reading(text);
    assert_eq!(words(&read), "");
    assert_eq!(read.objects[0].raw.value(), Value::Null);
    let Body::Secret(secret) = &read.objects[0].body else { unreachable!("it is a Secret") };
    assert_eq!(secret.data["user"].expose_secret(), b"me");
    assert_eq!(secret.data["both"].expose_secret(), b"b");
    assert_eq!(secret.labels["kubekuma.io/use"], "true");

    let text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: mail\ndata:\n  a: hunter2!\n  b: 12345678\nstringData:\n  c: 87654321\n  d/e: x\npassword: hunter2\n";
    let read = reading(text);
    insta::assert_snapshot!(words(&read), @r#"
6:3 [Secret home/mail] data.a: is no base64; encode it with base64, or move it under `stringData` as it is
7:3 [Secret home/mail] data.b: must be text; put it into quotes
9:3 [Secret home/mail] stringData.c: must be text; put it into quotes
10:3 [Secret home/mail] stringData[d/e]: the name of an entry must consist of letters, digits, `-`, `_` and `.`
11:1 [Secret home/mail] password: unknown field; entries belong under `data` or `stringData`
"#);
    let shown = format!("{:?}", read.findings);
    for value in ["hunter2", "12345678", "87654321"] {
        assert!(!shown.contains(value), "{shown}");
    }
}

#[test]
fn a_placeholder_in_a_secret_is_a_warning() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: admin}\ntype: Opaque\ndata:\n  hash: <argon2-hash-of-password>  # Base64 encoded\n";
    let read = reading(text);
    assert_eq!(read.objects.len(), 1);
    insta::assert_snapshot!(words(&read), @"6:3 [Secret home/admin] data.hash: is a placeholder, so the entry is missing; fill in the value, encoded as base64");
}

#[test]
fn a_cluster_scoped_kind_has_no_namespace() {
    let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, namespace: other}\n";
    let read = reading(text);
    assert_eq!(read.objects[0].key.to_string(), "Namespace shop");
    assert_eq!(read.findings[0].problem.severity, Severity::Warning);
}

#[test]
fn the_schemas_of_all_kinds_are_sound() {
    for kind in Kind::OURS {
        let schema = Registered.schema(kind).expect("every kind of ours has a schema");
        assert!(schema.is_ok(), "{kind}: {:?}", schema.err());
    }
}

#[test]
fn a_namespaces_egress_rules_are_read_and_what_cannot_be_read_opens_nothing() {
    let text = |annotations: &str| {
        format!(
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  annotations: {annotations}\n"
        )
    };
    let egress = |text: &str| {
        let reading = reading(text);
        let Body::Namespace { egress, .. } = &reading.objects[0].body else {
            panic!("a namespace");
        };
        (egress.clone(), words(&reading))
    };
    let (read, _) = egress(&text(
        "{kubekuma.io/egress-allow: '10.0.0.0/8, 192.0.2.1', kubekuma.io/egress-deny: '10.1.0.0/16'}",
    ));
    assert_eq!(
        read,
        NamespaceEgress::Lists {
            allow: vec!["10.0.0.0/8".parse().unwrap(), "192.0.2.1/32".parse().unwrap()],
            deny: vec!["10.1.0.0/16".parse().unwrap()],
        }
    );
    let (unset, _) = egress(&text("{other: x}"));
    assert_eq!(unset, NamespaceEgress::Unset);
    let (broken, told) = egress(&text("{kubekuma.io/egress-deny: '10.1.0.0/16, intranet'}"));
    assert_eq!(broken, NamespaceEgress::Unreadable);
    assert_eq!(
        told,
        "5:42 [Namespace shop] metadata.annotations[kubekuma.io/egress-deny]: this is not a network; \
         until it is mended, no monitor of the namespace may ask anything (found intranet); write \
         networks in CIDR notation or addresses, with commas between them"
    );
}
