-- The settings of categories.
-- name: schema-1
CREATE TABLE categories (
  environment TEXT NOT NULL,
  name TEXT NOT NULL,
  at_most_once INTEGER NOT NULL,
  PRIMARY KEY (environment, name)
) STRICT, WITHOUT ROWID;

-- name: others
SELECT count(*) AS others FROM categories WHERE environment = ? AND name <> ?;

-- name: set
INSERT INTO categories (environment, name, at_most_once) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET at_most_once = excluded.at_most_once;

-- name: reset
DELETE FROM categories WHERE environment = ? AND name = ?;

-- name: known
SELECT name, at_most_once FROM categories WHERE environment = ? AND name = ?;

-- name: list
SELECT name, at_most_once FROM categories WHERE environment = ? ORDER BY name;
