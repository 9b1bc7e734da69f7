//! The targets of type http, keyword and jsonQuery.

use serde_json::{Value, json};

use super::socket::{How, behind};
use super::wire::Deed;
use super::{Target, World, spec, target};
use crate::evidence::Certainty::{May, Must};

const WELL: Deed = Deed::Say(
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 43\r\nConnection: close\r\n\r\n{\"queue\":{\"depth\":3},\"say\":\"systems go\"   }",
);
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
const CHUNK: &[u8] = b"20\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n";
const PROMISE: Deed = Deed::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\nshort");

/// What is an outage whatever the body should hold.
const ALWAYS: &[How] = &[
    ("503", Must, Deed::Say(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy")),
    ("cut off", Must, Deed::Reset),
    ("mute", Must, Deed::Mute),
    ("no HTTP", Must, Deed::Say(b"\x16\x03\x01 what is this \xff\xfe\r\n\r\n")),
    ("headers byte by byte", Must, Deed::Drip(b"HTTP/1.1 200 OK\r\nX: ........................")),
    ("headers without end", Must, Deed::Flood(b"HTTP/1.1 200 OK\r\n", b"X-Filler: 0123456789\r\n")),
    ("one header without end", Must, Deed::Flood(b"HTTP/1.1 200 OK\r\nX-Filler: ", b"0123456789")),
    (
        "a redirect in a circle",
        Must,
        Deed::Say(b"HTTP/1.1 302 Go\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    ),
    (
        "a redirect to a file",
        Must,
        Deed::Say(b"HTTP/1.1 302 Go\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    ),
];

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/")
}

fn page(check: &str, more: &[How], config: impl FnOnce(String) -> Value) -> Target {
    let hows = [ALWAYS, more].concat();
    let (port, hows, act) = behind(true, WELL, &hows);
    target(check, spec(check, &config(url(port)), None), hows, act)
}

pub(super) fn plain(_: &World) -> Target {
    // Nobody asked for the body.
    let more = [
        ("a body without end", May, Deed::Flood(HEAD, CHUNK)),
        ("a body shorter than promised", May, PROMISE),
    ];
    page("http", &more, |url| json!({ "url": url }))
}

const BODIES: &[How] = &[
    ("a body without end", Must, Deed::Flood(HEAD, CHUNK)),
    ("a body shorter than promised", Must, PROMISE),
    (
        "another body",
        Must,
        Deed::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nclosed"),
    ),
    (
        "a body that is no gzip",
        Must,
        Deed::Say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\nConnection: close\r\n\r\nclosed"),
    ),
];

pub(super) fn keyword(_: &World) -> Target {
    page("keyword", BODIES, |url| json!({ "url": url, "keyword": "systems go" }))
}

pub(super) fn json_query(_: &World) -> Target {
    let query =
        |url| json!({ "url": url, "query": "$.queue.depth", "operator": "<", "expected": 10 });
    page("jsonQuery", BODIES, query)
}
