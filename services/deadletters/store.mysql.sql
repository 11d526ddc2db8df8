-- Dead letters in MySQL.

-- name: schema-1
CREATE TABLE dead_letters (
  environment VARBINARY(64) NOT NULL,
  id VARBINARY(128) NOT NULL,
  queue VARBINARY(255) NOT NULL,
  stage VARBINARY(255) NOT NULL,
  reason VARBINARY(128) NOT NULL,
  detail MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  died_at_ms BIGINT NOT NULL,
  topic VARBINARY(255) NOT NULL,
  notification_id VARBINARY(512) NOT NULL,
  delivery_id VARBINARY(512) NOT NULL,
  user_id VARBINARY(512) NOT NULL,
  channel INT NOT NULL,
  cycle INT NOT NULL,
  record_key MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  record_value LONGBLOB NOT NULL,
  record_headers MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  state VARBINARY(16) NOT NULL,
  settled_at_ms BIGINT NOT NULL,
  PRIMARY KEY (environment, id),
  KEY dead_letters_by_time (environment, state, died_at_ms, id),
  KEY dead_letters_by_person (environment, user_id, died_at_ms),
  KEY dead_letters_by_age (died_at_ms)
) ENGINE = InnoDB;

-- name: schema-2
ALTER TABLE dead_letters ADD COLUMN written_at_ms BIGINT NOT NULL DEFAULT 0, ADD COLUMN way MEDIUMBLOB NULL;

CREATE TABLE replays (
  environment VARBINARY(64) NOT NULL,
  id VARBINARY(128) NOT NULL,
  created_at_ms BIGINT NOT NULL,
  asked MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  state VARBINARY(16) NOT NULL,
  progress MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  ended_at_ms BIGINT NOT NULL,
  holder VARBINARY(255) NOT NULL,
  held_until_ms BIGINT NOT NULL,
  PRIMARY KEY (environment, id),
  KEY replays_by_time (environment, created_at_ms, id),
  KEY replays_by_end (ended_at_ms, created_at_ms, id)
) ENGINE = InnoDB;

-- name: keep
INSERT INTO dead_letters (environment, id, queue, stage, reason, detail, died_at_ms, topic, notification_id, delivery_id, user_id,
  channel, cycle, record_key, record_value, record_headers, written_at_ms, way, state, settled_at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'kept', 0)...
ON DUPLICATE KEY UPDATE id = VALUES(id);

-- name: list
SELECT id, queue, stage, reason, detail, died_at_ms, topic, notification_id, delivery_id, user_id, channel, cycle, state, settled_at_ms
FROM dead_letters
WHERE environment = ? AND state = ? AND died_at_ms >= ? AND died_at_ms < ?
  AND (? = '' OR queue = ?) AND (? = '' OR reason = ?) AND (? = '' OR notification_id = ?) AND (? = '' OR user_id = ?)
  AND died_at_ms <= ? AND (died_at_ms < ? OR id < ?)
ORDER BY died_at_ms DESC, id DESC LIMIT ?;

-- name: oldest
SELECT id, died_at_ms, LENGTH(record_value) AS bytes FROM dead_letters
WHERE environment = ? AND state = ? AND died_at_ms >= ? AND died_at_ms < ?
  AND (? = '' OR queue = ?) AND (? = '' OR reason = ?) AND (? = '' OR notification_id = ?) AND (? = '' OR user_id = ?)
  AND died_at_ms >= ? AND (died_at_ms > ? OR id > ?)
ORDER BY died_at_ms, id LIMIT ?;

-- name: find
SELECT environment, id, queue, stage, reason, detail, died_at_ms, topic, notification_id, delivery_id, user_id, channel, cycle,
  record_key, record_value, record_headers, written_at_ms, way, state, settled_at_ms
FROM dead_letters WHERE environment = ? AND id IN (?...);

-- name: lock-kept
SELECT id FROM dead_letters WHERE environment = ? AND id IN (?...) AND state = 'kept' ORDER BY id FOR UPDATE;

-- name: settle
UPDATE dead_letters SET state = ?, settled_at_ms = ? WHERE environment = ? AND id IN (?...);

-- name: sweep
DELETE FROM dead_letters WHERE died_at_ms < ? ORDER BY died_at_ms LIMIT ?;

-- name: create-replay
INSERT INTO replays (environment, id, created_at_ms, asked, state, progress, ended_at_ms, holder, held_until_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: replay
SELECT * FROM replays WHERE environment = ? AND id = ?;

-- name: replays
SELECT * FROM replays
WHERE environment = ? AND created_at_ms <= ? AND (created_at_ms < ? OR id < ?)
ORDER BY created_at_ms DESC, id DESC LIMIT ?;

-- Who creates, takes up or advances one waits for the others who do: there are few, and their turns depend on one another.
-- name: lock-open-replays
SELECT * FROM replays FORCE INDEX (replays_by_end) WHERE ended_at_ms = 0 ORDER BY created_at_ms, id FOR UPDATE;

-- name: open-replays
SELECT * FROM replays WHERE ended_at_ms = 0 ORDER BY created_at_ms, id;

-- name: any-open-replay
SELECT 1 AS open FROM replays WHERE ended_at_ms = 0 LIMIT 1;

-- name: lock-replay
SELECT * FROM replays WHERE environment = ? AND id = ? FOR UPDATE;

-- name: change-replay
UPDATE replays SET state = ?, progress = ?, ended_at_ms = ?, holder = ?, held_until_ms = ? WHERE environment = ? AND id = ?;

-- name: cancel-replay
UPDATE replays SET state = 'canceled', ended_at_ms = ? WHERE environment = ? AND id = ? AND ended_at_ms = 0;

-- name: sweep-replays
DELETE FROM replays WHERE ended_at_ms > 0 AND ended_at_ms < ? ORDER BY ended_at_ms LIMIT ?;
