-- The suppression list. Who was taken off it stays for a while without their data, so that what is said of them next is later.
-- name: schema-1
CREATE TABLE suppressions (
  environment TEXT NOT NULL,
  whom TEXT NOT NULL,
  user_id TEXT NOT NULL,
  channel INTEGER NOT NULL,
  address TEXT NOT NULL,
  reason INTEGER NOT NULL,
  is_on INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (environment, whom)
) STRICT, WITHOUT ROWID;
CREATE INDEX suppressions_by_time ON suppressions (environment, is_on, at_ms, whom);
CREATE INDEX suppressions_off ON suppressions (at_ms) WHERE is_on = 0;

-- name: add
INSERT INTO suppressions (environment, whom, user_id, channel, address, reason, is_on, at_ms) VALUES (?, ?, ?, ?, ?, ?, 1, ?)
ON CONFLICT DO UPDATE SET user_id = excluded.user_id, channel = excluded.channel, address = excluded.address, reason = excluded.reason,
  is_on = 1, at_ms = max(excluded.at_ms, at_ms + 1)
WHERE is_on = 0;

-- name: remove
UPDATE suppressions SET user_id = '', address = '', is_on = 0, at_ms = max(?3, at_ms + 1)
WHERE environment = ?1 AND whom = ?2 AND is_on = 1 AND at_ms <= ?4;

-- name: known
SELECT whom, user_id, channel, address, reason, is_on, at_ms FROM suppressions WHERE environment = ? AND whom = ?;

-- name: list
SELECT whom, user_id, channel, address, reason, at_ms FROM suppressions
WHERE environment = ?1 AND is_on = 1 AND (?2 = 0 OR reason = ?2) AND (at_ms, whom) < (?3, ?4)
ORDER BY at_ms DESC, whom DESC LIMIT ?5;

-- name: sweep
DELETE FROM suppressions WHERE (environment, whom) IN (
  SELECT environment, whom FROM suppressions WHERE is_on = 0 AND at_ms < ? ORDER BY at_ms LIMIT ?
);
