-- name: schema-1
CREATE TABLE templates (
  environment TEXT NOT NULL,
  name TEXT NOT NULL,
  live_version INTEGER NOT NULL DEFAULT 0,
  draft_version INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  PRIMARY KEY (environment, name)
) WITHOUT ROWID;

CREATE TABLE template_versions (
  environment TEXT NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  source BLOB NOT NULL,
  created_at_ms INTEGER NOT NULL,
  published_at_ms INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (environment, name, version)
);

-- name: create
INSERT INTO templates (environment, name, draft_version, created_at_ms, updated_at_ms) VALUES (?1, ?2, 1, ?3, ?3)
ON CONFLICT DO NOTHING;

-- name: template
SELECT name, live_version, draft_version, created_at_ms, updated_at_ms FROM templates WHERE environment = ? AND name = ?;

-- name: list
SELECT name, live_version, draft_version, created_at_ms, updated_at_ms FROM templates
WHERE environment = ? AND name > ? ORDER BY name LIMIT ?;

-- name: versions
SELECT version, revision, created_at_ms, published_at_ms FROM template_versions
WHERE environment = ? AND name = ? ORDER BY version DESC LIMIT ?;

-- name: version
SELECT version, revision, created_at_ms, published_at_ms, source FROM template_versions
WHERE environment = ? AND name = ? AND version = ?;

-- name: begin-version
INSERT INTO template_versions (environment, name, version, revision, source, created_at_ms) VALUES (?, ?, ?, 1, ?, ?);

-- name: change-version
UPDATE template_versions SET source = ?4, revision = revision + 1
WHERE environment = ?1 AND name = ?2 AND version = ?3 AND published_at_ms = 0;

-- name: mark-published
UPDATE template_versions SET published_at_ms = ?4 WHERE environment = ?1 AND name = ?2 AND version = ?3;

-- name: set-template
UPDATE templates SET live_version = ?3, draft_version = ?4, updated_at_ms = ?5 WHERE environment = ?1 AND name = ?2;
