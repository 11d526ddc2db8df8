-- What operators ordered of integrations.

-- name: schema-1
CREATE TABLE integration_orders (
  number BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  integration VARBINARY(64) NOT NULL,
  kind VARBINARY(16) NOT NULL,
  action VARBINARY(16) NOT NULL,
  given_by VARBINARY(512) NOT NULL,
  why VARBINARY(2000) NOT NULL,
  at_ms BIGINT NOT NULL,
  KEY integration_orders_by_kind (integration, kind, number)
) ENGINE = InnoDB;

-- name: add
INSERT INTO integration_orders (integration, kind, action, given_by, why, at_ms) VALUES (?, ?, ?, ?, ?, ?);

-- Read by itself, and forgotten by their keys: two who delete by what they find lock each other out.
-- name: old
SELECT number FROM integration_orders WHERE integration = ?
  AND number NOT IN (
    SELECT number FROM (SELECT number FROM integration_orders WHERE integration = ? ORDER BY number DESC LIMIT ?) AS newest
  )
  AND number NOT IN (SELECT MAX(number) FROM integration_orders WHERE integration = ? GROUP BY kind)
ORDER BY number;

-- name: forget
DELETE FROM integration_orders WHERE number IN (?...);

-- name: standing
SELECT integration, action, number FROM integration_orders
WHERE number IN (SELECT MAX(number) FROM integration_orders GROUP BY integration, kind) ORDER BY number;

-- name: standing-of
SELECT action, number FROM integration_orders
WHERE number IN (SELECT MAX(number) FROM integration_orders WHERE integration = ? GROUP BY kind) ORDER BY number;

-- name: newest
SELECT action, given_by, why, at_ms FROM integration_orders WHERE integration = ? ORDER BY number DESC LIMIT ?;
