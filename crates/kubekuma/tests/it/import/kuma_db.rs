//! Makes databases as Uptime Kuma does: the columns that an import looks at, as `db/` of its
//! repository declares them for 1.23 and for 2.

use std::path::Path;

use serde_json::{Map, Value};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

/// Version 1.23, after the last of its patches.
const TABLES: &[&str] = &[
    "monitor (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(150), active BOOLEAN DEFAULT 1, \
     user_id INTEGER, interval INTEGER DEFAULT 20, url TEXT, type VARCHAR(20), weight INTEGER, \
     hostname VARCHAR(255), port INTEGER, created_date DATETIME, keyword VARCHAR(255), \
     maxretries INTEGER DEFAULT 0, ignore_tls BOOLEAN DEFAULT 0, upside_down BOOLEAN DEFAULT 0, \
     maxredirects INTEGER DEFAULT 10, accepted_statuscodes_json TEXT DEFAULT '[\"200-299\"]', \
     dns_resolve_type VARCHAR(5), dns_resolve_server VARCHAR(255), retry_interval INTEGER \
     DEFAULT 0, push_token VARCHAR(20), method TEXT DEFAULT 'GET', body TEXT, headers TEXT, \
     basic_auth_user TEXT, basic_auth_pass TEXT, docker_host INTEGER, docker_container \
     VARCHAR(255), proxy_id INTEGER, expiry_notification BOOLEAN DEFAULT 1, mqtt_topic TEXT, \
     auth_method VARCHAR(250), grpc_url VARCHAR(255), grpc_body TEXT, grpc_metadata TEXT, \
     grpc_service_name TEXT, grpc_enable_tls BOOLEAN DEFAULT 0, resend_interval INTEGER DEFAULT 0, \
     packet_size INTEGER DEFAULT 56, game VARCHAR(255), http_body_encoding VARCHAR(25), \
     description TEXT, tls_ca TEXT, tls_cert TEXT, tls_key TEXT, parent INTEGER, invert_keyword \
     BOOLEAN DEFAULT 0, json_path TEXT, expected_value VARCHAR(255), oauth_client_id TEXT, \
     oauth_client_secret TEXT, oauth_token_url TEXT, oauth_scopes TEXT, oauth_auth_method TEXT, \
     timeout DOUBLE DEFAULT 0)",
    "heartbeat (id INTEGER PRIMARY KEY AUTOINCREMENT, important BOOLEAN DEFAULT 0, monitor_id \
     INTEGER, status SMALLINT, msg TEXT, time DATETIME, ping INTEGER, duration INTEGER DEFAULT 0, \
     down_count INTEGER DEFAULT 0)",
    "tag (id INTEGER PRIMARY KEY, name VARCHAR(255), color VARCHAR(255))",
    "monitor_tag (id INTEGER PRIMARY KEY, monitor_id INTEGER, tag_id INTEGER, value TEXT)",
    "notification (id INTEGER PRIMARY KEY, name VARCHAR(255), config TEXT, active BOOLEAN \
     DEFAULT 1, user_id INTEGER, is_default BOOLEAN DEFAULT 0)",
    "monitor_notification (id INTEGER PRIMARY KEY, monitor_id INTEGER, notification_id INTEGER)",
    "maintenance (id INTEGER PRIMARY KEY, title VARCHAR(150), description TEXT, user_id INTEGER, \
     active BOOLEAN DEFAULT 1, strategy VARCHAR(50) DEFAULT 'single', start_date DATETIME, \
     end_date DATETIME, start_time TIME, end_time TIME, weekdays VARCHAR DEFAULT '[]', \
     days_of_month TEXT DEFAULT '[]', interval_day INTEGER, cron TEXT, timezone VARCHAR(255), \
     duration INTEGER)",
    "monitor_maintenance (id INTEGER PRIMARY KEY, monitor_id INTEGER, maintenance_id INTEGER)",
    "maintenance_status_page (id INTEGER PRIMARY KEY, status_page_id INTEGER, maintenance_id \
     INTEGER)",
    "status_page (id INTEGER PRIMARY KEY, slug VARCHAR(255), title VARCHAR(255), description TEXT, \
     icon VARCHAR(255), theme VARCHAR(30), published BOOLEAN DEFAULT 1, password VARCHAR, \
     footer_text TEXT, custom_css TEXT)",
    "status_page_cname (id INTEGER PRIMARY KEY, status_page_id INTEGER, domain VARCHAR)",
    "\"group\" (id INTEGER PRIMARY KEY, name VARCHAR(255), public BOOLEAN, active BOOLEAN, weight \
     BOOLEAN DEFAULT 1000, status_page_id INTEGER)",
    "monitor_group (id INTEGER PRIMARY KEY, monitor_id INTEGER, group_id INTEGER, weight BOOLEAN \
     DEFAULT 1000)",
    "proxy (id INTEGER PRIMARY KEY, user_id INT, protocol VARCHAR(10), host VARCHAR(255), port \
     SMALLINT, auth BOOLEAN, username VARCHAR(255), password VARCHAR(255), active BOOLEAN DEFAULT 1)",
    "docker_host (id INTEGER PRIMARY KEY, user_id INT, docker_daemon VARCHAR(255), docker_type \
     VARCHAR(255), name VARCHAR(255))",
    "setting (id INTEGER PRIMARY KEY, \"key\" VARCHAR(200), value TEXT, type VARCHAR(20))",
    "user (id INTEGER PRIMARY KEY, username VARCHAR(255), password VARCHAR(255))",
];

