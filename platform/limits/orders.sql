-- What operators ordered of integrations.

-- name: schema-1
CREATE TABLE integration_orders (
  number INTEGER PRIMARY KEY,
  integration TEXT NOT NULL,
  kind TEXT NOT NULL,
  action TEXT NOT NULL,
  given_by TEXT NOT NULL,
  why TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX integration_orders_by_kind ON integration_orders (integration, kind, number);

-- name: add
INSERT INTO integration_orders (integration, kind, action, given_by, why, at_ms) VALUES (?, ?, ?, ?, ?, ?);

-- name: forget
DELETE FROM integration_orders WHERE integration = ?1
  AND number NOT IN (SELECT number FROM integration_orders WHERE integration = ?1 ORDER BY number DESC LIMIT ?2)
  AND number NOT IN (SELECT max(number) FROM integration_orders WHERE integration = ?1 GROUP BY kind);

-- name: standing
SELECT integration, action, number FROM integration_orders
WHERE number IN (SELECT max(number) FROM integration_orders GROUP BY integration, kind) ORDER BY number;

-- name: standing-of
SELECT action, number FROM integration_orders
WHERE number IN (SELECT max(number) FROM integration_orders WHERE integration = ? GROUP BY kind) ORDER BY number;

-- name: newest
SELECT action, given_by, why, at_ms FROM integration_orders WHERE integration = ? ORDER BY number DESC LIMIT ?;
