//! The targets that nobody asks: a job that pushes, and a group.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use super::{Target, World, name, spec, target};
use crate::evidence::Certainty::Must;

/// The token of the job, as its Secret has it.
pub(crate) const TOKEN: &str = "job-token";
/// How often the job pushes.
const EVERY: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_secs(2);

/// A job that pushes its state.
pub(super) fn push(world: &World) -> Target {
    let (port, now) = (world.port, Arc::new(AtomicUsize::new(0)));
    let chosen = now.clone();
    std::thread::spawn(move || {
        loop {
            let status = match chosen.load(Ordering::SeqCst) {
                0 => Some("up"),
                1 => None,
                _ => Some("down"),
            };
            if let Some(status) = status {
                // While the product is away nobody can be told; it knows that by itself.
                let _ = tell(port, status);
            }
            std::thread::sleep(EVERY);
        }
    });
    let at = json!({ "tokenSecretRef": { "name": "job", "key": "token" } });
    let act = Box::new(move |how: Option<usize>| {
        now.store(how.map_or(0, |how| how + 1), Ordering::SeqCst);
    });
    let mut spec = spec("push", &at, None);
    spec["schedule"] = json!({ "intervalSeconds": 2 });
    let hows = vec![("no push", Must), ("says that it failed", Must)];
    // A push that was on its way when the job fell silent counts for a whole interval.
    Target { found_within: 7_000, lag: 5_000, ..target("push", spec, hows, act) }
}

fn tell(port: u16, status: &str) -> std::io::Result<()> {
    let address = ([127, 0, 0, 1], port).into();
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let path = format!("/api/push/{TOKEN}?status={status}&msg=said");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A group of two other targets; it is out while one of them is.
pub(super) fn group(_: &World) -> Target {
    let members = vec![name("http"), name("tcp")];
    let listed: Vec<_> = members.iter().map(|name| json!({ "name": name })).collect();
    let mut spec = spec("group", &json!({ "members": listed, "rule": "all" }), None);
    spec["schedule"] = json!({ "intervalSeconds": 1 });
    let act = Box::new(|_: Option<usize>| {});
    Target { members, found_within: 6_000, ..target("group", spec, Vec::new(), act) }
}
