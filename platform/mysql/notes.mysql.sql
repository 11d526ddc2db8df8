-- A small store for the tests of this folder.

-- name: schema-1
CREATE TABLE notes (
  id VARBINARY(20) NOT NULL PRIMARY KEY,
  words VARBINARY(100) NOT NULL,
  bytes LONGBLOB,
  times BIGINT NOT NULL DEFAULT 0
) ENGINE = InnoDB;

-- name: schema-2
ALTER TABLE notes ADD COLUMN long_words MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE replies (id VARBINARY(20) NOT NULL PRIMARY KEY) ENGINE = InnoDB;

-- name: add
INSERT INTO notes (id, words) VALUES (?, ?);

-- name: add-all
INSERT INTO notes (id, words, bytes, long_words, times) VALUES (?, ?, ?, ?, ?)... ON DUPLICATE KEY UPDATE id = VALUES(id);

-- name: count-up
UPDATE notes SET times = times + 1 WHERE id = ?;

-- name: lock
SELECT words FROM notes WHERE id = ? FOR UPDATE;

-- name: find
SELECT id, words, bytes, long_words, times FROM notes WHERE id IN (?...) ORDER BY id;

-- name: count
SELECT COUNT(*) AS count FROM notes;

-- name: settings
SELECT @@SESSION.sql_mode AS mode, @@SESSION.time_zone AS zone, @@SESSION.innodb_lock_wait_timeout AS lock_wait;

-- name: sleep
SELECT SLEEP(?);

-- name: nonsense
SELECT 'secret' FROM nowhere;
