-- A chunk is a run of records of one partition that were written together, packed as packing.ts says. Its place is one number,
-- (id of the partition) * 2^40 + (offset of its first record), so each partition is one stretch of the table's tree and needs no index.
-- The next offset stands in log_partitions, so that it is never given twice, also when every record has been forgotten.

-- name: schema-1
CREATE TABLE log_partitions (
  id INTEGER PRIMARY KEY,
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  next INTEGER NOT NULL DEFAULT 0,
  UNIQUE (topic, partition)
) STRICT;
CREATE TABLE log_chunks (
  place INTEGER PRIMARY KEY,
  count INTEGER NOT NULL,
  time_ms INTEGER NOT NULL,
  records BLOB NOT NULL
) STRICT;
CREATE TABLE log_positions (
  consumer_group TEXT NOT NULL,
  partition_id INTEGER NOT NULL REFERENCES log_partitions (id),
  next INTEGER NOT NULL,
  PRIMARY KEY (consumer_group, partition_id)
) STRICT, WITHOUT ROWID;

-- name: partitions
SELECT id, topic, partition FROM log_partitions ORDER BY id;

-- name: add-partition
INSERT INTO log_partitions (topic, partition) VALUES (?, ?);

-- name: next
SELECT next FROM log_partitions WHERE id = ?;

-- name: set-next
UPDATE log_partitions SET next = ? WHERE id = ?;

-- name: put
INSERT INTO log_chunks (place, count, time_ms, records) VALUES (?, ?, ?, ?);

-- name: move
INSERT INTO log_positions (consumer_group, partition_id, next) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET next = max(next, excluded.next);

-- name: position
SELECT next FROM log_positions WHERE consumer_group = ? AND partition_id = ?;

-- name: bounds
SELECT next, (SELECT min(place) FROM log_chunks WHERE place BETWEEN ?2 AND ?3) AS oldest FROM log_partitions WHERE id = ?1;

-- The chunk that holds a place, if there is one, and those after it; without their records, to choose how many to read.
-- name: sizes
SELECT place, count, length(records) AS bytes FROM log_chunks
WHERE place BETWEEN coalesce((SELECT max(place) FROM log_chunks WHERE place BETWEEN ?1 AND ?2), ?2) AND ?3
ORDER BY place LIMIT ?4;

-- name: read
SELECT place, time_ms, records FROM log_chunks WHERE place BETWEEN ? AND ? ORDER BY place;

-- name: oldest
SELECT place, count, time_ms FROM log_chunks WHERE place BETWEEN ? AND ? ORDER BY place LIMIT ?;

-- name: forget
DELETE FROM log_chunks WHERE place BETWEEN ? AND ?;
