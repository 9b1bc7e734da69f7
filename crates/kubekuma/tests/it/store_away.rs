//! The store is away while a target fails: nothing is reported down because of it, people are told
//! all the same, and nobody is told twice when it is back.

use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::fixture::Site;
use crate::kit::documents::{policy, settings, web, webhook};
use crate::kit::{Home, until};

/// Another process that holds the database's write lock.
struct Intruder {
    runtime: tokio::runtime::Runtime,
    connection: SqliteConnection,
}

impl Intruder {
    fn lock(home: &Home) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = SqliteConnectOptions::new().filename(home.path().join("kubekuma.db"));
        let connection = runtime.block_on(async {
            let mut connection = options.connect().await.unwrap();
            sqlx::query("BEGIN EXCLUSIVE").execute(&mut connection).await.unwrap();
            connection
        });
        Self { runtime, connection }
    }

    fn leave(mut self) {
        self.runtime.block_on(async {
            sqlx::query("ROLLBACK").execute(&mut self.connection).await.unwrap();
            self.connection.close().await.unwrap();
        });
    }
}

#[test]
fn while_the_store_is_away_people_are_told_and_once_only() {
    let (target, bystander, receiver) = (Site::start(), Site::start(), Site::start());
    let home = Home::new();
    home.write("settings.yaml", &[settings()]);
    home.write("web.yaml", &[web("fails", &target.url("/")), web("stays", &bystander.url("/"))]);
    let mut ops = webhook("ops", &receiver.url("/ops"));
    ops["metadata"]["annotations"] = json!({ "kubekuma.io/system-provider": "true" });
    let hook = webhook("hook", &receiver.url("/hook"));
    home.write("tell.yaml", &[hook, ops, policy(&["hook"])]);
    let kuma = home.serve();
    kuma.becomes("fails", "up");
    kuma.becomes("stays", "up");

    let intruder = Intruder::lock(&home);
    target.answer_with(503);
    until("readiness to say that the store is away", || match kuma.get("/ready") {
        answer if answer.status == 503 && answer.json()["checks"]["commits"].is_object() => Ok(()),
        answer => Err(answer.json().to_string()),
    });
    let down = receiver.hears("fails", "down");
    receiver.hears("kubekuma", "ownTrouble");
    kuma.becomes("stays", "up");

    intruder.leave();
    until("readiness to say that the store is back", || match kuma.get("/ready") {
        answer if answer.status == 200 => Ok(()),
        answer => Err(answer.json().to_string()),
    });
    assert_eq!(kuma.incident("fails", true)["monitorId"], "kubekuma/fails");
    target.answer_with(200);
    receiver.hears("fails", "up");
    let told = receiver.told("fails", "down");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].header("webhook-id"), down.header("webhook-id"));
    assert!(receiver.told("stays", "down").is_empty());
    until("the end of our own trouble to be told", || {
        match receiver.told("kubekuma", "ownTrouble").len() {
            2 => Ok(()),
            other => Err(format!("{other} messages")),
        }
    });
}
