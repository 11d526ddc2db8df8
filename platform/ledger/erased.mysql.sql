-- Who was erased, for a ledger that has lost it.

-- name: schema-1
CREATE TABLE erased (
  environment VARBINARY(128) NOT NULL,
  whom VARBINARY(64) NOT NULL,
  at_ms BIGINT NOT NULL,
  until_ms BIGINT NOT NULL,
  PRIMARY KEY (environment, whom),
  KEY erased_by_end (until_ms)
) ENGINE = InnoDB;

-- name: keep
INSERT INTO erased (environment, whom, at_ms, until_ms) VALUES (?, ?, ?, ?)
ON DUPLICATE KEY UPDATE at_ms = GREATEST(at_ms, VALUES(at_ms)), until_ms = GREATEST(until_ms, VALUES(until_ms));

-- name: after
SELECT environment, whom, at_ms, until_ms FROM erased
WHERE (environment > ? OR (environment = ? AND whom > ?)) AND until_ms > ?
ORDER BY environment, whom LIMIT ?;

-- name: forget
DELETE FROM erased WHERE until_ms <= ? LIMIT ?;
