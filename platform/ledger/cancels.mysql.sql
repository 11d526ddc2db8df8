-- What was canceled, for a ledger that has lost it.

-- name: schema-1
CREATE TABLE cancels (
  environment VARBINARY(128) NOT NULL,
  notification_id VARBINARY(128) NOT NULL,
  until_ms BIGINT NOT NULL,
  PRIMARY KEY (environment, notification_id),
  KEY cancels_by_end (until_ms)
) ENGINE = InnoDB;

-- name: keep
INSERT INTO cancels (environment, notification_id, until_ms) VALUES (?, ?, ?)
ON DUPLICATE KEY UPDATE until_ms = GREATEST(until_ms, VALUES(until_ms));

-- name: after
SELECT environment, notification_id, until_ms FROM cancels
WHERE (environment > ? OR (environment = ? AND notification_id > ?)) AND until_ms > ?
ORDER BY environment, notification_id LIMIT ?;

-- name: forget
DELETE FROM cancels WHERE until_ms <= ? LIMIT ?;
