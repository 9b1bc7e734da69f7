//! `http`, `keyword` and `json-query`: one request, three ways to look at its answer.

use serde_json::{Map, Value, json};

use super::World;
use super::access;
use super::row::{Row, literal};

/// The request.
pub(super) fn request(world: &mut World<'_>, row: &Row, name: &str) -> Value {
    let redirects = row.int("maxredirects").unwrap_or(10);
    let method = row.text("method").unwrap_or("GET").to_uppercase();
    let (headers, headers_from) = headers(world, row, name);
    let mut request = json!({
        "url": row.literal("url"),
        "method": (method != "GET").then_some(method),
        "followRedirects": (redirects == 0).then_some(false),
        "maxRedirects": (redirects > 0 && redirects != 10).then_some(redirects.min(20)),
        "headers": headers,
        "headersFrom": headers_from,
        "tls": access::tls(world, row, name),
        "auth": access::auth(world, row, name),
        "proxy": access::proxy(world, row, name),
        "ipFamily": row.text("ip_family"),
    });
    body(world, row, &mut request);
    request
}

/// Accepted codes, where they are not ours by default.
pub(super) fn criteria(row: &Row) -> Value {
    let codes = row.json("accepted_statuscodes_json");
    let codes = codes.as_ref().and_then(Value::as_array).filter(|codes| !codes.is_empty());
    let usual = |codes: &&Vec<Value>| codes.as_slice() != [json!("200-299")].as_slice();
    match codes.filter(usual) {
        Some(codes) => json!({ "http": { "statusCodes": codes } }),
        None => json!({}),
    }
}

pub(super) fn keyword(world: &mut World<'_>, row: &Row, name: &str) -> Value {
    let mut target = request(world, row, name);
    target["keyword"] = json!(row.0.get("keyword"));
    target["invert"] = json!(row.on("invert_keyword").then_some(true));
    target
}

/// JSONata paths that JSONPath can say; for others only the request stays.
pub(super) fn json_query(
    world: &mut World<'_>,
    row: &Row,
    name: &str,
) -> (&'static str, Value, Value) {
    let mut target = request(world, row, name);
    let written = row.text("json_path").unwrap_or("$");
    let Some(path) = json_path(written) else {
        let why = "JSONata is not understood; only the status of the answer is checked";
        world.plan.lost("json_path", written, why, "Write the query as JSONPath (RFC 9535)");
        return ("http", target, criteria(row));
    };
    let operator = row.text("json_path_operator").unwrap_or("==");
    target["query"] = json!(path);
    target["operator"] = json!((operator != "==").then_some(operator));
    target["expected"] = json!(row.text("expected_value"));
    ("jsonQuery", target, criteria(row))
}

/// `a.b[0].c`, with or without `$` before it.
fn json_path(jsonata: &str) -> Option<String> {
    let path = jsonata.strip_prefix("$.").or_else(|| jsonata.strip_prefix('$')).unwrap_or(jsonata);
    if path.is_empty() {
        return Some("$".to_owned());
    }
    let mut written = String::from("$");
    for part in path.split('.') {
        let (name, indexes) = part.split_at(part.find('[').unwrap_or(part.len()));
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !(plain && (starts_well || (name.is_empty() && written == "$" && !indexes.is_empty()))) {
            return None;
        }
        if !name.is_empty() {
            written.extend([".", name]);
        }
        for index in indexes.split_terminator(']') {
            let number: i64 = index.strip_prefix('[')?.parse().ok()?;
            written.extend(["[", &number.to_string(), "]"]);
        }
    }
    Some(written)
}

/// Headers as they are, and those that look like credentials from a Secret.
fn headers(world: &mut World<'_>, row: &Row, name: &str) -> (Option<Value>, Option<Value>) {
    let Some(written) = row.text("headers") else {
        return (None, None);
    };
    let Ok(Value::Object(map)) = serde_json::from_str(written) else {
        world.plan.lost("headers", "", "they are not a JSON object", "Correct them by hand");
        return (None, None);
    };
    split_headers(world, &map, name)
}

pub(super) fn split_headers(
    world: &mut World<'_>,
    map: &Map<String, Value>,
    name: &str,
) -> (Option<Value>, Option<Value>) {
    let (mut plain, mut secret) = (Map::new(), Vec::new());
    for (header, value) in map {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if is_credential(header) {
            let key = format!("header-{}", crate::names::slug(header));
            let at = world.plan.secret(name, &key, &value);
            secret.push(json!({ "name": header, "valueFromSecretRef": at }));
        } else {
            plain.insert(header.clone(), json!(literal(&value)));
        }
    }
    let plain = (!plain.is_empty()).then(|| json!(plain));
    (plain, (!secret.is_empty()).then(|| json!(secret)))
}

/// Whether a header's value is better kept in a Secret.
pub(crate) fn is_credential(header: &str) -> bool {
    const WORDS: [&str; 7] = ["auth", "cookie", "token", "key", "secret", "password", "credential"];
    let lower = header.to_ascii_lowercase();
    WORDS.iter().any(|word| lower.contains(word))
}

fn body(world: &mut World<'_>, row: &Row, request: &mut Value) {
    let Some(text) = row.literal("body") else {
        return;
    };
    let content_type = match row.text("http_body_encoding").unwrap_or("json") {
        "json" => match serde_json::from_str::<Value>(&text) {
            Ok(object @ Value::Object(_)) => {
                request["bodyJson"] = object;
                return;
            }
            _ => "application/json",
        },
        "form" => "application/x-www-form-urlencoded",
        "xml" => "text/xml; charset=utf-8",
        other => {
            world.plan.approximate("http_body_encoding", other, "sent as plain text");
            "text/plain; charset=utf-8"
        }
    };
    request["body"] = json!(text);
    if request["headers"].is_null() {
        request["headers"] = json!({});
    }
    if let Some(headers) = request["headers"].as_object_mut()
        && !headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"))
    {
        headers.insert("Content-Type".to_owned(), json!(content_type));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_of_jsonata_are_paths_of_jsonpath() {
        for (jsonata, expected) in [
            ("$", Some("$")),
            ("status", Some("$.status")),
            ("$.status", Some("$.status")),
            ("queue.items[0].depth", Some("$.queue.items[0].depth")),
            ("$[0].name", Some("$[0].name")),
            ("[-1]", Some("$[-1]")),
            ("$sum(a.b)", None),
            ("a.b > 3", None),
            ("items[name='x']", None),
            ("a..b", None),
        ] {
            assert_eq!(json_path(jsonata).as_deref(), expected, "{jsonata}");
        }
    }
}
