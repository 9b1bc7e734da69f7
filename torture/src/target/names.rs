//! The targets of type dns and ping: names.

use std::sync::Arc;

use kuma_fixture::names::{Mood, NameServer};
use serde_json::json;

use super::{Target, World, spec, target};
use crate::evidence::Certainty::{May, Must};

const RECORD: &str = "www.kuma.test";
const HOST: &str = "host.kuma.test";
const HERE: [u8; 4] = [127, 0, 0, 1];

pub(super) fn records(_: &World) -> Target {
    let server = Arc::new(NameServer::start());
    server.set(RECORD, HERE);
    let at = json!({ "domain": RECORD, "server": server.address, "expected": ["127.0.0.1"] });
    let hows = vec![
        ("another address", Must),
        ("no such name", Must),
        ("SERVFAIL", May),
        ("no DNS message", May),
        ("silent", May),
    ];
    let act = Box::new(move |how: Option<usize>| {
        server.set(RECORD, HERE);
        server.be(match how {
            Some(2) => Mood::Failing,
            Some(3) => Mood::Garbled,
            Some(4) => Mood::Silent,
            _ => Mood::Well,
        });
        match how {
            Some(0) => server.set(RECORD, [127, 0, 0, 9]),
            Some(1) => server.forget(RECORD),
            _ => {}
        }
    });
    target("dns", spec("dns", &at, None), hows, act)
}

pub(super) fn ping(world: &World) -> Target {
    let resolver = world.resolver.clone();
    resolver.set(HOST, HERE);
    let act = Box::new(move |how: Option<usize>| match how {
        Some(_) => resolver.forget(HOST),
        None => resolver.set(HOST, HERE),
    });
    let at = json!({ "host": HOST });
    target("ping", spec("ping", &at, None), vec![("no such name", Must)], act)
}
