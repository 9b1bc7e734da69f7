//! What is read from files, and what broken ones say.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn one(text: &str) -> Document {
    let mut documents = read(text.as_bytes());
    assert_eq!(documents.len(), 1, "{documents:#?}");
    documents.remove(0)
}

fn value(text: &str) -> Value {
    let document = one(text);
    assert_eq!(document.problems, []);
    document.value
}

fn problem(text: &str) -> String {
    let document = one(text);
    let problem = document.problems.first().expect("it is broken");
    format!("{}:{} {}", problem.location.line, problem.location.column, problem.why)
}

fn at(document: &Document, path: &str, prefer: Prefer) -> (u32, u32) {
    let location = document.spans.find(path, prefer);
    (location.line, location.column)
}

#[test]
fn every_field_has_its_place() {
    let text = "# a comment\nspec:\n  items:\n    - name: one\n    -   name: two\n  headers:\n    x.y/z: 1\n  flow: {a: [1, 2]}\n";
    let document = one(text);
    assert_eq!(at(&document, "spec.items[1].name", Prefer::Value), (5, 15));
    assert_eq!(at(&document, "spec.items[1].name", Prefer::Key), (5, 9));
    assert_eq!(at(&document, "spec.items", Prefer::Value), (3, 3), "a block is meant by its key");
    assert_eq!(at(&document, "spec.items[1].none.deeper", Prefer::Value), (5, 9));
    assert_eq!(at(&document, "spec.headers[x.y/z]", Prefer::Value), (7, 12));
    assert_eq!(at(&document, "spec.flow.a[1]", Prefer::Value), (8, 17));
    assert_eq!(at(&document, "none", Prefer::Value), (2, 1));
    assert_eq!(at(&document, "", Prefer::Value), (2, 1));
}

#[test]
fn scalars_mean_what_kubectl_takes_them_for() {
    let text = "a: 0644\nb: yes\nc: off\nd: 0x1F\ne: 1_000\nf: 60.0\ng: 1e3\nh: 2026-01-01\ni: '0644'\nj: ~\nk:\nl: 08\nm: 1.5\nn1: -0b11\no: 0o17\np: 1.2.3\nq: 12:30\nr: !!str 5\ns: .5\nt: +7\nu: 18446744073709551615\nv: '-'\nw: -x\n";
    assert_eq!(
        value(text),
        json!({
            "a": 420, "b": true, "c": false, "d": 31, "e": 1000, "f": 60, "g": 1000,
            "h": "2026-01-01", "i": "0644", "j": null, "k": null, "l": 8, "m": 1.5, "n1": -3,
            "o": 15, "p": "1.2.3", "q": "12:30", "r": "5", "s": 0.5, "t": 7,
            "u": 18_446_744_073_709_551_615_u64, "v": "-", "w": "-x",
        })
    );
    insta::assert_snapshot!(problem("a: .inf"), @"1:4 `.inf` is a number that JSON cannot hold");
    insta::assert_snapshot!(problem("a: !!int x"), @"1:4 the value is no !!int");
    insta::assert_snapshot!(problem("a: !custom x"), @"1:4 the tag !custom is not supported");
}

#[test]
fn block_scalars_keep_their_lines() {
    assert_eq!(value("a: |\n  x\n  y\nb: >-\n  x\n  y\n"), json!({"a": "x\ny\n", "b": "x y"}));
}

#[test]
fn documents_are_split_and_counted_by_line() {
    let text = "---\na: 1\n--- # next\nb: |\n  ---\n  x\n...\n# only a comment\n---\n---\nc: 3\n";
    let documents = read(text.as_bytes());
    let values: Vec<_> = documents.iter().map(|document| document.value.clone()).collect();
    assert_eq!(values, [json!({"a": 1}), json!({"b": "---\nx\n"}), json!({"c": 3})]);
    assert_eq!(documents[2].spans.locate("c"), Location { line: 11, column: 4 });
}

#[test]
fn a_broken_document_does_not_stop_the_others() {
    let text = "a: 1\n---\nkind: Monitor # x\nmetadata:\n  name: \"api\"\n  labels:\n    name: no\nspec: [1, 2\n---\nb: 2\n";
    let documents = read(text.as_bytes());
    assert_eq!(documents.len(), 3);
    assert_eq!(documents[0].value, json!({"a": 1}));
    assert_eq!(documents[2].value, json!({"b": 2}));
    let broken = &documents[1];
    assert!((7..=9).contains(&broken.problems[0].location.line), "{:?}", broken.problems);
    let guess = broken.guess.clone().unwrap();
    assert_eq!(guess.kind.as_deref(), Some("Monitor"));
    assert_eq!(guess.name.as_deref(), Some("api"));
}

#[test]
fn duplicate_keys_name_both_lines_and_all_are_reported() {
    let document = one("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n");
    let words: Vec<_> = document.problems.iter().map(|problem| problem.why.as_str()).collect();
    assert_eq!(
        words,
        [
            "the key `c` is written twice, in line 3 and in line 4",
            "the key `a` is written twice, in line 1 and in line 5",
        ]
    );
    assert_eq!(document.problems[1].location, Location { line: 5, column: 1 });
}

