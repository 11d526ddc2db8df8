-- People and their choices in MySQL. email_folded is the email in lower case, to search by.

-- name: schema-1
CREATE TABLE people (
  environment VARBINARY(64) NOT NULL,
  user_id VARBINARY(512) NOT NULL,
  email VARBINARY(1020) NOT NULL,
  email_folded VARBINARY(1020) NOT NULL,
  name VARBINARY(4096) NOT NULL,
  locale VARBINARY(256) NOT NULL,
  time_zone VARBINARY(256) NOT NULL,
  quiet_start VARBINARY(16) NOT NULL DEFAULT '',
  quiet_end VARBINARY(16) NOT NULL DEFAULT '',
  quiet_days VARBINARY(64) NOT NULL DEFAULT '[]',
  created_at_ms BIGINT NOT NULL,
  updated_at_ms BIGINT NOT NULL,
  PRIMARY KEY (environment, user_id),
  KEY people_by_email (environment, email_folded)
) ENGINE = InnoDB;
CREATE TABLE choices (
  environment VARBINARY(64) NOT NULL,
  user_id VARBINARY(512) NOT NULL,
  category VARBINARY(256) NOT NULL,
  muted TINYINT NOT NULL,
  muted_until_ms BIGINT NOT NULL,
  channels VARBINARY(256) NOT NULL,
  PRIMARY KEY (environment, user_id, category)
) ENGINE = InnoDB;

-- Of whom more is to be deleted.
-- name: schema-2
CREATE TABLE erasures (
  environment VARBINARY(64) NOT NULL,
  user_id VARBINARY(512) NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (environment, user_id),
  KEY erasures_by_time (at_ms)
) ENGINE = InnoDB;

-- name: begin-erasure
INSERT INTO erasures (environment, user_id, at_ms) VALUES (?, ?, ?)
ON DUPLICATE KEY UPDATE at_ms = GREATEST(VALUES(at_ms), at_ms + 1);

-- name: begun
SELECT at_ms FROM erasures WHERE environment = ? AND user_id = ?;

-- name: delete-choices
DELETE FROM choices WHERE environment = ? AND user_id = ?;

-- name: delete-person
DELETE FROM people WHERE environment = ? AND user_id = ?;

-- name: end-erasure
DELETE FROM erasures WHERE environment = ? AND user_id = ? AND at_ms = ?;

-- name: delete-blank
DELETE FROM people WHERE environment = ? AND user_id = ? AND email = '' AND name = '' AND locale = '' AND time_zone = ''
  AND quiet_start = '';

-- name: erasures
SELECT environment, user_id, at_ms FROM erasures WHERE at_ms < ? ORDER BY at_ms LIMIT ?;

-- Leaves whoever is there as they are. Not IGNORE, which would also ignore what does not fit, and lock less than what follows needs.
-- name: create
INSERT INTO people (environment, user_id, email, email_folded, name, locale, time_zone, created_at_ms, updated_at_ms)
VALUES (?, ?, '', '', '', '', '', ?, ?)...
ON DUPLICATE KEY UPDATE user_id = VALUES(user_id);

-- name: lock
SELECT user_id, email, name, locale, time_zone, created_at_ms, updated_at_ms FROM people
WHERE environment = ? AND user_id IN (?...) ORDER BY user_id FOR UPDATE;

-- name: change
INSERT INTO people (environment, user_id, email, email_folded, name, locale, time_zone, created_at_ms, updated_at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)...
ON DUPLICATE KEY UPDATE email = VALUES(email), email_folded = VALUES(email_folded), name = VALUES(name), locale = VALUES(locale),
  time_zone = VALUES(time_zone), updated_at_ms = VALUES(updated_at_ms);

-- A row per choice; one without, where there is none.
-- name: find
SELECT people.user_id, email, name, locale, time_zone, quiet_start, quiet_end, quiet_days, created_at_ms, updated_at_ms,
  category, muted, muted_until_ms, channels
FROM people LEFT JOIN choices ON choices.environment = people.environment AND choices.user_id = people.user_id
WHERE people.environment = ? AND people.user_id IN (?...);

-- The bounds are the first bytes that begin so, and the first that no longer do.
-- name: search
(SELECT user_id, email, name, locale, time_zone, created_at_ms, updated_at_ms FROM people
  WHERE environment = ? AND user_id >= ? AND user_id < ? ORDER BY user_id LIMIT ?)
UNION
(SELECT user_id, email, name, locale, time_zone, created_at_ms, updated_at_ms FROM people
  WHERE environment = ? AND email_folded >= ? AND email_folded < ? ORDER BY email_folded LIMIT ?)
ORDER BY user_id LIMIT ?;

-- name: categories
SELECT user_id, category FROM choices WHERE environment = ? AND user_id IN (?...);

-- name: choose
INSERT INTO choices (environment, user_id, category, muted, muted_until_ms, channels) VALUES (?, ?, ?, ?, ?, ?)...
ON DUPLICATE KEY UPDATE muted = VALUES(muted), muted_until_ms = VALUES(muted_until_ms), channels = VALUES(channels);

-- What is compared stands before what is set: each assignment sees those before it.
-- name: set-quiet-hours
UPDATE people SET
  updated_at_ms = IF(quiet_start = ? AND quiet_end = ? AND quiet_days = ? AND time_zone = COALESCE(?, time_zone), updated_at_ms, ?),
  quiet_start = ?, quiet_end = ?, quiet_days = ?, time_zone = COALESCE(?, time_zone)
WHERE environment = ? AND user_id = ?;
