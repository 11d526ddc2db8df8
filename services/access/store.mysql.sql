-- Environments and the keys to them in MySQL. A key's hash is the SHA-256 of its secret, which is nowhere.

-- name: schema-1
CREATE TABLE access_environments (
  name VARBINARY(255) NOT NULL PRIMARY KEY,
  kind INT NOT NULL,
  home TINYINT NOT NULL,
  created_at_ms BIGINT NOT NULL
) ENGINE = InnoDB;
CREATE TABLE access_keys (
  prefix VARBINARY(255) NOT NULL PRIMARY KEY,
  hash BLOB NOT NULL,
  environment VARBINARY(255) NOT NULL,
  name VARBINARY(1024) NOT NULL,
  scopes VARBINARY(255) NOT NULL,
  created_at_ms BIGINT NOT NULL,
  expires_at_ms BIGINT NOT NULL,
  revoked_at_ms BIGINT NOT NULL DEFAULT 0,
  last_used_at_ms BIGINT NOT NULL DEFAULT 0,
  KEY access_keys_by_environment (environment, created_at_ms, prefix)
) ENGINE = InnoDB;
CREATE TABLE access_making (only_row TINYINT NOT NULL PRIMARY KEY) ENGINE = InnoDB;
INSERT INTO access_making (only_row) VALUES (1) ON DUPLICATE KEY UPDATE only_row = 1;

-- Development's own environment was live once (1): in production its mails would leave. One that an admin made is no home.
-- name: schema-2
UPDATE access_environments SET kind = 2 WHERE name = 'development' AND home = 1;

-- Whoever makes something counts first, so they go one after the other. It is rare.
-- name: one-at-a-time
SELECT only_row FROM access_making WHERE only_row = 1 FOR UPDATE;

-- name: environment
SELECT name, kind, home, created_at_ms FROM access_environments WHERE name = ?;

-- name: environments
SELECT name, kind, home, created_at_ms FROM access_environments ORDER BY name;

-- name: count-environments
SELECT COUNT(*) AS count FROM access_environments;

-- name: add-environment
INSERT INTO access_environments (name, kind, home, created_at_ms) VALUES (?, ?, ?, ?);

-- name: make-home
UPDATE access_environments SET home = 1 WHERE name = ?;

-- name: any-key
SELECT prefix FROM access_keys LIMIT 1;

-- name: key
SELECT prefix, hash, environment, name, scopes, created_at_ms, expires_at_ms, revoked_at_ms, last_used_at_ms
FROM access_keys WHERE prefix = ?;

-- name: lock-key
SELECT prefix, hash, environment, name, scopes, created_at_ms, expires_at_ms, revoked_at_ms, last_used_at_ms
FROM access_keys WHERE prefix = ? FOR UPDATE;

-- name: keys
SELECT prefix, hash, environment, name, scopes, created_at_ms, expires_at_ms, revoked_at_ms, last_used_at_ms
FROM access_keys
WHERE environment = ? AND (revoked_at_ms = 0 OR revoked_at_ms >= ?) AND (expires_at_ms = 0 OR expires_at_ms >= ?)
ORDER BY created_at_ms DESC, prefix DESC LIMIT ?;

-- name: count-usable
SELECT COUNT(*) AS count FROM access_keys
WHERE environment = ? AND revoked_at_ms = 0 AND (expires_at_ms = 0 OR expires_at_ms > ?);

-- name: add-key
INSERT INTO access_keys (prefix, hash, environment, name, scopes, created_at_ms, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: end-key
UPDATE access_keys SET expires_at_ms = ? WHERE prefix = ? AND (expires_at_ms = 0 OR expires_at_ms > ?);

-- name: revoke
UPDATE access_keys SET revoked_at_ms = ? WHERE prefix = ? AND revoked_at_ms = 0;

-- name: touch
UPDATE access_keys SET last_used_at_ms = ? WHERE prefix = ? AND last_used_at_ms < ?;
