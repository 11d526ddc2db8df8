-- What every connection is told before its first statement, and what is asked of the server itself.

-- Strict: what does not fit is an error, never cut. Locks are waited for no longer than a caller waits.
-- name: mode
SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00',
  innodb_lock_wait_timeout = 3, lock_wait_timeout = 10;

-- name: isolation
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;

-- name: version
SELECT VERSION() AS version;

-- name: create-database
CREATE DATABASE IF NOT EXISTS ?? CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- name: ping
SELECT 1;

-- name: begin
START TRANSACTION;

-- name: commit
COMMIT;

-- name: rollback
ROLLBACK;
