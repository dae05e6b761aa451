-- Every service's database has these; a reset keeps meta_instance and meta_seen.
CREATE TABLE meta_instance (
    id TEXT PRIMARY KEY
) STRICT;

-- Events for other processes, kept until they are acknowledged.
CREATE TABLE meta_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;

-- Numbers of the events that have been taken from each stream of events.
CREATE TABLE meta_seen (
    stream TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (stream, number)
) STRICT, WITHOUT ROWID;
