-- The suppression list. Who was taken off it stays for a while without their data, so that what is said of them next is later.

-- name: schema-1
CREATE TABLE suppressions (
  environment VARBINARY(64) NOT NULL,
  whom VARBINARY(64) NOT NULL,
  user_id VARBINARY(512) NOT NULL,
  channel INT NOT NULL,
  address VARBINARY(1020) NOT NULL,
  reason INT NOT NULL,
  is_on TINYINT NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (environment, whom),
  KEY suppressions_by_time (environment, is_on, at_ms, whom),
  KEY suppressions_off (is_on, at_ms)
) ENGINE = InnoDB;

-- What is compared stands before what is set: each assignment sees those before it.
-- name: add
INSERT INTO suppressions (environment, whom, user_id, channel, address, reason, is_on, at_ms) VALUES (?, ?, ?, ?, ?, ?, 1, ?)
ON DUPLICATE KEY UPDATE user_id = VALUES(user_id), channel = VALUES(channel), address = VALUES(address),
  reason = IF(is_on = 0, VALUES(reason), reason), at_ms = IF(is_on = 0, GREATEST(VALUES(at_ms), at_ms + 1), at_ms), is_on = 1;

-- name: remove
UPDATE suppressions SET user_id = '', address = '', is_on = 0, at_ms = GREATEST(?, at_ms + 1)
WHERE environment = ? AND whom = ? AND is_on = 1 AND at_ms <= ?;

-- name: known
SELECT whom, user_id, channel, address, reason, is_on, at_ms FROM suppressions WHERE environment = ? AND whom = ?;

-- name: among
SELECT whom, user_id, channel, address, reason, at_ms FROM suppressions WHERE environment = ? AND is_on = 1 AND whom IN (?...);

-- name: list
SELECT whom, user_id, channel, address, reason, at_ms FROM suppressions
WHERE environment = ? AND is_on = 1 AND (? = 0 OR reason = ?) AND at_ms <= ? AND (at_ms < ? OR whom < ?)
ORDER BY at_ms DESC, whom DESC LIMIT ?;

-- name: sweep
DELETE FROM suppressions WHERE is_on = 0 AND at_ms < ? LIMIT ?;
