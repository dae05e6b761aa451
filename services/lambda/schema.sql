-- Functions and what hangs on their names.
CREATE TABLE function (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    last_version INTEGER NOT NULL,
    reserved INTEGER,
    update_runtime_on TEXT NOT NULL,
    UNIQUE (account, region, name)
) STRICT;

-- $LATEST (number 0) and the published versions. doc is a FunctionConfiguration; code is the hash of the zip, and
-- settled_ms is when Pending or InProgress are over.
CREATE TABLE version (
    id INTEGER PRIMARY KEY,
    function_id INTEGER NOT NULL REFERENCES function (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    code TEXT NOT NULL,
    image TEXT NOT NULL,
    settled_ms INTEGER NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (function_id, number)
) STRICT;

CREATE INDEX version_by_code ON version (code);

CREATE TABLE alias (
    function_id INTEGER NOT NULL REFERENCES function (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    number INTEGER NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (function_id, name)
) STRICT, WITHOUT ROWID;

-- Resource policies of functions (subject: ARN with qualifier) and of layer versions: one row a statement.
CREATE TABLE statement (
    id INTEGER PRIMARY KEY,
    subject TEXT NOT NULL,
    sid TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (subject, sid)
) STRICT;

CREATE TABLE policy_revision (
    subject TEXT PRIMARY KEY,
    revision TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What is configured for a function, a version or an alias ('$LATEST', a number, a name).
CREATE TABLE setting (
    function_id INTEGER NOT NULL REFERENCES function (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    qualifier TEXT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (function_id, kind, qualifier)
) STRICT, WITHOUT ROWID;

-- Function URLs, by the first label of their host names.
CREATE TABLE url (
    id TEXT PRIMARY KEY,
    function_id INTEGER NOT NULL REFERENCES function (id) ON DELETE CASCADE,
    qualifier TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (function_id, qualifier)
) STRICT, WITHOUT ROWID;

CREATE TABLE layer (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    last_version INTEGER NOT NULL,
    UNIQUE (account, region, name)
) STRICT;

CREATE TABLE layer_version (
    layer_id INTEGER NOT NULL REFERENCES layer (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    code TEXT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (layer_id, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX layer_version_by_code ON layer_version (code);

CREATE TABLE mapping (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    function_arn TEXT NOT NULL,
    source_arn TEXT NOT NULL,
    doc TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX mapping_by_place ON mapping (account, region, id);

CREATE TABLE tag (
    arn TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (arn, key)
) STRICT, WITHOUT ROWID;

-- Asynchronous invocations until they have succeeded or are given up.
CREATE TABLE queued (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    function_name TEXT NOT NULL,
    qualifier TEXT NOT NULL,
    payload BLOB NOT NULL,
    client_context TEXT,
    accepted_ms INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    due_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX queued_by_due ON queued (due_ms);

-- Packages that nothing refers to any more, and when their files go.
CREATE TABLE garbage (
    code TEXT PRIMARY KEY,
    due_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The secret that signs download addresses.
CREATE TABLE meta_secret (
    secret TEXT NOT NULL
) STRICT;
