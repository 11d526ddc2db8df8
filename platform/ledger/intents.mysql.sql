-- Intents of sends that may happen at most once. id is a hash of the environment, delivery and cycle: nobody's address is kept here.
-- state is leased while nobody knows how the send ended, then how it did. attempt and waits are the try's. until_ms is when the intent's own
-- lease is over, then when the send ended. What certainly did not happen has no row.

-- name: schema-1
CREATE TABLE send_intents (
  id VARBINARY(36) NOT NULL PRIMARY KEY,
  state VARBINARY(16) NOT NULL,
  attempt INT NOT NULL,
  waits INT NOT NULL,
  worker VARBINARY(255) NOT NULL,
  until_ms BIGINT NOT NULL,
  KEY send_intents_by_time (until_ms)
) ENGINE = InnoDB;

-- name: begin
INSERT INTO send_intents (id, state, attempt, waits, worker, until_ms) VALUES (?, 'leased', ?, ?, ?, ?)...
ON DUPLICATE KEY UPDATE id = VALUES(id);

-- name: known
SELECT id, state, attempt, waits, worker, until_ms FROM send_intents WHERE id IN (?...);

-- name: withdraw
DELETE FROM send_intents WHERE id = ? AND state = 'leased' AND worker = ?;

-- name: end
UPDATE send_intents SET state = ?, until_ms = ? WHERE id = ? AND state = 'leased' AND worker = ?;

-- name: give-up
UPDATE send_intents SET state = 'unresolved', attempt = ?, waits = ?, until_ms = ? WHERE id = ? AND state = 'leased';

-- name: sweep
DELETE FROM send_intents WHERE until_ms < ? LIMIT ?;
