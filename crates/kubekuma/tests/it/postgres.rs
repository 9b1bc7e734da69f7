//! A folder with its history in PostgreSQL, and the commands that look into it.

use kuma_fixture::Postgres;
use serde_json::json;

use crate::fixture::Site;
use crate::kit::documents::{settings, web};
use crate::kit::{Home, until};

#[test]
fn status_and_incidents_read_postgresql_beside_a_running_serve() {
    let Some(database) = Postgres::shared().map(|server| server.database()) else { return };
    let (target, home) = (Site::start(), Home::new());
    home.write("objects.yaml", &[settings(), web("web", &target.url("/"))]);
    let url = database.url();
    let named = ["--database", &*url];
    let kuma = home.serve_with(&named, &[]);
    kuma.becomes("web", "up");
    target.answer_with(500);
    kuma.incident("web", true);
    let json = |command: &str| home.run(&[command, "--output", "json", named[0], named[1]]).json();
    let incident = until("the incident to be stored", || {
        let incidents = json("incidents");
        let first = incidents.get(0).cloned();
        first.ok_or_else(|| incidents.to_string())
    });
    assert_eq!(incident["reason"], "HTTP_STATUS");
    let status = until("the outage to be stored", || {
        let status = json("status");
        if status[0]["state"] == json!("down") { Ok(status) } else { Err(status.to_string()) }
    });
    assert_eq!(
        (&status[0]["monitor"], status.as_array().unwrap().len()),
        (&json!("kubekuma/web"), 1)
    );
    // What looks into files says so.
    let refused = home.run(&["db", named[0], named[1], "check"]);
    assert!(refused.err.contains("SQLite files only"), "{}", refused.err);
    kuma.stop();
    let gone = home.run(&["status", "--database", "postgres://127.0.0.1:1/nothing"]);
    assert!(gone.err.contains("cannot be opened"), "{}", gone.err);
}
