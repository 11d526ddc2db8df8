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

-- name: keep
INSERT INTO dead_letters (environment, id, queue, stage, reason, detail, died_at_ms, topic, notification_id, delivery_id, user_id,
  channel, cycle, record_key, record_value, record_headers, state, settled_at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'kept', 0)...
ON DUPLICATE KEY UPDATE id = VALUES(id);

-- name: list
SELECT id, queue, stage, reason, detail, died_at_ms, topic, notification_id, delivery_id, user_id, channel, cycle, state, settled_at_ms
FROM dead_letters
WHERE environment = ? AND state = ? AND died_at_ms >= ? AND died_at_ms < ?
  AND (? = '' OR queue = ?) AND (? = '' OR reason = ?) AND (? = '' OR notification_id = ?) AND (? = '' OR user_id = ?)
  AND died_at_ms <= ? AND (died_at_ms < ? OR id < ?)
ORDER BY died_at_ms DESC, id DESC LIMIT ?;

-- name: oldest
SELECT id, died_at_ms FROM dead_letters
WHERE environment = ? AND state = ? AND died_at_ms >= ? AND died_at_ms < ?
  AND (? = '' OR queue = ?) AND (? = '' OR reason = ?) AND (? = '' OR notification_id = ?) AND (? = '' OR user_id = ?)
  AND died_at_ms >= ? AND (died_at_ms > ? OR id > ?)
ORDER BY died_at_ms, id LIMIT ?;

-- name: find
SELECT environment, id, queue, stage, reason, detail, died_at_ms, topic, notification_id, delivery_id, user_id, channel, cycle,
  record_key, record_value, record_headers, state, settled_at_ms
FROM dead_letters WHERE environment = ? AND id IN (?...);

-- name: lock-kept
SELECT id FROM dead_letters WHERE environment = ? AND id IN (?...) AND state = 'kept' ORDER BY id FOR UPDATE;

-- name: settle
UPDATE dead_letters SET state = ?, settled_at_ms = ? WHERE environment = ? AND id IN (?...);

-- name: sweep
DELETE FROM dead_letters WHERE died_at_ms < ? ORDER BY died_at_ms LIMIT ?;
