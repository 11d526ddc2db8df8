-- The settings of categories.

-- name: schema-1
CREATE TABLE categories (
  environment VARBINARY(64) NOT NULL,
  name VARBINARY(64) NOT NULL,
  at_most_once TINYINT NOT NULL,
  PRIMARY KEY (environment, name)
) ENGINE = InnoDB;

-- name: others
SELECT COUNT(*) AS others FROM categories WHERE environment = ? AND name <> ?;

-- name: set
INSERT INTO categories (environment, name, at_most_once) VALUES (?, ?, ?)
ON DUPLICATE KEY UPDATE at_most_once = VALUES(at_most_once);

-- name: reset
DELETE FROM categories WHERE environment = ? AND name = ?;

-- name: among
SELECT name, at_most_once FROM categories WHERE environment = ? AND name IN (?...);

-- name: list
SELECT name, at_most_once FROM categories WHERE environment = ? ORDER BY name;
