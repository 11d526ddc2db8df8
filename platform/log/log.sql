-- A record's place is one number: (topic id * 256 + partition) * 2^36 + offset. So each partition is one run of the table's tree, and
-- appending to it needs no second index.

-- name: schema-1
CREATE TABLE log_topics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL) STRICT;
CREATE TABLE log_records (
  place INTEGER PRIMARY KEY,
  time_ms INTEGER NOT NULL,
  key TEXT NOT NULL,
  headers TEXT NOT NULL,
  value BLOB NOT NULL
) STRICT;
CREATE TABLE log_positions (
  consumer_group TEXT NOT NULL,
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  next INTEGER NOT NULL,
  PRIMARY KEY (consumer_group, topic, partition)
) STRICT, WITHOUT ROWID;

-- name: topic
INSERT INTO log_topics (name, partitions) VALUES (?, ?) ON CONFLICT (name) DO NOTHING;

-- name: topics
SELECT id, name, partitions FROM log_topics;

-- name: newest
SELECT max(place) AS place FROM log_records WHERE place BETWEEN ? AND ?;

-- name: oldest
SELECT min(place) AS place FROM log_records WHERE place BETWEEN ? AND ?;

-- name: put
INSERT INTO log_records (place, time_ms, key, headers, value) VALUES (?, ?, ?, ?, ?);

-- name: read
SELECT place, time_ms, key, headers, value FROM log_records WHERE place BETWEEN ? AND ? ORDER BY place LIMIT ?;

-- name: move
INSERT INTO log_positions (consumer_group, topic, partition, next) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET next = max(next, excluded.next);

-- name: position
SELECT next FROM log_positions WHERE consumer_group = ? AND topic = ? AND partition = ?;

-- name: forget
DELETE FROM log_records WHERE place IN (
  SELECT place FROM log_records WHERE place BETWEEN ? AND ? ORDER BY place LIMIT ?
) AND time_ms < ?;
