//! Conditions: what holds, what is refused, and what ends bombs.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;

const VARIABLES: &[Variable] = &[
    Variable { name: "status", kind: Type::Int, meaning: "" },
    Variable { name: "latencyMs", kind: Type::Double, meaning: "" },
    Variable { name: "body", kind: Type::Text, meaning: "" },
    Variable { name: "headers", kind: Type::Map(&Type::Text), meaning: "" },
    Variable { name: "json", kind: Type::Any, meaning: "" },
];

fn values(body: &str, json: serde_json::Value) -> BTreeMap<&'static str, Value> {
    let headers = [("server", "nginx")].map(|(name, value)| (Arc::from(name), Value::from(value)));
    BTreeMap::from([
        ("status", Value::Int(200)),
        ("latencyMs", Value::Double(12.5)),
        ("body", Value::from(body)),
        ("headers", Value::map(headers)),
        ("json", Value::from(json)),
    ])
}

fn holds(source: &str) -> Result<bool, ExprError> {
    let json = json!({
        "ok": true, "n": 3, "load": 0.5, "none": null, "name": "größe",
        "items": [{"id": 1, "up": true}, {"id": 2, "up": false}],
    });
    Condition::compile(source, VARIABLES)?.holds(&values("all is well", json))
}

fn refused(source: &str) -> String {
    Condition::compile(source, VARIABLES).unwrap_err().to_string()
}

#[test]
fn conditions_hold_or_do_not() {
    for (source, expected) in [
        ("status == 200", true),
        ("status in [200, 204] && latencyMs < 100", true),
        ("latencyMs * 2 >= 25.0", true),
        ("json.ok && json.n > 2", true),
        ("json.load * 2 == 1", true),
        ("json.n / 2 == 1 && json.n % 2 == 1 && -json.n == -3", true),
        ("body.contains('well') && !body.startsWith('no') && body.endsWith('well')", true),
        ("body.matches('^all .* well$')", true),
        ("headers['server'] == 'nginx' && headers.server == 'nginx'", true),
        ("'server' in headers && !('x' in headers)", true),
        ("has(json.ok) && !has(json.missing)", true),
        ("json.none == null", true),
        ("size(json.items) == 2 && json.items.size() == 2", true),
        ("size(json.name) == 5", true),
        ("json.items.exists(i, i.up) && !json.items.all(i, i.up)", true),
        ("json.items.exists_one(i, i.id == 2)", true),
        ("json.items.map(i, i.id) == [1, 2]", true),
        ("json.items.filter(i, i.up).map(i, i.id) == [1]", true),
        ("json.items.map(i, i.up, i.id) == [1]", true),
        ("json.items[1].id == 2 && json['n'] == 3", true),
        ("json.all(key, key != 'x')", true),
        ("(json.ok ? 'a' : 'b') + 'c' == 'ac'", true),
        ("int('7') == 7 && double('1.5') == 1.5 && string(1) == '1'", true),
        ("{'a': 1}.a == 1", true),
        ("json.n == '3'", false),
        ("status == 200 && false", false),
        ("json.missing == 1 || true", true),
    ] {
        assert_eq!(holds(source), Ok(expected), "{source}");
    }
}

