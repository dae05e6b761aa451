-- versioning: '' (never switched on), 'Enabled', 'Suspended'.
CREATE TABLE bucket (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    versioning TEXT NOT NULL DEFAULT '',
    locks INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX bucket_of_account ON bucket (account, name);

-- A bucket's sub-resources, each as the JSON form of its shape.
CREATE TABLE config (
    bucket_id INTEGER NOT NULL REFERENCES bucket (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (bucket_id, kind)
) STRICT, WITHOUT ROWID;

-- Versions of objects and delete markers; of one key's, the one with the highest id is the latest. attributes is the JSON
-- form of HeadObject's output, tags of a tag list, acl of an access control policy. The content is body or, when it is
-- large, a file.
CREATE TABLE version (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    version_id TEXT NOT NULL,
    is_latest INTEGER NOT NULL,
    is_marker INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    storage_class TEXT NOT NULL,
    lock_mode TEXT,
    retain_ms INTEGER,
    legal_hold INTEGER NOT NULL DEFAULT 0,
    attributes TEXT NOT NULL,
    tags TEXT,
    acl TEXT,
    part_sizes TEXT,
    file TEXT,
    body BLOB
) STRICT;

CREATE UNIQUE INDEX version_of_key ON version (bucket_id, key, id, version_id);
CREATE INDEX version_live ON version (bucket_id, key) WHERE is_latest = 1 AND is_marker = 0;
CREATE INDEX version_file ON version (file) WHERE file IS NOT NULL;

CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    bucket_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    tags TEXT,
    acl TEXT,
    algorithm TEXT,
    checksum_type TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX upload_of_key ON upload (bucket_id, key, id);

CREATE TABLE part (
    upload_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    algorithm TEXT,
    checksum TEXT,
    modified_ms INTEGER NOT NULL,
    file TEXT,
    body BLOB,
    PRIMARY KEY (upload_id, number)
) STRICT;

CREATE INDEX part_file ON part (file) WHERE file IS NOT NULL;

-- Files that no row names any more. They stay for a moment: somebody may just be about to send them.
CREATE TABLE dead_file (
    name TEXT PRIMARY KEY,
    due_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
