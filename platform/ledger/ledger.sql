-- name: schema-1
-- Hours, not milliseconds: an index on them changes once an hour and not with every send. Ids of notifications mostly grow with time and
-- ids of deliveries are hashes, so the notification comes first in every key: what is sent together stands on the same few pages.
CREATE TABLE decisions (
  environment TEXT NOT NULL,
  notification_id TEXT NOT NULL,
  recipient TEXT NOT NULL,
  decision BLOB NOT NULL,
  hour INTEGER NOT NULL,
  PRIMARY KEY (environment, notification_id, recipient)
) STRICT, WITHOUT ROWID;
CREATE INDEX decisions_by_hour ON decisions (hour);
CREATE TABLE sends (
  environment TEXT NOT NULL,
  notification_id TEXT NOT NULL,
  delivery_id TEXT NOT NULL,
  cycle INTEGER NOT NULL,
  target TEXT NOT NULL,
  state TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  wait INTEGER NOT NULL,
  worker TEXT NOT NULL,
  until_ms INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  PRIMARY KEY (environment, notification_id, delivery_id, cycle, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX sends_by_hour ON sends (hour);

-- name: schema-2
CREATE TABLE cancels (
  environment TEXT NOT NULL,
  notification_id TEXT NOT NULL,
  until_hour INTEGER NOT NULL,
  PRIMARY KEY (environment, notification_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX cancels_by_hour ON cancels (until_hour);

-- Whom nothing is sent to. Who no longer is among them stays for a while: what was said before may still come.
-- name: schema-3
CREATE TABLE suppressed (
  environment TEXT NOT NULL,
  whom TEXT NOT NULL,
  suppressed INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (environment, whom)
) STRICT, WITHOUT ROWID;
CREATE INDEX suppressions_lifted ON suppressed (at_ms) WHERE suppressed = 0;

-- name: schema-4
CREATE TABLE erased (
  environment TEXT NOT NULL,
  whom TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  until_hour INTEGER NOT NULL,
  PRIMARY KEY (environment, whom)
) STRICT, WITHOUT ROWID;
CREATE INDEX erased_by_hour ON erased (until_hour);

-- name: decide
INSERT INTO decisions (environment, notification_id, recipient, decision, hour) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: decided
SELECT decision FROM decisions WHERE environment = ? AND notification_id = ? AND recipient = ?;

-- name: undecide
DELETE FROM decisions WHERE environment = ? AND notification_id = ? AND recipient = ? AND decision = ?;

-- name: decided-before
SELECT recipient, decision FROM decisions WHERE environment = ? AND notification_id = ?;

-- name: cancel
INSERT INTO cancels (environment, notification_id, until_hour) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET until_hour = max(until_hour, excluded.until_hour);

-- name: canceled
SELECT 1 FROM cancels WHERE environment = ? AND notification_id = ?;

-- name: suppress
INSERT INTO suppressed (environment, whom, suppressed, at_ms) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET suppressed = excluded.suppressed, at_ms = excluded.at_ms WHERE excluded.at_ms > at_ms;

-- name: suppressed
SELECT 1 FROM suppressed WHERE environment = ? AND whom = ? AND suppressed = 1;

-- name: erase
INSERT INTO erased (environment, whom, at_ms, until_hour) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET at_ms = max(at_ms, excluded.at_ms), until_hour = max(until_hour, excluded.until_hour);

-- name: erased
SELECT at_ms FROM erased WHERE environment = ? AND whom = ?;

-- name: states
SELECT state FROM sends WHERE environment = ? AND notification_id = ? AND delivery_id = ?;

-- name: forget-cancels
DELETE FROM cancels WHERE (environment, notification_id) IN (
  SELECT environment, notification_id FROM cancels WHERE until_hour < ? ORDER BY until_hour LIMIT ?
);

-- name: forget-lifted
DELETE FROM suppressed WHERE (environment, whom) IN (
  SELECT environment, whom FROM suppressed WHERE suppressed = 0 AND at_ms < ? ORDER BY at_ms LIMIT ?
);

-- name: forget-erasures
DELETE FROM erased WHERE (environment, whom) IN (
  SELECT environment, whom FROM erased WHERE until_hour < ? ORDER BY until_hour LIMIT ?
);

-- name: send
SELECT state, attempt, wait, worker, until_ms FROM sends
WHERE environment = ? AND notification_id = ? AND delivery_id = ? AND cycle = ? AND target = ?;

-- name: put
INSERT INTO sends (environment, notification_id, delivery_id, cycle, target, state, attempt, wait, worker, until_ms, hour)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET state = excluded.state, attempt = excluded.attempt, wait = excluded.wait, worker = excluded.worker,
  until_ms = excluded.until_ms, hour = excluded.hour;

-- name: forget-decisions
DELETE FROM decisions WHERE (environment, notification_id, recipient) IN (
  SELECT environment, notification_id, recipient FROM decisions WHERE hour < ? ORDER BY hour LIMIT ?
);

-- name: forget-sends
DELETE FROM sends WHERE (environment, notification_id, delivery_id, cycle, target) IN (
  SELECT environment, notification_id, delivery_id, cycle, target FROM sends WHERE hour < ? ORDER BY hour LIMIT ?
);