#[test]
fn the_same_holds_as_in_the_librarys_own_interpreter() {
    for source in [
        "1 + 2 * 3 == 7",
        "7 / 2 == 3",
        "-7 / 2 == -3",
        "-7 % 3 == -1",
        "1.5 + 1.5 == 3.0",
        "'a' + 'b' == 'ab'",
        "[1] + [2] == [1, 2]",
        "'a' < 'b'",
        "true || 1 / 0 == 1",
        "1 / 0 == 1 || true",
        "false && 1 / 0 == 1",
        "[1, 2, 3].all(x, x > 0)",
        "[1, 2, 3].exists(x, x == 2)",
        "[1, 2, 3].exists_one(x, x > 1)",
        "[1, 2, 3].map(x, x * 2) == [2, 4, 6]",
        "[1, 2, 3].filter(x, x > 1) == [2, 3]",
        "[[1, 2], [3]].all(l, l.all(x, x > 0))",
        "2 in [1, 2]",
        "'a' in {'a': 1}",
        "{'a': {'b': 2}}.a.b == 2",
        "has({'a': 1}.a)",
        "!has({'a': 1}.b)",
        "size('abc') == 3",
        "size([1, 2]) == 2",
        "'abc'.contains('b')",
        "'abc'.startsWith('a')",
        "int('4') == 4",
        "double('4.5') == 4.5",
        "string(4) == '4'",
        "2 > 1.5",
        "null == null",
        "true ? false : true",
        "[1, 2][1] == 2",
        "!(1 > 2)",
        "1 != 2 && 'a' != 'b'",
        "[1, 2, 3].map(x, x > 1, x * 10) == [20, 30]",
        "[].all(x, false)",
        "[].exists(x, true)",
    ] {
        let theirs = cel::Program::compile(source).unwrap().execute(&cel::Context::default());
        let ours = Condition::compile(source, &[]).unwrap().holds(&BTreeMap::new());
        assert_eq!(ours.map(cel::Value::Bool).ok(), theirs.ok(), "{source}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    insta::assert_snapshot!(
        refused("status = 200"),
        @"`=` cannot be read here; equality is `==` (line 1, column 8)"
    );
    insta::assert_snapshot!(
        refused("status =="),
        @"it ends where something is missing (line 1, column 10)"
    );
    insta::assert_snapshot!(
        refused("statu == 200"),
        @"there is no variable `statu`; this type of check has status, latencyMs, body, headers, json (line 1, column 1)"
    );
    insta::assert_snapshot!(
        refused("true &&\n  frob(body)"),
        @"there is no function `frob`; there are size, contains, startsWith, endsWith, matches, int, double, string, dyn, has, all, exists, exists_one, map and filter (line 2, column 3)"
    );
    insta::assert_snapshot!(
        refused("status == '200'"),
        @"`==` with int and string (line 1, column 8)"
    );
    insta::assert_snapshot!(
        refused("status"),
        @"the condition is an int, and must be true or false"
    );
    insta::assert_snapshot!(
        refused("status.code == 1"),
        @"int has no fields (line 1, column 7)"
    );
    insta::assert_snapshot!(
        refused("body.matches('(')"),
        @"the regular expression `(` cannot be used: unclosed group"
    );
    insta::assert_snapshot!(
        refused("Foo{a: 1}.a == 1"),
        @"messages cannot be made in a condition"
    );
    insta::assert_snapshot!(
        refused("size(status) == 1"),
        @"`size` with int (line 1, column 1)"
    );
}

#[test]
fn what_goes_wrong_while_it_runs_is_said() {
    let fails = |source| holds(source).unwrap_err().to_string();
    insta::assert_snapshot!(
        fails("json.missing == 1"),
        @"there is no `missing`"
    );
    insta::assert_snapshot!(
        fails("json.n.deeper == 1"),
        @"`.deeper` is asked of 3"
    );
    insta::assert_snapshot!(
        fails("json.n < 'x'"),
        @"`<` between 3 and a string"
    );
    insta::assert_snapshot!(
        fails("json.items[9].id == 1"),
        @"there is no item 9 in a list of 2"
    );
    insta::assert_snapshot!(
        fails("json.n"),
        @"it is 3, not true or false"
    );
    insta::assert_snapshot!(
        fails("json.n / 0 == 1"),
        @"a division by zero"
    );
    insta::assert_snapshot!(
        fails("headers['etag'] == ''"),
        @"there is no `etag`"
    );
}

#[test]
fn bombs_are_refused_before_they_are_read() {
    for source in [
        format!("{}status{} == 1", "(".repeat(3000), ")".repeat(3000)),
        format!("{}true", "!".repeat(3000)),
        format!("json{} == 1", ".a".repeat(2000)),
        format!("1{} == 1", "+1".repeat(2000)),
        format!("body == '{}'", "a".repeat(5000)),
        format!("{}1{} == 1", "[".repeat(200), "]".repeat(200)),
    ] {
        let error = Condition::compile(&source, VARIABLES).unwrap_err();
        assert!(matches!(error, ExprError::TooLarge(_)), "{error}");
    }
}

#[test]
fn the_deepest_that_is_read_can_be_run() {
    // On the small stack of a worker thread, and without optimisation.
    for source in [
        format!("{}status{} == 200", "(".repeat(24), ")".repeat(24)),
        format!("{}true", "!".repeat(300)),
        format!("json{} == 1", ".a".repeat(298)),
        format!("0{} == 298", "+1".repeat(298)),
        format!("true{}", " && true".repeat(149)),
    ] {
        if let Ok(condition) = Condition::compile(&source, VARIABLES) {
            drop(condition.holds(&values("", json!(1))));
        }
    }
}

#[test]
fn bombs_that_can_be_read_end_soon() {
    let items: Vec<_> = (0..200_000).collect();
    let large = values(&"a".repeat(1 << 20), json!(items));
    let nested = "[1,2,3,4,5,6,7,8,9,10]";
    let deep = (0..7).fold("true".to_owned(), |inner, n| format!("{nested}.all(x{n}, {inner})"));
    let doubled = format!("size({}) == 1", ["body"; 140].join(" + "));
    for source in [
        deep.as_str(),
        doubled.as_str(),
        "json.all(a, json.all(b, a >= 0 || b >= 0))",
        "json.map(a, body + body) == []",
        "json.all(a, body.contains('b') || true)",
        "json.all(a, body.matches('(a*)*b') || true)",
        "json.all(a, 'x'.matches('[a-z]{100}' + string(a)) || true)",
        "json.all(a, json == json)",
        "json.all(a, a in json || true)",
        "json.map(a, json + json) == []",
    ] {
        let condition = Condition::compile(source, VARIABLES).unwrap();
        let outcome = condition.holds(&large);
        assert!(matches!(outcome, Err(ExprError::TooLarge(_))), "{source}: {outcome:?}");
    }
    // What is shared and not copied takes neither time nor memory.
    let shared = Condition::compile("json.map(a, json) == []", VARIABLES).unwrap();
    assert_eq!(shared.holds(&large), Ok(false));
}

proptest! {
    #[test]
    fn no_source_panics(source in "[a-z(){}\\[\\].,:?'\"0-9 <=>&|!+*/%-]{0,60}") {
        if let Ok(condition) = Condition::compile(&source, VARIABLES) {
            drop(condition.holds(&values("body", json!({"a": [1, "b"]}))));
        }
    }
}
