-- Templates and their versions in MySQL.

-- name: schema-1
CREATE TABLE templates (
  environment VARBINARY(64) NOT NULL,
  name VARBINARY(512) NOT NULL,
  live_version INT NOT NULL DEFAULT 0,
  draft_version INT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  updated_at_ms BIGINT NOT NULL,
  PRIMARY KEY (environment, name)
) ENGINE = InnoDB;
CREATE TABLE template_versions (
  environment VARBINARY(64) NOT NULL,
  name VARBINARY(512) NOT NULL,
  version INT NOT NULL,
  revision INT NOT NULL,
  source LONGBLOB NOT NULL,
  created_at_ms BIGINT NOT NULL,
  published_at_ms BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (environment, name, version)
) ENGINE = InnoDB;

-- name: create
INSERT INTO templates (environment, name, draft_version, created_at_ms, updated_at_ms) VALUES (?, ?, 1, ?, ?);

-- name: template
SELECT name, live_version, draft_version, created_at_ms, updated_at_ms FROM templates WHERE environment = ? AND name = ?;

-- name: lock
SELECT name, live_version, draft_version, created_at_ms, updated_at_ms FROM templates
WHERE environment = ? AND name = ? FOR UPDATE;

-- name: list
SELECT name, live_version, draft_version, created_at_ms, updated_at_ms FROM templates
WHERE environment = ? AND name > ? ORDER BY name LIMIT ?;

-- name: versions
SELECT version, revision, created_at_ms, published_at_ms FROM template_versions
WHERE environment = ? AND name = ? ORDER BY version DESC LIMIT ?;

-- name: version
SELECT version, revision, created_at_ms, published_at_ms, source FROM template_versions
WHERE environment = ? AND name = ? AND version = ?;

-- name: standing
SELECT version, revision, created_at_ms, published_at_ms FROM template_versions
WHERE environment = ? AND name = ? AND version = ?;

-- name: begin-version
INSERT INTO template_versions (environment, name, version, revision, source, created_at_ms) VALUES (?, ?, ?, 1, ?, ?);

-- name: change-version
UPDATE template_versions SET source = ?, revision = revision + 1
WHERE environment = ? AND name = ? AND version = ? AND published_at_ms = 0;

-- name: mark-published
UPDATE template_versions SET published_at_ms = ? WHERE environment = ? AND name = ? AND version = ?;

-- name: set-template
UPDATE templates SET live_version = ?, draft_version = ?, updated_at_ms = ? WHERE environment = ? AND name = ?;
