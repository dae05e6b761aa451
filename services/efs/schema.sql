-- due_ms: when the state changes by itself. place: what a file system has one mount target in: its zone, or the subnet
-- when nothing is known of it. measure is 1 while a measurement of the directory is wanted.
CREATE TABLE file_system (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    token TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    due_ms INTEGER,
    performance_mode TEXT NOT NULL,
    encrypted INTEGER NOT NULL,
    kms_key TEXT,
    throughput_mode TEXT NOT NULL,
    throughput REAL NOT NULL,
    eased_ms INTEGER NOT NULL DEFAULT 0,
    zone_name TEXT,
    zone_id TEXT,
    protection TEXT NOT NULL DEFAULT 'ENABLED',
    backup TEXT NOT NULL,
    lifecycle TEXT,
    policy TEXT,
    bytes INTEGER NOT NULL DEFAULT 6144,
    measured_ms INTEGER NOT NULL DEFAULT 0,
    measure INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, region, name),
    UNIQUE (account, region, token)
) STRICT;
CREATE INDEX file_system_due ON file_system (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX file_system_measure ON file_system (measure) WHERE measure = 1;
CREATE INDEX file_system_list ON file_system (account, region, id);

CREATE TABLE mount_target (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_system INTEGER NOT NULL REFERENCES file_system (id),
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    due_ms INTEGER,
    managed INTEGER NOT NULL,
    subnet TEXT NOT NULL,
    vpc TEXT,
    zone_name TEXT,
    zone_id TEXT,
    place TEXT NOT NULL,
    address TEXT,
    interface TEXT,
    groups TEXT NOT NULL,
    UNIQUE (file_system, place)
) STRICT;
CREATE INDEX mount_target_due ON mount_target (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX mount_target_address ON mount_target (account, region, subnet, address);

CREATE TABLE access_point (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_system INTEGER NOT NULL REFERENCES file_system (id),
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    token TEXT NOT NULL,
    state TEXT NOT NULL,
    due_ms INTEGER,
    doc TEXT NOT NULL,
    UNIQUE (account, region, token)
) STRICT;
CREATE INDEX access_point_due ON access_point (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX access_point_file_system ON access_point (file_system, id);
CREATE INDEX access_point_list ON access_point (account, region, id);

-- Of file systems and access points, by their id.
CREATE TABLE tag (
    resource TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (resource, key)
) STRICT, WITHOUT ROWID;
