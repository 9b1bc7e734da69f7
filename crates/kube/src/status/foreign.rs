//! Fields of a status that another field manager owns: what the API server says of them when an
//! apply conflicts, and a status without them. Pure.

use serde_json::Value;

/// A field that another manager owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// As the API server writes it: `.status.conditions[type="Ready"].status`.
    pub path: String,
    /// Who has it, in its words.
    pub owner: String,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step<'a> {
    Field(&'a str),
    /// The item of a list that has these values.
    Item(Vec<(&'a str, Value)>),
}

/// The status without these fields. A path that is not understood takes its whole top field along.
pub(super) fn without(mut status: Value, foreign: &[Foreign]) -> Value {
    for field in foreign {
        let Some(path) = field.path.strip_prefix(".status") else { continue };
        let top = || path.trim_start_matches('.').split(['.', '[']).next().unwrap_or_default();
        let steps = steps(path).unwrap_or_else(|| vec![Step::Field(top())]);
        remove(&mut status, &steps);
    }
    status
}

fn remove(value: &mut Value, steps: &[Step<'_>]) {
    match steps {
        [] => {}
        [Step::Field(name)] => {
            if let Some(fields) = value.as_object_mut() {
                fields.remove(*name);
            }
        }
        [Step::Item(keys)] => {
            if let Some(items) = value.as_array_mut() {
                items.retain(|item| !has(item, keys));
            }
        }
        [Step::Field(name), rest @ ..] => {
            if let Some(inner) = value.get_mut(*name) {
                remove(inner, rest);
            }
        }
        [Step::Item(keys), rest @ ..] => {
            let items = value.as_array_mut().into_iter().flatten();
            items.filter(|item| has(item, keys)).for_each(|item| remove(item, rest));
        }
    }
}

fn has(item: &Value, keys: &[(&str, Value)]) -> bool {
    keys.iter().all(|(name, value)| item.get(name) == Some(value))
}

/// `.a.b[type="Ready"].c` in steps; none if it is written in another way.
fn steps(mut path: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    while !path.is_empty() {
        if let Some(rest) = path.strip_prefix('.') {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            if name.is_empty() {
                return None;
            }
            steps.push(Step::Field(name));
            path = rest;
        } else {
            let (item, rest) = item(path.strip_prefix('[')?)?;
            steps.push(item);
            path = rest;
        }
    }
    (!steps.is_empty()).then_some(steps)
}

/// `name="value",other=3]` and what follows it.
fn item(mut text: &str) -> Option<(Step<'_>, &str)> {
    let mut keys = Vec::new();
    loop {
        let (name, rest) = text.split_once('=')?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let value = values.next()?.ok()?;
        let rest = &rest[values.byte_offset()..];
        if name.is_empty() {
            return None;
        }
        keys.push((name, value));
        if let Some(rest) = rest.strip_prefix(']') {
            return Some((Step::Item(keys), rest));
        }
        text = rest.strip_prefix(',')?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn foreign(path: &str) -> Foreign {
        Foreign { path: path.to_owned(), owner: "somebody".to_owned() }
    }

    fn left(path: &str) -> Value {
        let status = json!({
            "lastResult": {"state": "up", "latencyMs": 3},
            "conditions": [
                {"type": "Valid", "status": "True"},
                {"type": "Ready", "status": "True"},
            ],
        });
        without(status, &[foreign(path)])
    }

    #[test]
    fn a_field_an_items_field_and_an_item_are_left_out() {
        assert_eq!(left(".status.lastResult.state")["lastResult"], json!({"latencyMs": 3}));
        let conditions = left(r#".status.conditions[type="Ready"].status"#)["conditions"].clone();
        assert_eq!(conditions, json!([{"type": "Valid", "status": "True"}, {"type": "Ready"}]));
        let conditions = left(r#".status.conditions[type="Ready"]"#)["conditions"].clone();
        assert_eq!(conditions, json!([{"type": "Valid", "status": "True"}]));
    }

    #[test]
    fn a_path_that_is_not_understood_takes_its_top_field_along() {
        assert_eq!(left(".status.conditions[0].status").get("conditions"), None);
        assert_eq!(left(r#".status.lastResult[="x"]"#).get("lastResult"), None);
    }

    #[test]
    fn fields_outside_the_status_are_nobodys_business_here() {
        assert_eq!(left(".metadata.labels"), left(".status.nothing"));
    }

    proptest! {
        #[test]
        fn any_path_is_survived(path in r#"[.\[\]="a-z0-9,\\]{0,40}"#) {
            left(&format!(".status{path}"));
        }
    }
}
