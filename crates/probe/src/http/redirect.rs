//! Redirects (RFC 9110, section 15.4): where to, with which method, and without credentials for
//! strangers.

use ::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, LOCATION};
use ::http::response::Parts;
use ::http::{Method, StatusCode};
use bytes::Bytes;
use kuma_core::reason::Reason;

use super::plan::{CREDENTIALS, Plan};
use crate::fault::Fault;

/// Whether an answer sends us elsewhere. One without a place is judged as it is.
pub(super) fn is_redirect(head: &Parts) -> bool {
    matches!(head.status.as_u16(), 301 | 302 | 303 | 307 | 308)
        && head.headers.contains_key(LOCATION)
}

/// Changes the plan to what the redirect asks for.
pub(super) fn follow(plan: &mut Plan, head: &Parts) -> Result<(), Fault> {
    let location = head
        .headers
        .get(LOCATION)
        .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
        .ok_or_else(|| refused("the redirect's Location is not text"))?;
    let mut to = plan
        .url
        .join(location)
        .map_err(|error| refused(format!("the redirect's Location cannot be read: {error}")))?;
    if !matches!(to.scheme(), "http" | "https") {
        return Err(refused(format!(
            "the redirect leads to `{}:`, which is neither http nor https",
            to.scheme()
        )));
    }
    // Credentials that a server puts into a URL are not ours to use.
    let _ = to.set_username("");
    let _ = to.set_password(None);
    change_method(plan, head.status);
    if to.origin() != plan.url.origin() {
        leave_origin(plan)?;
    }
    plan.url = to;
    Ok(())
}

fn change_method(plan: &mut Plan, status: StatusCode) {
    let becomes_get = match status.as_u16() {
        301 | 302 => plan.method == Method::POST,
        303 => plan.method != Method::HEAD,
        _ => false,
    };
    if becomes_get {
        plan.method = Method::GET;
        plan.body = Bytes::new();
        plan.body_is_secret = false;
        plan.headers.remove(CONTENT_TYPE);
        plan.headers.remove(CONTENT_ENCODING);
    }
}

/// Another origin gets no credentials, no secret and not the host name of the first one.
fn leave_origin(plan: &mut Plan) -> Result<(), Fault> {
    if plan.body_is_secret {
        return Err(refused(
            "the redirect would send a body that holds a secret to another origin",
        ));
    }
    plan.at_home = false;
    plan.headers.remove(HOST);
    for name in CREDENTIALS {
        plan.headers.remove(name);
    }
    let secret: Vec<_> = plan
        .headers
        .iter()
        .filter(|(_, value)| value.is_sensitive())
        .map(|(name, _)| name.clone())
        .collect();
    for name in secret {
        plan.headers.remove(name);
    }
    Ok(())
}

fn refused(message: impl Into<String>) -> Fault {
    Fault::target(Reason::HttpRedirects, message)
}

#[cfg(test)]
mod tests {
    use ::http::header::{AUTHORIZATION, COOKIE};
    use ::http::{HeaderMap, HeaderValue, Response};
    use url::Url;

    use super::*;
    use crate::http::cookies::Jar;

    fn plan(method: Method) -> Plan {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        headers.insert(COOKIE, HeaderValue::from_static("a=b"));
        let mut token = HeaderValue::from_static("token");
        token.set_sensitive(true);
        headers.insert("x-api-key", token);
        headers.insert("x-plain", HeaderValue::from_static("stays"));
        headers.insert(HOST, HeaderValue::from_static("virtual"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        Plan {
            url: Url::parse("https://one.example/a/b").unwrap(),
            method,
            headers,
            body: Bytes::from_static(b"body"),
            body_is_secret: false,
            at_home: true,
            needs_tunnel: false,
            jar: Jar::default(),
        }
    }

    fn answer(status: u16, location: &str) -> Parts {
        Response::builder()
            .status(status)
            .header(LOCATION, location)
            .body(())
            .unwrap()
            .into_parts()
            .0
    }

    #[test]
    fn methods_change_as_browsers_change_them() {
        for (status, method, then, keeps_body) in [
            (301, Method::POST, Method::GET, false),
            (302, Method::POST, Method::GET, false),
            (302, Method::PUT, Method::PUT, true),
            (303, Method::PUT, Method::GET, false),
            (303, Method::HEAD, Method::HEAD, true),
            (307, Method::POST, Method::POST, true),
            (308, Method::POST, Method::POST, true),
        ] {
            let mut plan = plan(method.clone());
            follow(&mut plan, &answer(status, "../c")).unwrap();
            assert_eq!(plan.method, then, "{status} {method}");
            assert_eq!(!plan.body.is_empty(), keeps_body, "{status} {method}");
            assert_eq!(plan.url.as_str(), "https://one.example/c");
            assert!(plan.headers.contains_key(AUTHORIZATION));
            assert!(plan.at_home);
        }
    }

    #[test]
    fn strangers_get_no_credentials() {
        for to in [
            "https://two.example/",
            "http://one.example/a",
            "https://one.example:8443/",
            "//two.example/",
        ] {
            let mut plan = plan(Method::GET);
            follow(&mut plan, &answer(307, to)).unwrap();
            let mut names: Vec<_> = plan.headers.keys().map(ToString::to_string).collect();
            names.sort();
            assert_eq!(names, ["content-type", "x-plain"], "{to}");
            assert!(!plan.at_home);
        }
    }

    #[test]
    fn strangers_get_no_secret_body() {
        let mut plan = plan(Method::POST);
        plan.body_is_secret = true;
        assert!(follow(&mut plan, &answer(307, "https://two.example/")).is_err());
    }

    #[test]
    fn other_schemes_are_not_followed() {
        for to in ["ftp://one.example/", "file:///etc/passwd", "javascript:1"] {
            assert!(follow(&mut plan(Method::GET), &answer(302, to)).is_err());
        }
    }

    #[test]
    fn an_answer_without_a_place_is_no_redirect() {
        let head = Response::builder().status(302).body(()).unwrap();
        assert!(!is_redirect(&head.into_parts().0));
        assert!(!is_redirect(&answer(304, "/")));
        assert!(is_redirect(&answer(308, "/")));
    }
}
