-- Where in time the blocks of a group are, over all its streams. span is the class of last_ms - first_ms (span_of in
-- store.c): a look-up by time visits few blocks of each class that end before it.
CREATE TABLE block_time (
    group_id INTEGER NOT NULL,
    span INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    block_id INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    stream_id INTEGER NOT NULL,
    PRIMARY KEY (group_id, span, first_ms, block_id)
) STRICT, WITHOUT ROWID;

INSERT INTO block_time (group_id, span, first_ms, block_id, last_ms, stream_id)
SELECT s.group_id,
       CASE WHEN b.last_ms - b.first_ms <= 0 THEN 0 WHEN b.last_ms - b.first_ms <= 7 THEN 1
            WHEN b.last_ms - b.first_ms <= 63 THEN 2 WHEN b.last_ms - b.first_ms <= 511 THEN 3
            WHEN b.last_ms - b.first_ms <= 4095 THEN 4 WHEN b.last_ms - b.first_ms <= 32767 THEN 5
            WHEN b.last_ms - b.first_ms <= 262143 THEN 6 ELSE 7 END,
       b.first_ms, b.id, b.last_ms, b.stream_id
FROM log_stream s JOIN event_block b ON b.stream_id = s.id ORDER BY 1, 2, 3, 4;

-- The second of last_ms: an index of it is rarely written, while events of the same second come in.
ALTER TABLE log_stream ADD COLUMN last_second INTEGER NOT NULL DEFAULT 0;
UPDATE log_stream SET last_second = last_ms / 1000 WHERE last_ms IS NOT NULL;
CREATE INDEX stream_by_time ON log_stream (group_id, last_second);

-- Deleted groups keep their row, under the account '', until their streams are gone.
ALTER TABLE dead_stream ADD COLUMN group_id INTEGER NOT NULL DEFAULT 0;

-- Where the walk through the groups with a retention is, or when the next one begins.
CREATE TABLE retention_walk (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    group_id INTEGER NOT NULL,
    due_ms INTEGER NOT NULL
) STRICT;
