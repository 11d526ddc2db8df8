-- Which migrations of which .sql file this database has seen.

-- name: create
CREATE TABLE IF NOT EXISTS schema_versions (file TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT;

-- name: version
SELECT version FROM schema_versions WHERE file = ?;

-- name: set-version
INSERT INTO schema_versions (file, version) VALUES (?, ?) ON CONFLICT DO UPDATE SET version = excluded.version;
