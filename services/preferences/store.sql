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

-- name: create
INSERT INTO people (environment, user_id, created_at_ms, updated_at_ms) VALUES (?1, ?2, ?3, ?3)
ON CONFLICT DO NOTHING;

-- name: upsert
INSERT INTO people (environment, user_id, email, name, locale, created_at_ms, updated_at_ms)
VALUES (?1, ?2, coalesce(?3, ''), coalesce(?4, ''), coalesce(?5, ''), ?6, ?6)
ON CONFLICT (environment, user_id) DO UPDATE
SET email = coalesce(?3, email), name = coalesce(?4, name), locale = coalesce(?5, locale), updated_at_ms = ?6
WHERE email <> coalesce(?3, email) OR name <> coalesce(?4, name) OR locale <> coalesce(?5, locale);

-- name: person
SELECT email, name, locale, created_at_ms, updated_at_ms FROM people WHERE environment = ? AND user_id = ?;

-- A row per choice; one without, where there is none.
-- name: person-with-choices
SELECT email, name, locale, created_at_ms, updated_at_ms, category, muted, channels
FROM people LEFT JOIN choices USING (environment, user_id)
WHERE environment = ? AND user_id = ? ORDER BY category;

-- The bounds are the first character sequences that no longer begin so.
-- name: people-by-id
SELECT user_id, email, name, locale, created_at_ms, updated_at_ms FROM people
WHERE environment = ? AND user_id >= ? AND user_id < ? ORDER BY user_id LIMIT ?;

-- name: people-by-email
SELECT user_id, email, name, locale, created_at_ms, updated_at_ms FROM people
WHERE environment = ? AND email COLLATE NOCASE >= ? AND email COLLATE NOCASE < ? ORDER BY email COLLATE NOCASE LIMIT ?;

-- name: other-choices
SELECT count(*) AS others FROM choices WHERE environment = ? AND user_id = ? AND category <> ?;

-- name: choose
INSERT INTO choices (environment, user_id, category, muted, channels) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (environment, user_id, category) DO UPDATE SET muted = excluded.muted, channels = excluded.channels;
