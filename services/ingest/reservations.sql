-- name: schema-1
CREATE TABLE reservations (
  environment TEXT NOT NULL,
  notification_id TEXT NOT NULL,
  hash TEXT NOT NULL,
  requested BLOB NOT NULL,
  record_key TEXT NOT NULL,
  accepted_at_ms INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  PRIMARY KEY (environment, notification_id)
) WITHOUT ROWID;
CREATE INDEX reservations_by_age ON reservations (accepted_at_ms);

-- name: put
INSERT INTO reservations (environment, notification_id, hash, requested, record_key, accepted_at_ms, accepted)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: find
SELECT environment, notification_id, hash, requested, record_key, accepted_at_ms, accepted
FROM reservations WHERE environment = ? AND notification_id = ?;

-- name: mark
UPDATE reservations SET accepted = 1 WHERE environment = ? AND notification_id = ?;

-- name: forget
DELETE FROM reservations WHERE (environment, notification_id) IN (
  SELECT environment, notification_id FROM reservations WHERE accepted_at_ms < ? ORDER BY accepted_at_ms LIMIT ?
);
