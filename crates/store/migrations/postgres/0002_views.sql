-- The documented tables as read-only views: the same names, columns and texts as on SQLite. Times
-- are UTC text to the millisecond. Each begins with WITH because PostgreSQL would let people write
-- through a plainer one.

CREATE FUNCTION utc_text(ms bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$SELECT to_char(timestamp 'epoch' + ms * interval '1 millisecond', 'YYYY-MM-DD HH24:MI:SS.MS')$$;

-- A time as somebody wrote it in an object; NULL when it is none.
CREATE FUNCTION utc_of(written text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$BEGIN
  RETURN to_char(written::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS');
EXCEPTION WHEN others THEN
  RETURN NULL;
END$$;

-- Codes by number, so that a person with a SQL shell can read the base tables too.
CREATE TABLE state_name (code integer PRIMARY KEY, name text NOT NULL);
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
CREATE TABLE reason_code (number integer PRIMARY KEY, code text NOT NULL);

-- Single results that are not in chunks.
CREATE VIEW unsealed AS
SELECT b.monitor::bigint AS monitor, b.at, b.sequence, b.verdict, b.latency FROM beat b
WHERE NOT EXISTS (SELECT 1 FROM slot s
                  WHERE s.state > 0 AND s.slot = b.at / 7200000 AND s.sealed_to >= b.monitor)
UNION ALL
SELECT monitor, at, sequence, verdict, latency FROM beat_late;

CREATE VIEW crd_cache AS
WITH read_only AS (SELECT 1)
SELECT kind,
       raw::json ->> 'apiVersion' AS api_version,
       namespace,
       name,
       generation,
       NULL::text AS resource_version,
       raw::json -> 'spec' AS spec,
       NULL::text AS status,
       labels,
       annotations,
       utc_text(created) AS created_at,
       utc_text(updated) AS updated_at,
       utc_text(deleted) AS deleted_at
FROM object;

-- The id is derived (time, then monitor) and ascends with time.
CREATE VIEW heartbeats AS
WITH read_only AS (SELECT 1)
SELECT b.at * 1048576 + b.monitor % 1048576 AS id,
       m.namespace || '/' || m.name AS monitor_id,
       m.namespace AS monitor_namespace,
       m.name AS monitor_name,
       s.name AS state,
       ((b.latency::bigint & 4294967295) + 500) / 1000 AS latency_ms,
       r.code AS reason,
       e.message AS message,
       utc_text(b.at) AS checked_at,
       ((b.verdict >> 3) + 1) & 255 AS attempts,
       utc_text(b.at) AS timestamp
FROM unsealed b
JOIN monitor m ON m.id = b.monitor
JOIN state_name s ON s.code = b.verdict & 7
LEFT JOIN reason_code r ON r.number = b.verdict >> 11
LEFT JOIN evidence e ON e.at = b.at AND e.monitor = b.monitor AND e.sequence = b.sequence;

-- Where the older ones are: one row for each monitor and two hours.
CREATE VIEW heartbeat_chunks AS
WITH read_only AS (SELECT 1)
SELECT c.id AS id,
       m.namespace || '/' || m.name AS monitor_id,
       m.namespace AS monitor_namespace,
       m.name AS monitor_name,
       utc_text((c.id >> 44) * 7200000) AS starts_at,
       utc_text(((c.id >> 44) + 1) * 7200000) AS ends_at,
       c.beats AS heartbeats,
       length(c.data) AS bytes
FROM chunk c
JOIN slot x ON x.slot = c.id >> 44 AND x.state < 3
JOIN monitor m ON m.id = (c.id >> 8) & 68719476735;

CREATE VIEW incidents AS
WITH read_only AS (SELECT 1)
SELECT id,
       namespace || '/' || name AS monitor_id,
       namespace AS monitor_namespace,
       name AS monitor_name,
       CASE WHEN ended IS NULL THEN 'down' ELSE 'up' END AS state,
       utc_text(started) AS started_at,
       utc_text(ended) AS ended_at,
       (ended - started) / 1000 AS duration,
       suppressed,
       suppress_reason,
       acknowledged IS NOT NULL AS acknowledged,
       utc_text(acknowledged) AS acknowledged_at,
       acknowledged_by,
       utc_text(created) AS created_at,
       utc_text(updated) AS updated_at
FROM incident;

CREATE VIEW sessions AS
WITH read_only AS (SELECT 1)
SELECT id, user_id, username, role, token_hash,
       utc_text(created) AS created_at,
       utc_text(updated) AS updated_at,
       utc_text(expires) AS expires_at,
       ip_address, user_agent
FROM session;

-- A row that is being sent is still pending; one that was told with another is deduped.
CREATE VIEW notification_deliveries AS
WITH read_only AS (SELECT 1)
SELECT id,
       incident AS incident_id,
       monitor_name AS monitor_id,
       coalesce(policy, '') AS policy_name,
       provider AS provider_name,
       provider_type,
       CASE status WHEN 2 THEN 'sent' WHEN 3 THEN 'failed' WHEN 4 THEN 'deduped'
                   WHEN 5 THEN 'deduped' ELSE 'pending' END AS status,
       attempts,
       utc_text(last_attempt) AS last_attempt_at,
       last_error,
       json_build_object('key', key, 'event', kind, 'groupKey', group_key,
                         'latencyMs', (latency + 500) / 1000) AS metadata,
       utc_text(created) AS created_at,
       utc_text(updated) AS updated_at
FROM outbox;

CREATE VIEW silences AS
WITH read_only AS (SELECT 1)
SELECT id,
       namespace AS silence_namespace,
       name AS silence_name,
       coalesce(utc_of(raw::json #>> '{spec,startsAt}'), utc_text(created)) AS starts_at,
       utc_of(coalesce(raw::json #>> '{spec,expiresAt}', raw::json #>> '{spec,endsAt}')) AS ends_at,
       utc_text(created) AS created_at,
       utc_text(updated) AS updated_at
FROM object
WHERE kind = 'Silence' AND deleted IS NULL;

-- schedule: the RRULE or cron line as written, or the start of a window that happens once.
CREATE VIEW maintenance_windows AS
WITH read_only AS (SELECT 1)
SELECT id,
       namespace AS window_namespace,
       name AS window_name,
       raw::json #>> '{spec,description}' AS description,
       coalesce(raw::json #>> '{spec,schedule,recurrence,rrule}',
                raw::json #>> '{spec,schedule,recurrence,cron}',
                raw::json #>> '{spec,schedule,start}') AS schedule,
       coalesce((raw::json #>> '{spec,schedule,durationMinutes}')::numeric::bigint,
                (extract(epoch FROM utc_of(raw::json #>> '{spec,schedule,end}')::timestamp
                         - utc_of(raw::json #>> '{spec,schedule,start}')::timestamp) / 60)::bigint)
         AS duration_minutes,
       CASE WHEN raw::json #> '{spec,schedule,recurrence}' IS NULL
            THEN utc_of(raw::json #>> '{spec,schedule,start}') END AS next_occurrence_at,
       utc_text(created) AS created_at,
       utc_text(updated) AS updated_at
FROM object
WHERE kind = 'MaintenanceWindow' AND deleted IS NULL;

CREATE VIEW audit_events AS
WITH read_only AS (SELECT 1)
SELECT id, resource_type, resource_key, event_type, actor, details,
       summary AS changes_summary,
       utc_text(at) AS timestamp
FROM audit;