#[test]
fn anchors_aliases_and_merge_keys_are_followed_within_bounds() {
    let text = "base: &base {a: 1, b: 2}\none:\n  <<: *base\n  b: 3\ntwo: *base\nthree:\n  <<: [{a: 5}, *base]\n";
    assert_eq!(
        value(text),
        json!({
            "base": {"a": 1, "b": 2}, "one": {"b": 3, "a": 1}, "two": {"a": 1, "b": 2},
            "three": {"a": 5, "b": 2},
        })
    );
    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 8].join(", ");
        writeln!(laughs, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    assert!(problem(&laughs).contains("too large"));
    assert!(problem("a: &a [*a]").contains("itself"));
    assert!(problem("a: *nothing").contains("1:"));
    assert!(problem("a:\n  <<: 5").contains("merge key"));
}

#[test]
fn json_is_read_with_tabs_escapes_and_places() {
    let text = "{\n\t\"kind\": \"Monitor\",\n\t\"emoji\": \"\\ud83d\\ude00 \\/ \\u00e9\",\n\t\"n\": [1, -2.5e3, true, null]\n}\n";
    let document = one(text);
    assert_eq!(document.problems, []);
    assert_eq!(
        document.value,
        json!({"kind": "Monitor", "emoji": "😀 / é", "n": [1, -2500, true, null]})
    );
    assert_eq!(at(&document, "n[1]", Prefer::Value), (4, 11));
    assert_eq!(at(&document, "kind", Prefer::Key), (2, 2));
}

#[test]
fn carriage_returns_and_byte_order_marks_do_not_matter() {
    let text = "\u{feff}a: 1\r\nb: |\r\n  x\r\n---\r\nc: 2\r\n";
    let documents = read(text.as_bytes());
    assert_eq!(documents[0].value, json!({"a": 1, "b": "x\n"}));
    assert_eq!(documents[1].value, json!({"c": 2}));
    assert_eq!(documents[1].spans.locate("c"), Location { line: 5, column: 4 });
}

#[test]
fn what_is_no_text_or_too_much_is_refused_with_a_reason() {
    let why = |bytes: &[u8]| read(bytes)[0].problems[0].clone();
    assert!(why(b"\xff\xfea\0").why.contains("UTF-16"));
    assert_eq!(why(b"a: 1\nb: \xff").location, Location { line: 2, column: 4 });
    assert!(why(b"a: \0").why.contains("NUL"));
    assert!(why(&vec![b'a'; MAX_FILE_BYTES + 1]).why.contains("file is larger"));
    assert!(why(&vec![b'a'; MAX_DOCUMENT_BYTES + 1]).why.contains("document is larger"));
    let deep = format!("a: {}1{}", "[".repeat(100), "]".repeat(100));
    assert!(problem(&deep).contains("deeper"));
    assert!(problem(&"- ".repeat(100_000)).contains("deeper"));
    let many = "a: 1\n---\n".repeat(MAX_DOCUMENTS + 5);
    let documents = read(many.as_bytes());
    assert_eq!(documents.len(), MAX_DOCUMENTS + 1);
    assert!(documents[MAX_DOCUMENTS].problems[0].why.contains("10000 documents"));
}

#[test]
fn syntax_errors_say_where() {
    let document = one("spec:\n\ttype: http\n");
    assert_eq!(document.problems[0].location.line, 2, "{:?}", document.problems);
    assert!(document.problems[0].fix.as_deref().unwrap().contains("spaces"));
    insta::assert_snapshot!(problem("a: b: c"), @"1:5 mapping values are not allowed in this context");
    insta::assert_snapshot!(problem("a: 'x"), @"1:4 while scanning a quoted scalar, found unexpected end of stream");
    insta::assert_snapshot!(problem("{{ .x }}: 1"), @"1:2 a key must be text, not a list or an object");
}

#[test]
fn nothing_is_read_from_an_empty_file() {
    assert!(read(b"").is_empty());
    assert!(read(b"# nothing\n---\n---\n").is_empty());
}

proptest! {
    #[test]
    fn no_text_panics(text in "([a-c]: |- |\\n|  |\\{|\\}|\\[|\\]|\"|'|&a |\\*a|<<: |---\\n|\\.\\.\\.\\n|\\||>|#|%|\\t|!!int |\\r|,|\\PC){0,30}") {
        for document in read(text.as_bytes()) {
            document.spans.locate("a.b[0].c");
        }
    }

    #[test]
    fn what_json_writes_is_read_back(number in any::<i64>(), text in "\\PC*", flag in any::<bool>()) {
        let written = json!({"number": number, "text": text, "list": [flag, null, {"deep": text}]});
        let documents = read(serde_json::to_string_pretty(&written).unwrap().as_bytes());
        prop_assert_eq!(&documents[0].problems, &[]);
        prop_assert_eq!(&documents[0].value, &written);
    }
}
