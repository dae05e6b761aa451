-- Temporary credentials that were handed out, and who they are.
CREATE TABLE session (
    access_key TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    secret TEXT NOT NULL,
    token TEXT NOT NULL,
    arn TEXT NOT NULL,
    user_id TEXT NOT NULL,
    is_role INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX session_by_expiry ON session (expires_ms);

-- The unique id of each role that was assumed, which stays the same.
CREATE TABLE role_id (
    arn TEXT PRIMARY KEY,
    id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
