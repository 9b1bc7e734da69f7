-- The documented tables as read-only views: their names, columns and meanings. Times are UTC text
-- as SQLite's own date functions write it, to the millisecond.

-- Codes by number, so that a person with a SQL shell can read the base tables too.
CREATE TABLE state_name (code INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO state_name (code, name) VALUES
  (0, 'pending'),
  (1, 'up'),
  (2, 'degraded'),
  (3, 'down'),
  (4, 'flapping'),
  (5, 'paused'),
  (6, 'maintenance'),
  (7, 'unknown');

-- Filled from the program's own list at every start, so that it is never behind it.
CREATE TABLE reason_code (number INTEGER PRIMARY KEY, code TEXT NOT NULL);

CREATE VIEW crd_cache AS
SELECT kind,
       json_extract(raw, '$.apiVersion') AS api_version,
       namespace,
       name,
       generation,
       NULL AS resource_version,
       json_extract(raw, '$.spec') AS spec,
       NULL AS status,
       labels,
       annotations,
       strftime('%Y-%m-%d %H:%M:%f', created / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%d %H:%M:%f', updated / 1000.0, 'unixepoch') AS updated_at,
       strftime('%Y-%m-%d %H:%M:%f', deleted / 1000.0, 'unixepoch') AS deleted_at
FROM object;

-- The id is derived (time, then monitor) and ascends with time.
CREATE VIEW heartbeats AS
SELECT b.at * 1048576 + b.monitor % 1048576 AS id,
       m.namespace || '/' || m.name AS monitor_id,
       m.namespace AS monitor_namespace,
       m.name AS monitor_name,
       s.name AS state,
       (b.latency + 500) / 1000 AS latency_ms,
       r.code AS reason,
       e.message AS message,
       strftime('%Y-%m-%d %H:%M:%f', b.at / 1000.0, 'unixepoch') AS checked_at,
       b.ordinal % 256 AS attempts,
       strftime('%Y-%m-%d %H:%M:%f', b.at / 1000.0, 'unixepoch') AS timestamp
FROM beat b
JOIN monitor m ON m.id = b.monitor
JOIN state_name s ON s.code = b.state
LEFT JOIN reason_code r ON r.number = b.reason
LEFT JOIN evidence e ON e.at = b.at AND e.monitor = b.monitor AND e.ordinal = b.ordinal;

CREATE VIEW incidents AS
SELECT id,
       namespace || '/' || name AS monitor_id,
       namespace AS monitor_namespace,
       name AS monitor_name,
       CASE WHEN ended IS NULL THEN 'down' ELSE 'up' END AS state,
       strftime('%Y-%m-%d %H:%M:%f', started / 1000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%d %H:%M:%f', ended / 1000.0, 'unixepoch') AS ended_at,
       (ended - started) / 1000 AS duration,
       suppressed,
       suppress_reason,
       acknowledged IS NOT NULL AS acknowledged,
       strftime('%Y-%m-%d %H:%M:%f', acknowledged / 1000.0, 'unixepoch') AS acknowledged_at,
       acknowledged_by,
       strftime('%Y-%m-%d %H:%M:%f', created / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%d %H:%M:%f', updated / 1000.0, 'unixepoch') AS updated_at
FROM incident;

CREATE VIEW sessions AS
SELECT id, user_id, username, role, token_hash,
       strftime('%Y-%m-%d %H:%M:%f', created / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%d %H:%M:%f', updated / 1000.0, 'unixepoch') AS updated_at,
       strftime('%Y-%m-%d %H:%M:%f', expires / 1000.0, 'unixepoch') AS expires_at,
       ip_address, user_agent
FROM session;

-- A row that is being sent is still pending; one that was told with another is deduped.
CREATE VIEW notification_deliveries AS
SELECT id,
       incident AS incident_id,
       monitor_name AS monitor_id,
       ifnull(policy, '') AS policy_name,
       provider AS provider_name,
       provider_type,
       CASE status WHEN 2 THEN 'sent' WHEN 3 THEN 'failed' WHEN 4 THEN 'deduped'
                   WHEN 5 THEN 'deduped' ELSE 'pending' END AS status,
       attempts,
       strftime('%Y-%m-%d %H:%M:%f', last_attempt / 1000.0, 'unixepoch') AS last_attempt_at,
       last_error,
       json_object('key', key, 'event', kind, 'groupKey', group_key,
                   'latencyMs', (latency + 500) / 1000) AS metadata,
       strftime('%Y-%m-%d %H:%M:%f', created / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%d %H:%M:%f', updated / 1000.0, 'unixepoch') AS updated_at
FROM outbox;

CREATE VIEW silences AS
SELECT id,
       namespace AS silence_namespace,
       name AS silence_name,
       ifnull(strftime('%Y-%m-%d %H:%M:%f', json_extract(raw, '$.spec.startsAt')),
              strftime('%Y-%m-%d %H:%M:%f', created / 1000.0, 'unixepoch')) AS starts_at,
       strftime('%Y-%m-%d %H:%M:%f', ifnull(json_extract(raw, '$.spec.expiresAt'),
                                            json_extract(raw, '$.spec.endsAt'))) AS ends_at,
       strftime('%Y-%m-%d %H:%M:%f', created / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%d %H:%M:%f', updated / 1000.0, 'unixepoch') AS updated_at
FROM object
WHERE kind = 'Silence' AND deleted IS NULL;

-- schedule: the RRULE or cron line as written, or the start of a window that happens once.
CREATE VIEW maintenance_windows AS
SELECT id,
       namespace AS window_namespace,
       name AS window_name,
       json_extract(raw, '$.spec.description') AS description,
       coalesce(json_extract(raw, '$.spec.schedule.recurrence.rrule'),
                json_extract(raw, '$.spec.schedule.recurrence.cron'),
                json_extract(raw, '$.spec.schedule.start')) AS schedule,
       ifnull(json_extract(raw, '$.spec.schedule.durationMinutes'),
              (unixepoch(json_extract(raw, '$.spec.schedule.end'))
               - unixepoch(json_extract(raw, '$.spec.schedule.start'))) / 60) AS duration_minutes,
       CASE WHEN json_extract(raw, '$.spec.schedule.recurrence') IS NULL
            THEN strftime('%Y-%m-%d %H:%M:%f', json_extract(raw, '$.spec.schedule.start'))
       END AS next_occurrence_at,
       strftime('%Y-%m-%d %H:%M:%f', created / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%d %H:%M:%f', updated / 1000.0, 'unixepoch') AS updated_at
FROM object
WHERE kind = 'MaintenanceWindow' AND deleted IS NULL;

CREATE VIEW audit_events AS
SELECT id, resource_type, resource_key, event_type, actor, details,
       summary AS changes_summary,
       strftime('%Y-%m-%d %H:%M:%f', at / 1000.0, 'unixepoch') AS timestamp
FROM audit;