/// What version 2 adds.
const VERSION_2: &[&str] = &[
    "ALTER TABLE monitor ADD COLUMN json_path_operator VARCHAR",
    "ALTER TABLE monitor ADD COLUMN conditions TEXT DEFAULT '[]'",
    "ALTER TABLE monitor ADD COLUMN ping_count INTEGER DEFAULT 1",
    "ALTER TABLE monitor ADD COLUMN ws_subprotocol VARCHAR DEFAULT ''",
    "ALTER TABLE monitor ADD COLUMN ip_family VARCHAR",
    "ALTER TABLE monitor ADD COLUMN bearer_token TEXT",
    "CREATE TABLE stat_hourly (id INTEGER PRIMARY KEY, monitor_id INTEGER, timestamp INTEGER, \
     ping REAL, up SMALLINT, down SMALLINT)",
    "CREATE TABLE stat_daily (id INTEGER PRIMARY KEY, monitor_id INTEGER, timestamp INTEGER, \
     ping REAL, up SMALLINT, down SMALLINT)",
];

/// The file while it is made.
pub(super) struct KumaDb {
    runtime: tokio::runtime::Runtime,
    connection: SqliteConnection,
}

impl KumaDb {
    pub(super) fn version_1(path: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let connection = runtime.block_on(options.connect()).unwrap();
        let mut db = Self { runtime, connection };
        // It need not survive a power cut.
        db.run("PRAGMA synchronous = OFF");
        for table in TABLES {
            db.run(&format!("CREATE TABLE {table}"));
        }
        db
    }

    pub(super) fn version_2(path: &Path) -> Self {
        let mut db = Self::version_1(path);
        for change in VERSION_2 {
            db.run(change);
        }
        db
    }

    pub(super) fn run(&mut self, statement: &str) {
        let query = sqlx::query(AssertSqlSafe(statement.to_owned()));
        self.runtime.block_on(query.execute(&mut self.connection)).unwrap();
    }

    /// Inserts a row of JSON values; lists and maps are stored as JSON text.
    pub(super) fn insert(&mut self, table: &str, row: &Value) {
        let row: &Map<String, Value> = row.as_object().unwrap();
        let columns: Vec<String> = row.keys().map(|column| format!("\"{column}\"")).collect();
        let values: Vec<String> = row
            .values()
            .map(|value| match value {
                Value::Null => "NULL".to_owned(),
                Value::Bool(on) => u8::from(*on).to_string(),
                Value::Number(number) => number.to_string(),
                Value::String(text) => format!("'{}'", text.replace('\'', "''")),
                other => format!("'{}'", other.to_string().replace('\'', "''")),
            })
            .collect();
        let (columns, values) = (columns.join(", "), values.join(", "));
        self.run(&format!("INSERT INTO \"{table}\" ({columns}) VALUES ({values})"));
    }

    pub(super) fn close(self) {
        self.runtime.block_on(self.connection.close()).unwrap();
    }
}
