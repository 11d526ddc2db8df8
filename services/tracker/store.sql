-- `n` numbers the notifications as they become known, so that new events go to the end of their table, whatever their ids look like.
-- `people`: the user ids asked for, as JSON; NULL until the event with the request has come, and accepted_at_ms is a guess until then.

-- name: schema-1
CREATE TABLE notifications (
  n INTEGER PRIMARY KEY,
  environment TEXT NOT NULL,
  id TEXT NOT NULL,
  accepted_at_ms INTEGER NOT NULL,
  people TEXT
);

CREATE UNIQUE INDEX notifications_by_id ON notifications (environment, id);

CREATE INDEX notifications_by_time ON notifications (environment, accepted_at_ms, id);

CREATE TABLE notification_people (
  environment TEXT NOT NULL,
  user_id TEXT NOT NULL,
  accepted_at_ms INTEGER NOT NULL,
  id TEXT NOT NULL,
  PRIMARY KEY (environment, user_id, accepted_at_ms, id)
) WITHOUT ROWID;

-- With rowids: a table without them spills rows of a kilobyte and more into pages of their own.
CREATE TABLE notification_events (
  n INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  event BLOB NOT NULL,
  UNIQUE (n, event_id)
);

-- name: schema-2
ALTER TABLE notifications ADD COLUMN send_at_ms INTEGER NOT NULL DEFAULT 0;

-- name: schema-3
CREATE TABLE daily_notification_stats (
  environment TEXT NOT NULL,
  day INTEGER NOT NULL,
  channel INTEGER NOT NULL,
  status INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  PRIMARY KEY (environment, day, channel, status)
) WITHOUT ROWID;

-- name: count
INSERT INTO daily_notification_stats (environment, day, channel, status, amount) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;

-- name: stats
SELECT day, channel, status, amount FROM daily_notification_stats
WHERE environment = ? AND day BETWEEN ? AND ? ORDER BY day, channel, status;

-- name: find
SELECT n, people IS NOT NULL AS asked FROM notifications WHERE environment = ? AND id = ?;

-- name: meet
INSERT INTO notifications (environment, id, accepted_at_ms, send_at_ms, people) VALUES (?, ?, ?, ?, ?) RETURNING n;

-- name: ask
UPDATE notifications SET accepted_at_ms = ?2, send_at_ms = ?3, people = ?4 WHERE n = ?1;

-- name: add-person
INSERT INTO notification_people (environment, user_id, accepted_at_ms, id) VALUES (?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: add-event
INSERT INTO notification_events (n, event_id, event) VALUES (?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: events
SELECT wanted.key AS place, notification_events.event
FROM json_each(?2) AS wanted
CROSS JOIN notifications ON notifications.environment = ?1 AND notifications.id = wanted.value
CROSS JOIN notification_events ON notification_events.n = notifications.n;

-- name: list
SELECT id, accepted_at_ms FROM notifications
WHERE environment = ? AND accepted_at_ms >= ? AND (accepted_at_ms, id) < (?, ?) AND people IS NOT NULL
ORDER BY accepted_at_ms DESC, id DESC LIMIT ?;

-- name: list-person
SELECT id, accepted_at_ms FROM notification_people
WHERE environment = ? AND user_id = ? AND accepted_at_ms >= ? AND (accepted_at_ms, id) < (?, ?)
ORDER BY accepted_at_ms DESC, id DESC LIMIT ?;

-- One index step per environment, where DISTINCT would read the whole index.
-- name: environments
WITH RECURSIVE each(environment) AS (
  SELECT min(environment) FROM notifications
  UNION ALL
  SELECT (SELECT min(environment) FROM notifications WHERE environment > each.environment) FROM each WHERE each.environment IS NOT NULL
)
SELECT environment FROM each WHERE environment IS NOT NULL;

-- name: oldest
SELECT n, id, accepted_at_ms, people FROM notifications
WHERE environment = ?1 AND accepted_at_ms < ?2 AND send_at_ms < ?2 ORDER BY accepted_at_ms, id LIMIT ?3;

-- name: forget-events
DELETE FROM notification_events
WHERE n = ?1 AND event_id IN (SELECT event_id FROM notification_events WHERE n = ?1 LIMIT ?2);

-- name: forget-people
DELETE FROM notification_people
WHERE environment = ?1 AND user_id IN (SELECT value FROM json_each(?2)) AND accepted_at_ms = ?3 AND id = ?4;

-- name: forget-notification
DELETE FROM notifications WHERE n = ?;

-- name: forget-event
DELETE FROM notification_events WHERE n = ? AND event_id = ?;

-- name: rewrite-event
UPDATE notification_events SET event = ?3 WHERE n = ?1 AND event_id = ?2;

-- name: forget-person
DELETE FROM notification_people WHERE environment = ? AND user_id = ? AND id = ?;

-- name: rewrite-people
UPDATE notifications SET people = ?2 WHERE n = ?1 AND people IS NOT NULL;
