-- Documents (doc) are AWS's own shapes as JSON, so that every field comes back; beside them stands what is searched by.
CREATE TABLE cluster (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (account, region, name)
) STRICT;

-- The newest revision ever given out; a revision is never given out twice.
CREATE TABLE family (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    last_revision INTEGER NOT NULL,
    PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE task_definition (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    family TEXT NOT NULL,
    revision INTEGER NOT NULL,
    status TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (account, region, family, revision)
) STRICT;

CREATE TABLE task (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster_id INTEGER NOT NULL REFERENCES cluster (id),
    task_id TEXT NOT NULL UNIQUE,
    definition_id INTEGER NOT NULL REFERENCES task_definition (id),
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    family TEXT NOT NULL,
    started_by TEXT,
    task_group TEXT NOT NULL,
    launch_type TEXT NOT NULL,
    last_status TEXT NOT NULL,
    desired_status TEXT NOT NULL,
    address TEXT,
    stopped_ms INTEGER,
    due_ms INTEGER NOT NULL DEFAULT 0,
    doc TEXT NOT NULL
) STRICT;

CREATE INDEX task_by_cluster ON task (cluster_id, desired_status);
CREATE INDEX task_by_status ON task (cluster_id, last_status);
-- due_ms: when the life cycle must look at the task although nothing has happened; 0: never.
CREATE INDEX task_by_due ON task (due_ms) WHERE due_ms > 0;
CREATE INDEX task_by_end ON task (stopped_ms) WHERE stopped_ms IS NOT NULL;
CREATE UNIQUE INDEX task_by_address ON task (address) WHERE address IS NOT NULL;

-- phase: 0 waits for others, 1 given to the runner, 2 runs, 3 has ended. boot: which runner process it was given to.
CREATE TABLE container (
    id TEXT PRIMARY KEY,
    task INTEGER NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    phase INTEGER NOT NULL,
    ran INTEGER NOT NULL,
    drained INTEGER NOT NULL,
    stop_sent INTEGER NOT NULL,
    boot TEXT,
    sent_ms INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX container_by_task ON container (task, position);
CREATE INDEX container_by_boot ON container (boot, task) WHERE drained = 0;

-- The runner processes there have been, the newest last: what an older one was given is gone.
CREATE TABLE runner_boot (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    boot TEXT NOT NULL UNIQUE
) STRICT;

-- RunTask's client tokens, with what they were used for.
CREATE TABLE run_token (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    token TEXT NOT NULL,
    request TEXT NOT NULL,
    tasks TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (account, region, token)
) STRICT, WITHOUT ROWID;

CREATE TABLE tag (
    arn TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    UNIQUE (arn, key)
) STRICT;

CREATE TABLE account_setting (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    principal TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (account, region, principal, name)
) STRICT, WITHOUT ROWID;
