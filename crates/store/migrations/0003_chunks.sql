-- Heartbeats older than about two hours are sealed into compressed chunks (src/chunk).

DROP VIEW heartbeats;

-- The hot tail: append-ordered and as narrow as it goes.
--   id       (at - 1577836800000) << 22 | monitor: milliseconds since 2020, then the surrogate
--   verdict  reason << 11 | (attempts - 1) % 256 << 3 | state; 1, which takes no space, is "up at
--            the first attempt"
--   back     milliseconds to the monitor's heartbeat before it in this table, so that the rows of
--            one monitor are found without an index, which would cost more than the rows
ALTER TABLE beat RENAME TO beat_before_3;
CREATE TABLE beat (
  id INTEGER PRIMARY KEY,
  verdict INTEGER NOT NULL,
  latency INTEGER,
  back INTEGER
);
INSERT OR IGNORE INTO beat (id, verdict, latency, back)
SELECT ((at - 1577836800000) << 22) | monitor,
       (ifnull(reason, 0) << 11) | (((ordinal + 255) & 255) << 3) | state,
       latency,
       at - lag(at) OVER (PARTITION BY monitor ORDER BY at, ordinal)
FROM beat_before_3
WHERE ordinal < 256 AND monitor < 4194304 AND at BETWEEN 1577836800001 AND 3776860055551
ORDER BY 1;
UPDATE beat SET back = NULL WHERE back <= 0;

-- What does not fit there: out of order, of a slot that is sealed, the second in a millisecond.
CREATE TABLE beat_late (
  monitor INTEGER NOT NULL,
  at INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  verdict INTEGER NOT NULL,
  latency INTEGER,
  PRIMARY KEY (monitor, at, sequence)
) WITHOUT ROWID;
INSERT OR IGNORE INTO beat_late (monitor, at, sequence, verdict, latency)
SELECT monitor, at, ordinal >> 8,
       (ifnull(reason, 0) << 11) | (((ordinal + 255) & 255) << 3) | state,
       latency
FROM beat_before_3
WHERE NOT (ordinal < 256 AND monitor < 4194304 AND at BETWEEN 1577836800001 AND 3776860055551);
DROP TABLE beat_before_3;

-- What few heartbeats have: a message that is new, facts on failure.
ALTER TABLE evidence RENAME TO evidence_before_3;
CREATE TABLE evidence (
  at INTEGER NOT NULL,
  monitor INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  message TEXT,
  body TEXT,
  PRIMARY KEY (at, monitor, sequence)
) WITHOUT ROWID;
INSERT OR IGNORE INTO evidence SELECT at, monitor, ordinal >> 8, message, body
FROM evidence_before_3;
DROP TABLE evidence_before_3;

-- The newest heartbeat of each monitor as of `folded`; newer ones are in beat and beat_late.
--   tip     when its newest row in beat is
--   folded  heartbeats before it are in the stored sketches
ALTER TABLE beat_last RENAME TO beat_last_before_3;
CREATE TABLE beat_last (
  monitor INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  verdict INTEGER NOT NULL,
  latency INTEGER,
  message TEXT,
  tip INTEGER,
  folded INTEGER NOT NULL
);
INSERT INTO beat_last
SELECT l.monitor, l.at, l.ordinal >> 8,
       (ifnull(l.reason, 0) << 11) | (((l.ordinal + 255) & 255) << 3) | l.state,
       l.latency, l.message, t.tip,
       ifnull((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'folded_until'), l.at)
FROM beat_last_before_3 l
LEFT JOIN (SELECT id & 4194303 AS monitor, (max(id) >> 22) + 1577836800000 AS tip
           FROM beat GROUP BY 1) t ON t.monitor = l.monitor;
DROP TABLE beat_last_before_3;

-- id: slot << 44 | monitor << 8 | part. A slot is two hours, counted from the epoch.
CREATE TABLE chunk (
  id INTEGER PRIMARY KEY,
  beats INTEGER NOT NULL,
  data BLOB NOT NULL
);
-- Slots whose heartbeats are in chunks. Chunks of other slots are not finished, and ignored.
-- State: 0 rows of beat in the slot are still to be removed, 1 done, 2 too old, being removed.
CREATE TABLE sealed (
  slot INTEGER PRIMARY KEY,
  state INTEGER NOT NULL,
  chunks INTEGER NOT NULL,
  beats INTEGER NOT NULL,
  bytes INTEGER NOT NULL
);

-- The heartbeats that are not sealed yet. The id is derived and ascends with time.
CREATE VIEW heartbeats AS
WITH unsealed (at, monitor, sequence, verdict, latency) AS (
  SELECT (id >> 22) + 1577836800000, id & 4194303, 0, verdict, latency FROM beat
  WHERE NOT EXISTS (SELECT 1 FROM sealed x
                    WHERE x.slot = ((id >> 22) + 1577836800000) / 7200000 AND x.state = 0)
  UNION ALL
  SELECT at, monitor, sequence, verdict, latency FROM beat_late
)
SELECT b.at * 1048576 + b.monitor % 1048576 AS id,
       m.namespace || '/' || m.name AS monitor_id,
       m.namespace AS monitor_namespace,
       m.name AS monitor_name,
       s.name AS state,
       (b.latency + 500) / 1000 AS latency_ms,
       r.code AS reason,
       e.message AS message,
       strftime('%Y-%m-%d %H:%M:%f', b.at / 1000.0, 'unixepoch') AS checked_at,
       ((b.verdict >> 3) + 1) & 255 AS attempts,
       strftime('%Y-%m-%d %H:%M:%f', b.at / 1000.0, 'unixepoch') AS timestamp
FROM unsealed b
JOIN monitor m ON m.id = b.monitor
JOIN state_name s ON s.code = b.verdict & 7
LEFT JOIN reason_code r ON r.number = b.verdict >> 11
LEFT JOIN evidence e ON e.at = b.at AND e.monitor = b.monitor AND e.sequence = b.sequence;

-- Where the older ones are: one row for each monitor and two hours.
CREATE VIEW heartbeat_chunks AS
SELECT c.id AS id,
       m.namespace || '/' || m.name AS monitor_id,
       m.namespace AS monitor_namespace,
       m.name AS monitor_name,
       strftime('%Y-%m-%d %H:%M:%f', (c.id >> 44) * 7200.0, 'unixepoch') AS starts_at,
       strftime('%Y-%m-%d %H:%M:%f', ((c.id >> 44) + 1) * 7200.0, 'unixepoch') AS ends_at,
       c.beats AS heartbeats,
       length(c.data) AS bytes
FROM chunk c
JOIN sealed x ON x.slot = c.id >> 44 AND x.state < 2
JOIN monitor m ON m.id = (c.id >> 8) & 68719476735;
