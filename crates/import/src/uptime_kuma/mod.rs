//! Uptime Kuma's database, versions 1.23 and 2 (its `db/` folder has the schema): monitors,
//! notifications, maintenance, status pages, proxies, and in [`history`] what happened.

mod access;
pub mod history;
mod http;
mod maintenance;
mod monitor;
mod notification;
mod page;
mod row;

use std::collections::{BTreeMap, BTreeSet};

use kuma_core::id::{Kind, ObjectName};
use serde_json::{Value, json};

use crate::plan::{File, Imported, Plan};
pub(crate) use http::is_credential;
pub use row::Row;
pub(crate) use row::literal;

/// The tables that are read, whole; a database without one of them is an older one.
pub const TABLES: [&str; 14] = [
    "monitor",
    "tag",
    "monitor_tag",
    "notification",
    "monitor_notification",
    "maintenance",
    "monitor_maintenance",
    "maintenance_status_page",
    "status_page",
    "status_page_cname",
    "group",
    "monitor_group",
    "proxy",
    "docker_host",
];
/// Read too, for what they say beside the monitors.
pub const MORE_TABLES: [&str; 3] = ["setting", "user", "api_key"];

/// The rows of the tables.
#[derive(Debug, Clone, Default)]
pub struct Dump(pub BTreeMap<String, Vec<Row>>);

impl Dump {
    fn rows(&self, table: &str) -> &[Row] {
        self.0.get(table).map_or(&[], Vec::as_slice)
    }

    fn find(&self, table: &str, id: i64) -> Option<&Row> {
        self.rows(table).iter().find(|row| row.int("id") == Some(id))
    }

    /// A setting, which is stored as JSON.
    fn setting(&self, key: &str) -> Option<Value> {
        let row = self.rows("setting").iter().find(|row| row.text("key") == Some(key))?;
        serde_json::from_str(row.text("value")?).ok()
    }
}

/// A monitor whose history can be brought over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its number in the database.
    pub id: i64,
    /// What it is called now.
    pub name: ObjectName,
    /// Seconds from check to check.
    pub interval: u32,
}

/// What a database comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromUptimeKuma {
    /// Files and report.
    pub imported: Imported,
    /// The monitors that were written, by number.
    pub monitors: Vec<Known>,
}

/// Where things are called as they are called now.
struct World<'a> {
    dump: &'a Dump,
    plan: Plan,
    /// Monitors by number; those that cannot be carried over are missing.
    monitors: BTreeMap<i64, String>,
    /// Labels that notifications are matched by, by monitor.
    labels: BTreeMap<i64, Vec<String>>,
}

/// Turns the database's rows into objects of `namespace`.
pub fn import(dump: &Dump, namespace: &str) -> FromUptimeKuma {
    let mut world = World {
        dump,
        plan: Plan::new(namespace),
        monitors: BTreeMap::new(),
        labels: BTreeMap::new(),
    };
    world.name_monitors();
    notification::all(&mut world);
    let mut known = monitor::all(&mut world);
    maintenance::all(&mut world);
    page::all(&mut world);
    world.rest();
    let imported = world.plan.finish();
    let lost: Vec<_> = imported.report.entries.iter().map(|it| it.subject.clone()).collect();
    // What turned out not to be valid was left out of the files, so it has no history either.
    let written = imported
        .files
        .iter()
        .find(|output| output.file == File::Monitors)
        .map_or("", |output| output.text.as_str());
    known.retain(|monitor| {
        lost.is_empty()
            || written.lines().any(|line| line.trim() == format!("name: {}", monitor.name.name))
    });
    FromUptimeKuma { imported, monitors: known }
}

impl World<'_> {
    /// Names first, so that groups, pages and windows can refer to any monitor. The first of a
    /// number counts.
    fn name_monitors(&mut self) {
        let mut seen = BTreeSet::new();
        for row in self.dump.rows("monitor") {
            let Some(id) = row.int("id") else { continue };
            if seen.insert(id) && monitor::is_supported(row) {
                let wanted = row.text("name").unwrap_or_default();
                let name = self.plan.name(Kind::Monitor, wanted);
                self.monitors.insert(id, name);
            }
        }
    }

    /// Names of the monitors that a table links to `column = id`.
    fn linked(&self, table: &str, column: &str, id: i64) -> Vec<String> {
        let links = self.dump.rows(table).iter().filter(|row| row.int(column) == Some(id));
        let monitors = links.filter_map(|row| self.monitors.get(&row.int("monitor_id")?));
        let mut names: Vec<String> = monitors.cloned().collect();
        names.sort();
        names.dedup();
        names
    }

    /// What is neither a monitor nor hangs on one.
    fn rest(&mut self) {
        let mut spec = serde_json::Map::new();
        if let Some(days) = self.dump.setting("keepDataPeriodDays").and_then(|it| it.as_u64())
            && (1..=3650).contains(&days)
        {
            self.plan.about("setting", "keepDataPeriodDays");
            spec.insert("retention".to_owned(), json!({ "heartbeatsDays": days }));
        }
        if !spec.is_empty() {
            self.plan.add(
                File::Settings,
                Kind::KubeKumaSettings,
                "kubekuma",
                &json!({}),
                json!(spec),
            );
        }
        let users = self.dump.rows("user").len();
        if users > 0 {
            self.plan.about("table", "user");
            let count = users.to_string();
            let why = "passwords are hashed in another way";
            self.plan.lost("accounts", &count, why, "Write a LocalUser for each person");
        }
        let keys = self.dump.rows("api_key").len();
        if keys > 0 {
            self.plan.about("table", "api_key");
            let why = "only their hashes are stored";
            self.plan.lost("API keys", &keys.to_string(), why, "Make new ones");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_monitors_with_one_number_the_first_is_carried_over() {
        let rows = [
            json!({ "id": 4, "name": "Router", "type": "ping", "hostname": "192.0.2.1" }),
            json!({ "id": 4, "name": "Other", "type": "ping", "hostname": "192.0.2.2" }),
        ];
        let rows = rows.map(|row| Row(row.as_object().cloned().unwrap().into_iter().collect()));
        let dump = Dump(BTreeMap::from([("monitor".to_owned(), rows.to_vec())]));
        let made = import(&dump, "shop");
        let text = &made.imported.files[0].text;
        assert!(text.contains("192.0.2.1") && !text.contains("192.0.2.2"), "{text}");
        let lost: Vec<_> = made.imported.report.entries.iter().map(|it| &*it.subject).collect();
        assert_eq!(lost, ["monitor \"Other\""]);
        assert_eq!(made.monitors.len(), 1);
    }
}
