-- name: schema-1
CREATE TABLE waits (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  due_at_ms INTEGER NOT NULL,
  topic TEXT NOT NULL,
  record_key TEXT NOT NULL,
  record_value BLOB NOT NULL,
  trace TEXT NOT NULL
);

-- name: schema-2
CREATE INDEX waits_by_due ON waits (due_at_ms, seq);

-- name: put
INSERT INTO waits (id, due_at_ms, topic, record_key, record_value, trace) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: sizes
SELECT length(record_value) AS bytes FROM waits WHERE due_at_ms <= ? ORDER BY due_at_ms, seq LIMIT ?;

-- name: due
SELECT id, due_at_ms, topic, record_key, record_value, trace FROM waits WHERE due_at_ms <= ? ORDER BY due_at_ms, seq LIMIT ?;

-- name: next-due
SELECT min(due_at_ms) AS due_at_ms FROM waits;

-- name: remove
DELETE FROM waits WHERE id = ?;
