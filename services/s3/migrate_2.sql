-- Contents made of parts of files: an object of many parts, a part that is a range of an object. A list has a name of its
-- own, which stands where the name of a file would; the file itself may belong to many contents.
CREATE TABLE segment (
    list TEXT NOT NULL,
    at INTEGER NOT NULL, -- where in the content it begins
    file TEXT NOT NULL,
    offset INTEGER NOT NULL,
    length INTEGER NOT NULL,
    PRIMARY KEY (list, at)
) STRICT, WITHOUT ROWID;

CREATE INDEX segment_file ON segment (file);

-- dead_file has names of contents that a row has let go of: when it is due, one goes if no other row has it. '*' stands
-- for all files of the folder: they are to be compared with the rows.
CREATE INDEX dead_file_due ON dead_file (due_ms);

-- Uploads that have ended, and buckets that are gone, whose parts and uploads are still to be removed, some at a time.
CREATE TABLE dead_upload (
    id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_bucket (
    id INTEGER PRIMARY KEY
) STRICT;

-- Digests that took long to compute, for a while: whoever asks again need not wait again. NULL: it failed.
CREATE TABLE digest (
    key TEXT PRIMARY KEY,
    value TEXT,
    done_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX digest_done ON digest (done_ms);

-- Uploads that were completed, for a while: who has not heard the answer asks again. answer is the JSON form of
-- CompleteMultipartUpload's output.
CREATE TABLE completed (
    upload_id TEXT PRIMARY KEY,
    bucket_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    etag TEXT NOT NULL,
    answer TEXT NOT NULL,
    done_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX completed_done ON completed (done_ms);

-- Where the lifecycle's walk through all buckets is, or when the next one begins.
CREATE TABLE lifecycle_walk (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    bucket_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    due_ms INTEGER NOT NULL
) STRICT;

DELETE FROM config WHERE kind = 'lifecycle-cursor';
INSERT INTO lifecycle_walk (one, bucket_id, key, due_ms) VALUES (1, 0, '', 0);

CREATE INDEX config_of_kind ON config (kind, bucket_id);
