-- What is stored. Times are milliseconds since the epoch, UTC; latencies are microseconds.
-- The documented names (heartbeats, incidents, …) are views over these tables (0002).

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Surrogates, kept for ever: the same name recreated has the same history.
CREATE TABLE monitor (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (namespace, name)
);

-- The hot tail, append-ordered. No foreign key: rows of 10,000 monitors arrive interleaved and
-- the surrogate comes from our own map. Sealed chunks will hold what is older than two hours.
-- Every column costs each row a byte: ordinal is sequence * 256 + attempts, and words are apart.
CREATE TABLE beat (
  at INTEGER NOT NULL,
  monitor INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  state INTEGER NOT NULL,
  reason INTEGER,
  latency INTEGER,
  PRIMARY KEY (at, monitor, ordinal)
) WITHOUT ROWID;

-- What few heartbeats have: a message that is new, facts on failure.
CREATE TABLE evidence (
  at INTEGER NOT NULL,
  monitor INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  message TEXT,
  body TEXT,
  PRIMARY KEY (at, monitor, ordinal)
) WITHOUT ROWID;

-- The newest heartbeat of each monitor as of meta.folded_until; newer ones are in beat.
CREATE TABLE beat_last (
  monitor INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  state INTEGER NOT NULL,
  reason INTEGER,
  latency INTEGER,
  message TEXT
);

-- The time line. An open interval (until IS NULL) counts to what is vouched for.
CREATE TABLE state_interval (
  monitor INTEGER NOT NULL,
  start INTEGER NOT NULL,
  until INTEGER,
  state INTEGER NOT NULL,
  vouched INTEGER NOT NULL,
  PRIMARY KEY (monitor, start)
) WITHOUT ROWID;
CREATE INDEX state_interval_open ON state_interval (monitor) WHERE until IS NULL;
CREATE INDEX state_interval_until ON state_interval (until) WHERE until IS NOT NULL;

-- Intervals older than 90 days, summed by UTC day (days since the epoch).
CREATE TABLE state_day (
  monitor INTEGER NOT NULL,
  day INTEGER NOT NULL,
  up INTEGER NOT NULL,
  down INTEGER NOT NULL,
  maintenance INTEGER NOT NULL,
  PRIMARY KEY (monitor, day)
) WITHOUT ROWID;

-- Latency sketches (kuma_core::sketch) by hours and days since the epoch.
CREATE TABLE sketch_hour (
  hour INTEGER NOT NULL,
  monitor INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (hour, monitor)
) WITHOUT ROWID;
CREATE TABLE sketch_day (
  day INTEGER NOT NULL,
  monitor INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (day, monitor)
) WITHOUT ROWID;

CREATE TABLE incident (
  id INTEGER PRIMARY KEY,
  monitor INTEGER NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER,
  reason INTEGER,
  message TEXT,
  closed_reason INTEGER,
  suppressed INTEGER NOT NULL,
  suppress_reason TEXT,
  acknowledged INTEGER,
  acknowledged_by TEXT,
  toggles TEXT NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL
);
CREATE INDEX incident_started ON incident (started, id);
CREATE INDEX incident_monitor ON incident (namespace, name, started);
CREATE INDEX incident_open ON incident (started, id) WHERE ended IS NULL;
CREATE INDEX incident_ended ON incident (ended) WHERE ended IS NOT NULL;

-- Status: 0 pending, 1 sending, 2 sent, 3 failed, 4 not sent (suppressed), 5 told with another.
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL,
  subject TEXT NOT NULL,
  monitor INTEGER,
  policy TEXT,
  provider TEXT NOT NULL,
  provider_type TEXT NOT NULL,
  incident INTEGER,
  kind TEXT NOT NULL,
  monitor_name TEXT NOT NULL,
  first_due INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  group_key TEXT,
  merges TEXT,
  event TEXT NOT NULL,
  status INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  repeat INTEGER NOT NULL DEFAULT 0,
  claim TEXT,
  payload BLOB,
  last_error TEXT,
  last_attempt INTEGER,
  latency INTEGER,
  queued INTEGER NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL
);
-- A suppressed row must not stand in the way of the same message told later.
CREATE UNIQUE INDEX outbox_key ON outbox (key) WHERE status <> 4;
CREATE UNIQUE INDEX outbox_key_suppressed ON outbox (key) WHERE status = 4;
CREATE INDEX outbox_due ON outbox (not_before, id) WHERE status = 0;
CREATE INDEX outbox_stream ON outbox (subject, provider, id) WHERE status IN (0, 1);
CREATE INDEX outbox_group ON outbox (group_key, provider) WHERE status = 0 AND group_key IS NOT NULL;
CREATE INDEX outbox_claim ON outbox (claim) WHERE claim IS NOT NULL;
CREATE INDEX outbox_incident ON outbox (incident, id);
CREATE INDEX outbox_done ON outbox (updated) WHERE status >= 2;

CREATE TABLE provider_pause (provider TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE push_inbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  monitor INTEGER NOT NULL,
  at INTEGER NOT NULL,
  up INTEGER NOT NULL,
  message TEXT NOT NULL,
  latency INTEGER
);

CREATE TABLE engine_state (
  monitor INTEGER PRIMARY KEY,
  version INTEGER NOT NULL,
  data BLOB NOT NULL
);

-- Each object's last valid version; a deleted one stays until its audit events go.
CREATE TABLE object (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  generation INTEGER NOT NULL,
  labels TEXT NOT NULL,
  annotations TEXT NOT NULL,
  raw TEXT NOT NULL,
  digest TEXT NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  deleted INTEGER,
  UNIQUE (kind, namespace, name)
);

CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  resource_type TEXT NOT NULL,
  resource_key TEXT NOT NULL,
  event_type TEXT NOT NULL,
  actor TEXT,
  summary TEXT,
  details TEXT
);
CREATE INDEX audit_at ON audit (at, id);

-- For sign-in, once it exists.
CREATE TABLE session (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  username TEXT NOT NULL,
  role TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  ip_address TEXT,
  user_agent TEXT
);
CREATE INDEX session_token ON session (token_hash);
