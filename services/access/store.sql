-- Environments and the keys to them. A key's hash is the SHA-256 of its secret, which is nowhere.

-- name: schema-1
CREATE TABLE access_environments (
  name TEXT PRIMARY KEY,
  kind INTEGER NOT NULL,
  home INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE access_keys (
  prefix TEXT PRIMARY KEY,
  hash BLOB NOT NULL,
  environment TEXT NOT NULL,
  name TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  revoked_at_ms INTEGER NOT NULL DEFAULT 0,
  last_used_at_ms INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX access_keys_by_environment ON access_keys (environment, created_at_ms);

-- Development's own environment was live once (1): in production its mails would leave. One that an admin made is no home.
-- name: schema-2
UPDATE access_environments SET kind = 2 WHERE name = 'development' AND home = 1;

-- name: environment
SELECT name, kind, home, created_at_ms FROM access_environments WHERE name = ?;

-- name: environments
SELECT name, kind, home, created_at_ms FROM access_environments ORDER BY name;

-- name: count-environments
SELECT count(*) AS count FROM access_environments;

-- name: add-environment
INSERT INTO access_environments (name, kind, home, created_at_ms) VALUES (?, ?, ?, ?);

-- name: make-home
UPDATE access_environments SET home = 1 WHERE name = ?;

-- name: any-key
SELECT prefix FROM access_keys LIMIT 1;

-- name: key
SELECT prefix, hash, environment, name, scopes, created_at_ms, expires_at_ms, revoked_at_ms, last_used_at_ms
FROM access_keys WHERE prefix = ?;

-- name: keys
SELECT prefix, hash, environment, name, scopes, created_at_ms, expires_at_ms, revoked_at_ms, last_used_at_ms
FROM access_keys
WHERE environment = ?1 AND (revoked_at_ms = 0 OR revoked_at_ms >= ?2) AND (expires_at_ms = 0 OR expires_at_ms >= ?2)
ORDER BY created_at_ms DESC, prefix DESC LIMIT ?3;

-- name: count-usable
SELECT count(*) AS count FROM access_keys
WHERE environment = ?1 AND revoked_at_ms = 0 AND (expires_at_ms = 0 OR expires_at_ms > ?2);

-- name: add-key
INSERT INTO access_keys (prefix, hash, environment, name, scopes, created_at_ms, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: end-key
UPDATE access_keys SET expires_at_ms = ?2 WHERE prefix = ?1 AND (expires_at_ms = 0 OR expires_at_ms > ?2);

-- name: revoke
UPDATE access_keys SET revoked_at_ms = ?2 WHERE prefix = ?1 AND revoked_at_ms = 0;

-- name: touch
UPDATE access_keys SET last_used_at_ms = ?2 WHERE prefix = ?1 AND last_used_at_ms < ?2;
