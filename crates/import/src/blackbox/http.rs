//! The `http` prober.

use serde_json::{Map, Value, json};

use super::module::{family, tls};
use crate::cel;
use crate::plan::Plan;
use crate::uptime_kuma::{is_credential, literal};

/// What is expected of body and headers decides the type.
pub(super) fn read(
    plan: &mut Plan,
    settings: &Value,
    name: &str,
    target: Option<&str>,
) -> (&'static str, Value, Value) {
    let url = target.map_or_else(
        || "http://replaced.invalid".to_owned(),
        |target| {
            let lower = target.to_ascii_lowercase();
            let has_scheme = lower.starts_with("http://") || lower.starts_with("https://");
            literal(&if has_scheme { target.to_owned() } else { format!("http://{target}") })
        },
    );
    let mut request = request(plan, settings, name, &url);
    let wanted = texts(&settings["fail_if_body_not_matches_regexp"]);
    let unwanted = texts(&settings["fail_if_body_matches_regexp"]);
    let mut criteria = json!({ "http": {
        "statusCodes": settings["valid_status_codes"].as_array().filter(|codes| !codes.is_empty()),
        "headerMatches": headers_that_match(plan, settings),
    } });
    let check_type = match (wanted.is_empty(), unwanted.is_empty()) {
        (true, true) => "http",
        (false, true) => {
            request["keywords"] = json!(wanted);
            request["regex"] = json!(true);
            "keyword"
        }
        (wanted_none, false) => {
            request["keywords"] = json!(unwanted);
            request["regex"] = json!(true);
            request["invert"] = json!(true);
            if !wanted_none {
                let tests: Vec<_> = wanted.iter().map(|it| cel::matches("body", it)).collect();
                criteria["cel"] = json!(tests.join(" && "));
            }
            "keyword"
        }
    };
    losses(plan, settings, &url);
    (check_type, request, criteria)
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn request(plan: &mut Plan, settings: &Value, name: &str, url: &str) -> Value {
    let (mut plain, mut secret) = (Map::new(), Vec::new());
    for (header, value) in settings["headers"].as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if is_credential(header) {
            let key = format!("header-{}", crate::names::slug(header));
            let at = plan.secret(name, &key, &value);
            secret.push(json!({ "name": header, "valueFromSecretRef": at }));
        } else {
            plain.insert(header.clone(), json!(literal(&value)));
        }
    }
    let method = settings["method"].as_str().unwrap_or("GET").to_uppercase();
    let stays = settings["no_follow_redirects"] == json!(true)
        || settings["follow_redirects"] == json!(false);
    let version = (settings["enable_http2"] == json!(false)).then_some("http1");
    json!({
        "url": url,
        "method": (method != "GET").then_some(method),
        "headers": plain,
        "headersFrom": (!secret.is_empty()).then_some(secret),
        "body": settings["body"].as_str().map(literal),
        "followRedirects": stays.then_some(false),
        "tls": tls(plan, &settings["tls_config"], name),
        "auth": auth(plan, settings, name),
        "proxy": proxy(plan, settings, name),
        "ipFamily": family(settings),
        "httpVersion": version,
    })
}

fn auth(plan: &mut Plan, settings: &Value, name: &str) -> Option<Value> {
    for (place, field) in [
        ("basic_auth", "password_file"),
        ("basic_auth", "username_file"),
        ("authorization", "credentials_file"),
        ("oauth2", "client_secret_file"),
    ] {
        if let Some(path) = settings[place][field].as_str() {
            let field = format!("{place}.{field}");
            plan.lost(&field, path, "the file is not read", "Put its content into the Secret");
        }
    }
    if let Some(path) = settings["bearer_token_file"].as_str() {
        let todo = "Put its content into a Secret and set `auth.bearerSecretRef`";
        plan.lost("bearer_token_file", path, "the file is not read", todo);
    }
    let basic = &settings["basic_auth"];
    if let Some(username) = basic["username"].as_str() {
        let username = plan.secret(name, "username", username);
        let password = basic["password"].as_str().unwrap_or_default();
        let password = plan.secret(name, "password", password);
        return Some(json!({
            "basic": { "usernameSecretRef": username, "passwordSecretRef": password },
        }));
    }
    let authorization = &settings["authorization"];
    let kind = authorization["type"].as_str().unwrap_or("Bearer");
    let token = settings["bearer_token"].as_str().or_else(|| authorization["credentials"].as_str());
    if let Some(token) = token {
        if !kind.eq_ignore_ascii_case("bearer") {
            let why = "only Bearer can be sent this way";
            plan.lost("authorization.type", kind, why, "Set the header with `headersFrom`");
            return None;
        }
        return Some(json!({ "bearerSecretRef": plan.secret(name, "token", token) }));
    }
    let oauth2 = &settings["oauth2"];
    let client = oauth2["client_id"].as_str()?;
    let secret = oauth2["client_secret"].as_str().unwrap_or_default();
    let secret = plan.secret(name, "client-secret", secret);
    Some(json!({ "oauth2": {
        "tokenUrl": oauth2["token_url"], "clientId": client, "clientSecretRef": secret,
        "scopes": oauth2["scopes"],
    } }))
}

fn proxy(plan: &mut Plan, settings: &Value, name: &str) -> Option<Value> {
    let url = settings["proxy_url"].as_str().filter(|url| !url.is_empty())?;
    let mode = if url.starts_with("socks5") { "socks5" } else { "http" };
    let at = plan.secret(name, "proxy-url", url);
    Some(json!({ "mode": mode, "urlFromSecretRef": at }))
}

fn headers_that_match(plan: &mut Plan, settings: &Value) -> Option<Vec<Value>> {
    let rules = settings["fail_if_header_not_matches"].as_array()?;
    let mut matches = Vec::new();
    for rule in rules {
        if rule["allow_missing"] == json!(true) {
            let why = "a header that must match may not be missing";
            plan.lost("fail_if_header_not_matches", &rule["header"].to_string(), why, "");
            continue;
        }
        matches.push(json!({ "name": rule["header"], "regex": rule["regexp"] }));
    }
    (!matches.is_empty()).then_some(matches)
}

fn losses(plan: &mut Plan, settings: &Value, url: &str) {
    for (field, why, todo) in [
        (
            "fail_if_header_matches",
            "a header can be demanded, not forbidden",
            "Say it in `successCriteria.cel`",
        ),
        (
            "fail_if_body_json_matches_cel",
            "the variables are others",
            "Say it in `successCriteria.cel`",
        ),
        (
            "fail_if_body_json_not_matches_cel",
            "the variables are others",
            "Say it in `successCriteria.cel`",
        ),
        (
            "valid_http_versions",
            "any version will do",
            "Say it in `successCriteria.cel`: `httpVersion`",
        ),
        ("body_file", "the file is not read", "Write the body into `body`"),
        ("body_size_limit", "the limit is 1 MiB unless set", "See `maxBodyBytes`"),
    ] {
        if !settings[field].is_null() {
            plan.lost(field, &settings[field].to_string(), why, todo);
        }
    }
    let https = url.starts_with("https://");
    if settings["fail_if_not_ssl"] == json!(true) && !https {
        let why = "whether the last answer came over TLS is not checked";
        plan.lost("fail_if_not_ssl", "true", why, "Give the target an https URL");
    }
    if settings["fail_if_ssl"] == json!(true) {
        let why = "whether the last answer came over TLS is not checked";
        plan.lost("fail_if_ssl", "true", why, "Set `followRedirects: false`");
    }
}
