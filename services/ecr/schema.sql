CREATE TABLE repository (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    mutability TEXT NOT NULL,
    exclusions TEXT NOT NULL, -- wildcards, one a line
    scan_on_push INTEGER NOT NULL,
    encryption TEXT NOT NULL,
    kms_key TEXT,
    policy TEXT,
    lifecycle TEXT,
    evaluated_ms INTEGER,
    evaluate_ms INTEGER, -- when the lifecycle policy is due
    preview TEXT, -- the policy that a preview was started with
    UNIQUE (account, region, name)
) STRICT;
CREATE INDEX repository_evaluate ON repository (evaluate_ms) WHERE evaluate_ms IS NOT NULL;

CREATE TABLE tag (
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (repository_id, key)
) STRICT, WITHOUT ROWID;

-- What is complete in blobs, for all accounts. touched_ms: when it was last uploaded, linked or unlinked; a blob
-- that no repository holds is removed some time after that.
CREATE TABLE blob (
    digest TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    touched_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which blobs can be had through a repository.
CREATE TABLE layer (
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    added_ms INTEGER NOT NULL,
    PRIMARY KEY (repository_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX layer_digest ON layer (digest);

-- bytes: of the manifest, its config and its layers. scanned_ms: when the last scan was complete.
CREATE TABLE image (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    artifact_type TEXT,
    subject TEXT,
    manifest TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    pushed_ms INTEGER NOT NULL,
    pulled_ms INTEGER,
    scanned_ms INTEGER,
    UNIQUE (repository_id, digest)
) STRICT;
CREATE INDEX image_subject ON image (repository_id, subject) WHERE subject IS NOT NULL;

CREATE TABLE image_tag (
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    image_id INTEGER NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    checked_ms INTEGER, -- when the upstream registry was last asked about it
    PRIMARY KEY (repository_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_tag_image ON image_tag (image_id, name);

-- What a manifest names: blobs, or the manifests of an index.
CREATE TABLE reference (
    image_id INTEGER NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    repository_id INTEGER NOT NULL,
    is_manifest INTEGER NOT NULL,
    PRIMARY KEY (image_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX reference_digest ON reference (digest, repository_id);

-- An upload under way; its parts are uploads/ID.NUMBER in order.
CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    touched_ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    parts INTEGER NOT NULL,
    last_bytes INTEGER NOT NULL, -- of the last part
    small INTEGER NOT NULL, -- a part that is not the last has less than 5 MiB
    digest TEXT -- of the only part, when it is known
) STRICT, WITHOUT ROWID;
CREATE INDEX upload_touched ON upload (touched_ms);

-- Uploads that are over and whose files are still there.
CREATE TABLE dead_upload (
    id TEXT PRIMARY KEY,
    parts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Blobs without a row whose files are still there.
CREATE TABLE dead_blob (
    digest TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Documents of a registry by name: policy, scanning, replication, and account settings.
CREATE TABLE setting (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE cache_rule (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    prefix TEXT NOT NULL,
    url TEXT NOT NULL,
    upstream TEXT,
    upstream_prefix TEXT NOT NULL,
    credential TEXT,
    role TEXT,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (account, region, prefix)
) STRICT, WITHOUT ROWID;

-- document: the template as the API's own shape.
CREATE TABLE template (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    prefix TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (account, region, prefix)
) STRICT, WITHOUT ROWID;

-- The key that authorization tokens are made with.
CREATE TABLE token_key (
    id INTEGER PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- Where the sweep for blobs that nothing names has got to, and when it goes on.
CREATE TABLE sweep (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL,
    layer TEXT NOT NULL,
    blob TEXT NOT NULL,
    next_ms INTEGER NOT NULL
) STRICT;
