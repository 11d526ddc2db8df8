-- name: schema-1
CREATE TABLE people (
  environment TEXT NOT NULL,
  user_id TEXT NOT NULL,
  email TEXT NOT NULL DEFAULT '',
  name TEXT NOT NULL DEFAULT '',
  locale TEXT NOT NULL DEFAULT '',
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  PRIMARY KEY (environment, user_id)
) WITHOUT ROWID;

CREATE TABLE choices (
  environment TEXT NOT NULL,
  user_id TEXT NOT NULL,
  category TEXT NOT NULL,
  muted INTEGER NOT NULL,
  channels TEXT NOT NULL,
  PRIMARY KEY (environment, user_id, category)
) WITHOUT ROWID;

-- name: schema-2
CREATE INDEX people_by_email ON people (environment, email COLLATE NOCASE);

-- quiet_start '' means no quiet hours; quiet_days are JSON, muted_until_ms 0 means no such time.
-- name: schema-3
ALTER TABLE people ADD COLUMN time_zone TEXT NOT NULL DEFAULT '';
ALTER TABLE people ADD COLUMN quiet_start TEXT NOT NULL DEFAULT '';
ALTER TABLE people ADD COLUMN quiet_end TEXT NOT NULL DEFAULT '';
ALTER TABLE people ADD COLUMN quiet_days TEXT NOT NULL DEFAULT '[]';
ALTER TABLE choices ADD COLUMN muted_until_ms INTEGER NOT NULL DEFAULT 0;

-- Of whom more is to be deleted.
-- name: schema-4
CREATE TABLE erasures (
  environment TEXT NOT NULL,
  user_id TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (environment, user_id)
) STRICT, WITHOUT ROWID;

-- name: begin-erasure
INSERT INTO erasures (environment, user_id, at_ms) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET at_ms = max(excluded.at_ms, at_ms + 1) RETURNING at_ms;

-- name: delete-choices
DELETE FROM choices WHERE environment = ? AND user_id = ?;

-- name: delete-person
DELETE FROM people WHERE environment = ? AND user_id = ?;

-- name: end-erasure
DELETE FROM erasures WHERE environment = ? AND user_id = ? AND at_ms = ?;

-- name: delete-blank
DELETE FROM people WHERE environment = ?1 AND user_id = ?2 AND email = '' AND name = '' AND locale = '' AND time_zone = ''
  AND quiet_start = '' AND NOT EXISTS (SELECT 1 FROM choices WHERE environment = ?1 AND user_id = ?2);

-- name: erasures
SELECT environment, user_id, at_ms FROM erasures WHERE at_ms < ? ORDER BY environment, user_id LIMIT ?;

-- name: create
INSERT INTO people (environment, user_id, created_at_ms, updated_at_ms) VALUES (?1, ?2, ?3, ?3)
ON CONFLICT DO NOTHING;

-- name: upsert
INSERT INTO people (environment, user_id, email, name, locale, time_zone, created_at_ms, updated_at_ms)
VALUES (?1, ?2, coalesce(?3, ''), coalesce(?4, ''), coalesce(?5, ''), coalesce(?6, ''), ?7, ?7)
ON CONFLICT (environment, user_id) DO UPDATE
SET email = coalesce(?3, email), name = coalesce(?4, name), locale = coalesce(?5, locale), time_zone = coalesce(?6, time_zone),
  updated_at_ms = ?7
WHERE email <> coalesce(?3, email) OR name <> coalesce(?4, name) OR locale <> coalesce(?5, locale)
  OR time_zone <> coalesce(?6, time_zone);

-- name: person
SELECT email, name, locale, time_zone, created_at_ms, updated_at_ms FROM people WHERE environment = ? AND user_id = ?;

-- A row per choice; one without, where there is none.
-- name: person-with-choices
SELECT email, name, locale, time_zone, quiet_start, quiet_end, quiet_days, created_at_ms, updated_at_ms,
  category, muted, muted_until_ms, channels
FROM people LEFT JOIN choices USING (environment, user_id)
WHERE environment = ? AND user_id = ? ORDER BY category;

-- The bounds are the first character sequences that no longer begin so.
-- name: people-by-id
SELECT user_id, email, name, locale, time_zone, created_at_ms, updated_at_ms FROM people
WHERE environment = ? AND user_id >= ? AND user_id < ? ORDER BY user_id LIMIT ?;

-- name: people-by-email
SELECT user_id, email, name, locale, time_zone, created_at_ms, updated_at_ms FROM people
WHERE environment = ? AND email COLLATE NOCASE >= ? AND email COLLATE NOCASE < ? ORDER BY email COLLATE NOCASE LIMIT ?;

-- name: other-choices
SELECT count(*) AS others FROM choices WHERE environment = ? AND user_id = ? AND category <> ?;

-- name: choose
INSERT INTO choices (environment, user_id, category, muted, muted_until_ms, channels) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (environment, user_id, category) DO UPDATE
SET muted = excluded.muted, muted_until_ms = excluded.muted_until_ms, channels = excluded.channels;

-- name: set-quiet-hours
UPDATE people SET quiet_start = ?3, quiet_end = ?4, quiet_days = ?5, updated_at_ms = ?6
WHERE environment = ?1 AND user_id = ?2 AND (quiet_start <> ?3 OR quiet_end <> ?4 OR quiet_days <> ?5);
