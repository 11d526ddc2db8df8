-- The schedule in MySQL. holder is who passes a wait on at the moment, until held_until_ms.

-- name: schema-1
CREATE TABLE waits (
  seq BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  id VARBINARY(512) NOT NULL,
  due_at_ms BIGINT NOT NULL,
  topic VARBINARY(255) NOT NULL,
  record_key VARBINARY(2048) NOT NULL,
  record_value LONGBLOB NOT NULL,
  trace VARBINARY(255) NOT NULL,
  holder VARBINARY(128) NOT NULL DEFAULT '',
  held_until_ms BIGINT NOT NULL DEFAULT 0,
  UNIQUE KEY waits_by_id (id),
  KEY waits_by_due (due_at_ms, seq)
) ENGINE = InnoDB;

-- name: put
INSERT INTO waits (id, due_at_ms, topic, record_key, record_value, trace) VALUES (?, ?, ?, ?, ?, ?)...
ON DUPLICATE KEY UPDATE id = VALUES(id);

-- Who is there at the same moment goes on behind what is locked here. Sorting instead of following the index would lock all that is due.
-- name: lock-due
SELECT seq, LENGTH(record_value) AS bytes FROM waits FORCE INDEX (waits_by_due)
WHERE due_at_ms <= ? AND (held_until_ms <= ? OR holder = ?) ORDER BY due_at_ms, seq LIMIT ? FOR UPDATE SKIP LOCKED;

-- name: hold
UPDATE waits SET holder = ?, held_until_ms = ? WHERE seq IN (?...);

-- name: held
SELECT id, due_at_ms, topic, record_key, record_value, trace FROM waits WHERE seq IN (?...) ORDER BY due_at_ms, seq;

-- name: next-due
SELECT MIN(due_at_ms) AS due_at_ms FROM waits;

-- name: remove
DELETE FROM waits WHERE id IN (?...);
