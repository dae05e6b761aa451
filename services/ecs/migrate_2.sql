-- What a task waits for before its containers start. kind: 'interface' (its network interface; name is empty) or 'volume'
-- (a file system; name is the volume's). result: the JSON that came back, once it is done.
CREATE TABLE provision (
    task INTEGER NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    result TEXT,
    PRIMARY KEY (task, kind, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX task_alive ON task (cluster_id, last_status) WHERE stopped_ms IS NULL;
