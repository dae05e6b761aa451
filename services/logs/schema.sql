CREATE TABLE log_group (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    retention_days INTEGER,
    kms_key TEXT,
    class TEXT NOT NULL,
    protected INTEGER NOT NULL,
    UNIQUE (account, region, name)
) STRICT;

CREATE TABLE tag (
    group_id INTEGER NOT NULL REFERENCES log_group (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (group_id, key)
) STRICT, WITHOUT ROWID;

-- first_ms and last_ms are event times; next_number counts the events ever stored; max_span_ms is the longest time from
-- the first to the last event of one of the stream's blocks.
CREATE TABLE log_stream (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL REFERENCES log_group (id),
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    first_ms INTEGER,
    last_ms INTEGER,
    ingested_ms INTEGER,
    next_number INTEGER NOT NULL DEFAULT 0,
    max_span_ms INTEGER NOT NULL DEFAULT 0,
    stored_bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (group_id, name)
) STRICT;

-- Events that arrived together, in order. Blocks of one stream may overlap in time.
CREATE TABLE event_block (
    id INTEGER PRIMARY KEY,
    stream_id INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    number INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    ingested_ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (stream_id, first_ms, number)
) STRICT;

-- Deleted streams whose blocks are still to be removed, a few at a time.
CREATE TABLE dead_stream (
    id INTEGER PRIMARY KEY
) STRICT;
