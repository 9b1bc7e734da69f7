//! The database file is deleted, replaced or damaged.

use serde_json::json;

use super::{basics, own_trouble, ready, told_once};
use crate::fixture::Site;
use crate::kit::documents::web;
use crate::kit::{Home, Kuma, until};

const FILES: [&str; 3] = ["kubekuma.db", "kubekuma.db-wal", "kubekuma.db-shm"];

fn watched() -> (Site, Site, Home, Kuma) {
    let (target, receiver, home) = (Site::start(), Site::start(), Home::new());
    basics(&home, &receiver, json!({}));
    home.write("web.yaml", &[web("web", &target.url("/"))]);
    let kuma = home.serve();
    kuma.becomes("web", "up");
    (target, receiver, home, kuma)
}

fn delete(home: &Home) {
    for name in FILES {
        // Not every one is there at every moment.
        let _ = std::fs::remove_file(home.path().join(name));
    }
}

#[test]
fn a_database_that_is_deleted_is_made_anew_and_an_outage_goes_on() {
    let (target, receiver, home, kuma) = watched();
    target.answer_with(503);
    kuma.incident("web", true);
    receiver.hears("web", "down");
    delete(&home);
    until("the file to be there again", || {
        if home.path().join("kubekuma.db").exists() { Ok(()) } else { Err("it is not".into()) }
    });
    ready(&kuma, true);
    target.answer_with(200);
    receiver.hears("web", "up");
    kuma.becomes("web", "up");
    told_once(&receiver, "web");
    let closed = kuma.incident("web", false);
    assert_eq!(closed["closedReason"], "RECOVERED");
    assert_eq!(home.run(&["db", "check"]).code, 0);
    // A later outage, and a restart, find everything in its place.
    kuma.kill();
    let kuma = home.serve();
    target.answer_with(503);
    let open = kuma.incident("web", true);
    assert_ne!(open["id"], closed["id"]);
}

#[test]
fn a_file_that_is_no_database_any_more_is_said_and_pages_go_out_without_it() {
    let (target, receiver, home, kuma) = watched();
    let sound = std::fs::read(home.path().join("kubekuma.db")).unwrap();
    assert!(sound.starts_with(b"SQLite format 3"));
    delete(&home);
    home.put("kubekuma.db", vec![0x5a; 64 * 1024]);
    ready(&kuma, false);
    target.answer_with(503);
    receiver.hears("web", "down");
    own_trouble(&receiver, 1);
    assert!(receiver.told("web", "up").is_empty());
    // A person takes it away; a new one is made.
    delete(&home);
    ready(&kuma, true);
    kuma.incident("web", true);
    target.answer_with(200);
    receiver.hears("web", "up");
    told_once(&receiver, "web");
}

#[test]
fn a_damaged_database_stops_the_start_with_words_that_help() {
    let (_target, _receiver, home, kuma) = watched();
    kuma.stop();
    let path = home.path().join("kubekuma.db");
    let sound = std::fs::read(&path).unwrap();
    let start = || home.run(&["serve", "config", "--port", "0", "--no-table"]);

    std::fs::write(&path, vec![0x5a; sound.len()]).unwrap();
    let ended = start();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("kubekuma.db cannot be opened"), "{}", ended.err);
    assert!(ended.err.contains("not a database"), "{}", ended.err);
    assert!(ended.err.contains("backup"), "it says what to do: {}", ended.err);

    // The header is sound, what follows is not.
    let mut torn = sound.clone();
    for byte in torn.iter_mut().skip(4_096) {
        *byte ^= 0xa5;
    }
    std::fs::write(&path, &torn).unwrap();
    let ended = start();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("backup"), "it says what to do: {}", ended.err);
    assert_ne!(home.run(&["db", "check"]).code, 0);

    // What was there before is good again.
    std::fs::write(&path, &sound).unwrap();
    let kuma = home.serve();
    kuma.becomes("web", "up");
}
