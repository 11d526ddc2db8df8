-- Which migrations of which .sql file this database has seen, and how far into the next one it is.

-- name: create
CREATE TABLE IF NOT EXISTS schema_versions (
  store VARBINARY(255) NOT NULL PRIMARY KEY,
  version INT NOT NULL,
  begun INT NOT NULL,
  done INT NOT NULL
) ENGINE = InnoDB;

-- name: version
SELECT version, begun, done FROM schema_versions WHERE store = ?;

-- name: set-version
INSERT INTO schema_versions (store, version, begun, done) VALUES (?, ?, ?, ?)
ON DUPLICATE KEY UPDATE version = VALUES(version), begun = VALUES(begun), done = VALUES(done);

-- The names of these locks are the whole server's.
-- name: lock
SELECT GET_LOCK(CONCAT('carillon-', MD5(DATABASE())), 5) AS locked;

-- name: unlock
SELECT RELEASE_LOCK(CONCAT('carillon-', MD5(DATABASE()))) AS released;
