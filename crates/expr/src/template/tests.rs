//! What templates accept, refuse and print.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn values() -> Value {
    json!({
        "monitorName": "api",
        "monitorNamespace": "shop",
        "state": "down",
        "currentState": "down",
        "reason": "said \"no\"\nand left \\o/",
        "latencyMs": 420,
        "isStateChange": true,
        "labels": {"team": "core", "app.kubernetes.io/name": "web"},
        "timestamp": "2026-03-29T01:30:00Z",
        "duration": 3905,
        "url": "https://example.test/?a=b c",
    })
}

fn render(source: &str) -> String {
    Template::compile(source, EVENT_VARIABLES).unwrap().render(&values()).unwrap()
}

fn refused(source: &str) -> ExprError {
    Template::compile(source, EVENT_VARIABLES).unwrap_err()
}

#[test]
fn the_documented_forms_are_filled() {
    assert_eq!(render("[{{ .state | upper }}] {{ .monitorName }}"), "[DOWN] api");
    assert_eq!(render("{{.monitorNamespace}}/{{ monitorName }}"), "shop/api");
    assert_eq!(render("{{ .labels.team }}"), "core");
    assert_eq!(render("{{ .labels[\"app.kubernetes.io/name\"] }}"), "web");
    assert_eq!(render("Latency: {{ .latencyMs }}ms"), "Latency: 420ms");
    assert_eq!(render("{{ .labels }}"), "app.kubernetes.io/name=web, team=core");
    assert_eq!(render("a {{- .state -}} b"), "adownb");
    assert_eq!(render("{{ 'bad' if .state == 'down' else 'good' }}"), "bad");
}

#[test]
fn the_older_form_is_read_for_event_variables_only() {
    assert_eq!(render("{monitorName} {state} {other} {} {"), "api down {other} {} {");
    let matrix = Template::compile("{url} {{ .region }}", &["region"]).unwrap();
    assert_eq!(matrix.render(&json!({"region": "eu"})).unwrap(), "{url} eu");
}

#[test]
fn absent_values_are_empty() {
    assert_eq!(render("<{{ .incidentId }}{{ .labels.none.deeper }}{message}>"), "<>");
    assert_eq!(render("{{ .message | default(\"none\") }}"), "none");
    assert_eq!(render("{{ .message | default \"none\" | upper }}"), "NONE");
}

#[test]
fn filters_do_what_their_names_say() {
    assert_eq!(render("{{ 'the api is down' | title }}"), "The Api Is Down");
    assert_eq!(render("{{ .state | capitalize }}"), "Down");
    assert_eq!(render("{{ '  x ' | trim }}"), "x");
    assert_eq!(render("{{ .url | urlencode }}"), "https%3A%2F%2Fexample.test%2F%3Fa%3Db%20c");
    assert_eq!(render("{{ .monitorNamespace | truncate(3) }}"), "sh…");
    assert_eq!(render("{{ .url | replace('https://', '') | truncate 7 }}"), "exampl…");
    assert_eq!(render("{{ .labels | json }}"), r#"{"app.kubernetes.io/name":"web","team":"core"}"#);
    assert_eq!(render("{{ .timestamp | date }}"), "2026-03-29 01:30:00 UTC");
    assert_eq!(render("{{ .timestamp | date \"%H:%M\" }}"), "01:30");
    assert_eq!(render("{{ .duration | duration }}"), "1h 5m");
    assert_eq!(render("{{ 86400 | duration }} {{ 0 | duration }}"), "1d 0s");
    assert_eq!(render("{{ .state | length }}{{ .state | first }}{{ .state | last }}"), "4dn");
    assert_eq!(render("{{ 1.256 | round(1) }}"), "1.3");
}

#[test]
fn every_filter_in_the_list_is_registered() {
    for name in filters::NAMES {
        let source = format!("{{{{ .none | {name} }}}}");
        let template = Template::compile(&source, &["none"]).unwrap();
        if let Err(error) = template.render(&json!({})) {
            assert!(!error.to_string().contains("unknown filter"), "{error}");
        }
    }
}

#[test]
fn errors_say_where_and_what() {
    insta::assert_snapshot!(refused("Hello\n  {{ .montorName }}"), @"line 2, column 3: there is no variable `montorName`; there are monitorId, monitorNamespace, monitorName, previousState, currentState, state, reason, message, latencyMs, latency, timestamp, isStateChange, labels, annotations, duration, incidentId, url");
    insta::assert_snapshot!(refused("{{ .state | shout }}"), @"line 1, column 1: there is no filter `shout`; there are upper, lower, title, capitalize, trim, default, json, urlencode, truncate, replace, join, first, last, length, round, date, duration");
    insta::assert_snapshot!(refused("a {{ .state "), @"line 1, column 3: `{{` is never closed");
    insta::assert_snapshot!(refused("{{ .state + }}"), @"line 1, column 1: `{{ .state + }}` cannot be read: unexpected end of input, expected expression");
    insta::assert_snapshot!(refused("{{ if .state }}x{{ end }}"), @"line 1, column 1: `if` is not supported; write `{{ .a if .b else .c }}` for a choice");
    insta::assert_snapshot!(refused("{{ }}"), @"line 1, column 1: the placeholder is empty");
    assert!(matches!(refused(&"x".repeat(20_000)), ExprError::TooLarge(_)));
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000));
    assert!(matches!(refused(&deep), ExprError::TooLarge(_)));
    assert!(matches!(refused(&"{{ 1 }}".repeat(2000)), ExprError::TooLarge(_)));
}

