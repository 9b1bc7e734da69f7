//! Stopping, and starting where something runs already.

use std::time::Duration;

use serde_json::json;

use crate::fixture::Site;
use crate::kit::Home;
use crate::kit::documents::{monitor_with, settings, web};

#[test]
fn a_stop_is_quick_and_clean_even_while_a_target_hangs() {
    let (target, hanging, home) = (Site::start(), Site::start(), Home::new());
    hanging.slow(Duration::from_secs(30));
    // Each begins at a moment of its own in the first half minute; the first of many comes soon.
    let hangs = |number: u32| {
        let schedule = json!({ "schedule": { "intervalSeconds": 60, "timeoutSeconds": 60 } });
        let target = json!({ "url": hanging.url("/") });
        monitor_with(&format!("hanging-{number}"), "http", target, schedule)
    };
    home.write("hanging.yaml", &(0..20).map(hangs).collect::<Vec<_>>());
    home.write("all.yaml", &[settings(), web("web", &target.url("/"))]);
    let kuma = home.serve();
    kuma.becomes("web", "up");
    crate::kit::until("the hanging target to be asked", || {
        if hanging.requests().is_empty() { Err("it is not".to_owned()) } else { Ok(()) }
    });
    let (status, took, printed) = kuma.stop();
    assert_eq!(status.code(), Some(0), "{printed}");
    assert!(took < Duration::from_secs(10), "it took {took:?}");
    assert!(printed.contains("\"msg\":\"stopped\""), "{printed}");
    assert!(!printed.contains("\"level\":50"), "nothing went wrong: {printed}");

    // A run that was cut short is no failure of its target.
    let shown = home.run(&["status", "-o", "json"]).json();
    let states: Vec<_> = shown.as_array().unwrap().iter().map(|row| &row["state"]).collect();
    assert!(!states.iter().any(|state| **state == "down"), "{shown}");
    assert!(home.incidents().is_empty());
    assert_eq!(home.run(&["db", "check"]).code, 0);
}

#[test]
fn a_second_instance_on_the_same_database_is_refused() {
    let (target, home) = (Site::start(), Home::new());
    home.write("all.yaml", &[settings(), web("web", &target.url("/"))]);
    let kuma = home.serve();
    kuma.becomes("web", "up");
    let second = home.run(&["serve", "config", "--port", "0", "--no-table"]);
    assert_eq!(second.code, 1, "{second:?}");
    assert!(second.err.contains("kubekuma.db cannot be opened"), "{}", second.err);
    assert!(second.err.contains("another"), "it says who has it: {}", second.err);
    let vacuum = home.run(&["db", "vacuum"]);
    assert_eq!(vacuum.code, 1, "{vacuum:?}");
    // The first one did not notice.
    kuma.becomes("web", "up");
    assert_eq!(kuma.get("/ready").status, 200);
    drop(kuma);
    assert_eq!(home.run(&["db", "vacuum"]).code, 0);
}
