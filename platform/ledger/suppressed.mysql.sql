-- Whom nothing is sent to, for a ledger that has lost it. Who no longer is among them stays for a while: what was said before may still come.

-- name: schema-1
CREATE TABLE suppressed (
  environment VARBINARY(128) NOT NULL,
  whom VARBINARY(64) NOT NULL,
  suppressed TINYINT NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (environment, whom),
  KEY suppressed_by_time (suppressed, at_ms)
) ENGINE = InnoDB;

-- What is compared stands before what is set: each assignment sees those before it.
-- name: keep
INSERT INTO suppressed (environment, whom, suppressed, at_ms) VALUES (?, ?, ?, ?)
ON DUPLICATE KEY UPDATE suppressed = IF(VALUES(at_ms) > at_ms, VALUES(suppressed), suppressed), at_ms = GREATEST(at_ms, VALUES(at_ms));

-- name: after
SELECT environment, whom, suppressed, at_ms FROM suppressed
WHERE environment > ? OR (environment = ? AND whom > ?)
ORDER BY environment, whom LIMIT ?;

-- name: forget-lifted
DELETE FROM suppressed WHERE suppressed = 0 AND at_ms < ? LIMIT ?;