#[test]
fn json_bodies_survive_and_values_cannot_break_out() {
    let body = r#"{"text": "{{ .reason }}", "labels": {{ .labels | json }}, "n": {latencyMs}}"#;
    let filled = Template::compile(body, EVENT_VARIABLES).unwrap().render_json(&values()).unwrap();
    let parsed: Value = serde_json::from_str(&filled).unwrap();
    assert_eq!(parsed["text"], values()["reason"]);
    assert_eq!(parsed["labels"]["team"], "core");
    assert_eq!(parsed["n"], 420);
}

#[test]
fn work_and_output_are_bounded() {
    let long = json!({"message": "x".repeat(40_000)});
    let twice = Template::compile("{message}{message}", EVENT_VARIABLES).unwrap();
    assert!(matches!(twice.render(&long), Err(ExprError::TooLarge(_))));
    let grow = Template::compile("{{ .message | replace('x', 'yyyyyyyyyy') }}", EVENT_VARIABLES);
    assert!(matches!(grow.unwrap().render(&long), Err(ExprError::Run(_))));
    if let Ok(template) = Template::compile("{{ 'x' * 1000000000 }}", EVENT_VARIABLES) {
        assert!(template.render(&json!({})).is_err());
    }
}

#[test]
fn templates_are_equal_by_source() {
    let compile = |source| Template::compile(source, EVENT_VARIABLES).unwrap();
    assert_eq!(compile("{state}"), compile("{state}").clone());
    assert_ne!(compile("{state}"), compile("{{ .state }}"));
    assert_eq!(compile("{state}").as_str(), "{state}");
}

proptest! {
    #[test]
    fn no_source_panics(source in "(\\{\\{|\\}\\}|[{}|. \"'()\\[\\]a-c\\\\]|state|upper|default|\\PC){0,40}") {
        if let Ok(template) = Template::compile(&source, EVENT_VARIABLES) {
            let _ = template.render(&values());
            let _ = template.render_json(&values());
        }
    }

    #[test]
    fn no_value_leaves_its_json_string(value in any::<String>(), other in any::<String>()) {
        let body = r#"{"a": "{{ .reason }} {message}", "b": {{ .reason | json }}}"#;
        let template = Template::compile(body, EVENT_VARIABLES).unwrap();
        let filled = template.render_json(&json!({"reason": value, "message": other})).unwrap();
        let parsed: Value = serde_json::from_str(&filled).unwrap();
        prop_assert_eq!(&parsed["a"], &json!(format!("{value} {other}")));
        prop_assert_eq!(&parsed["b"], &json!(value));
    }
}
