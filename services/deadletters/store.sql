-- name: schema-1
CREATE TABLE dead_letters (
  environment TEXT NOT NULL,
  id TEXT NOT NULL,
  queue TEXT NOT NULL,
  stage TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  died_at_ms INTEGER NOT NULL,
  topic TEXT NOT NULL,
  notification_id TEXT NOT NULL,
  delivery_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  channel INTEGER NOT NULL,
  cycle INTEGER NOT NULL,
  record_key TEXT NOT NULL,
  record_value BLOB NOT NULL,
  record_headers TEXT NOT NULL,
  state TEXT NOT NULL,
  settled_at_ms INTEGER NOT NULL,
  PRIMARY KEY (environment, id)
);

CREATE INDEX dead_letters_by_time ON dead_letters (environment, state, died_at_ms, id);

CREATE INDEX dead_letters_by_person ON dead_letters (environment, user_id, died_at_ms);

CREATE INDEX dead_letters_by_age ON dead_letters (died_at_ms);

-- name: schema-2
ALTER TABLE dead_letters ADD COLUMN written_at_ms INTEGER NOT NULL DEFAULT 0;

ALTER TABLE dead_letters ADD COLUMN way BLOB;

CREATE TABLE replays (
  environment TEXT NOT NULL,
  id TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  asked TEXT NOT NULL,
  state TEXT NOT NULL,
  progress TEXT NOT NULL,
  ended_at_ms INTEGER NOT NULL,
  holder TEXT NOT NULL,
  held_until_ms INTEGER NOT NULL,
  PRIMARY KEY (environment, id)
);

CREATE INDEX replays_by_time ON replays (environment, created_at_ms, id);

CREATE INDEX replays_by_end ON replays (ended_at_ms, created_at_ms, id);

-- name: keep
INSERT INTO dead_letters (environment, id, queue, stage, reason, detail, died_at_ms, topic, notification_id, delivery_id, user_id,
  channel, cycle, record_key, record_value, record_headers, written_at_ms, way, state, settled_at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'kept', 0)
ON CONFLICT DO NOTHING;

-- name: list
SELECT id, queue, stage, reason, detail, died_at_ms, topic, notification_id, delivery_id, user_id, channel, cycle, state, settled_at_ms
FROM dead_letters
WHERE environment = ?1 AND state = ?2 AND died_at_ms >= ?3 AND died_at_ms < ?4
  AND (?5 = '' OR queue = ?5) AND (?6 = '' OR reason = ?6) AND (?7 = '' OR notification_id = ?7) AND (?8 = '' OR user_id = ?8)
  AND (died_at_ms, id) < (?9, ?10)
ORDER BY died_at_ms DESC, id DESC LIMIT ?11;

-- name: oldest
SELECT id, died_at_ms, LENGTH(record_value) AS bytes FROM dead_letters
WHERE environment = ?1 AND state = ?2 AND died_at_ms >= ?3 AND died_at_ms < ?4
  AND (?5 = '' OR queue = ?5) AND (?6 = '' OR reason = ?6) AND (?7 = '' OR notification_id = ?7) AND (?8 = '' OR user_id = ?8)
  AND (died_at_ms, id) > (?9, ?10)
ORDER BY died_at_ms, id LIMIT ?11;

-- name: find
SELECT * FROM dead_letters WHERE environment = ? AND id = ?;

-- name: settle
UPDATE dead_letters SET state = ?3, settled_at_ms = ?4 WHERE environment = ?1 AND id = ?2 AND state = 'kept';

-- name: sweep
DELETE FROM dead_letters
WHERE (environment, id) IN (SELECT environment, id FROM dead_letters WHERE died_at_ms < ? ORDER BY died_at_ms LIMIT ?);

-- name: create-replay
INSERT INTO replays VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: replay
SELECT * FROM replays WHERE environment = ? AND id = ?;

-- name: replays
SELECT * FROM replays
WHERE environment = ?1 AND (created_at_ms, id) < (?2, ?3)
ORDER BY created_at_ms DESC, id DESC LIMIT ?4;

-- name: open-replays
SELECT * FROM replays WHERE ended_at_ms = 0 ORDER BY created_at_ms, id;

-- name: count-open-replays
SELECT COUNT(*) AS open FROM replays WHERE ended_at_ms = 0 AND environment = ?;

-- name: change-replay
UPDATE replays SET state = ?, progress = ?, ended_at_ms = ?, holder = ?, held_until_ms = ? WHERE environment = ? AND id = ?;

-- name: cancel-replay
UPDATE replays SET state = 'canceled', ended_at_ms = ?3 WHERE environment = ?1 AND id = ?2 AND ended_at_ms = 0;

-- name: sweep-replays
DELETE FROM replays
WHERE (environment, id) IN (SELECT environment, id FROM replays WHERE ended_at_ms > 0 AND ended_at_ms < ? ORDER BY ended_at_ms LIMIT ?);
