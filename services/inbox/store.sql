-- name: schema-1
CREATE TABLE inbox_people (
  environment TEXT NOT NULL,
  user_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  top_seq INTEGER NOT NULL,
  PRIMARY KEY (environment, user_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE inbox_messages (
  environment TEXT NOT NULL,
  user_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  delivery_id TEXT NOT NULL,
  notification_id TEXT NOT NULL,
  event_type TEXT NOT NULL,
  category TEXT NOT NULL,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (environment, user_id, seq)
) STRICT;
CREATE UNIQUE INDEX inbox_messages_by_delivery ON inbox_messages (delivery_id);

-- name: schema-2
-- A notification id that a raw event brings along may be known in another environment too, and with it the ids of its deliveries.
DROP INDEX inbox_messages_by_delivery;
CREATE UNIQUE INDEX inbox_messages_by_delivery ON inbox_messages (delivery_id, user_id, environment);

-- name: person
SELECT epoch, top_seq FROM inbox_people WHERE environment = ? AND user_id = ?;

-- name: raise
INSERT INTO inbox_people (environment, user_id, epoch, top_seq) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET top_seq = excluded.top_seq;

-- name: place
SELECT person.epoch, message.seq, message.created_at_ms
FROM inbox_messages AS message JOIN inbox_people AS person USING (environment, user_id)
WHERE message.environment = ? AND message.user_id = ? AND message.delivery_id = ?;

-- name: put
INSERT INTO inbox_messages (environment, user_id, seq, delivery_id, notification_id, event_type, category, title, body, created_at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: trim
DELETE FROM inbox_messages WHERE environment = ? AND user_id = ? AND seq <= ?;

-- name: after
SELECT seq, delivery_id, notification_id, event_type, category, title, body, created_at_ms
FROM inbox_messages WHERE environment = ? AND user_id = ? AND seq > ? ORDER BY seq LIMIT ?;

-- name: seq-of
SELECT max(seq) AS seq FROM inbox_messages WHERE environment = ? AND user_id = ? AND notification_id = ?;

-- name: erase-messages
DELETE FROM inbox_messages WHERE environment = ? AND user_id = ?;

-- name: erase-person
DELETE FROM inbox_people WHERE environment = ? AND user_id = ?;
