-- An account's part of a region; its default network is made with it.
CREATE TABLE scope (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    UNIQUE (account, region)
) STRICT;

-- Everything that has an id. doc is AWS's own shape as JSON; extra what the shape does not show; parent the resource it
-- is part of. forget_ms: when a deleted one that is still shown is forgotten.
CREATE TABLE resource (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    scope INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    id TEXT NOT NULL,
    vpc TEXT,
    subnet TEXT,
    parent TEXT,
    forget_ms INTEGER,
    doc TEXT NOT NULL,
    extra TEXT,
    UNIQUE (scope, id)
) STRICT;

CREATE INDEX resource_by_kind ON resource (scope, kind, row);
CREATE INDEX resource_by_vpc ON resource (scope, vpc, kind) WHERE vpc IS NOT NULL;
CREATE INDEX resource_by_subnet ON resource (scope, subnet, kind) WHERE subnet IS NOT NULL;
CREATE INDEX resource_by_parent ON resource (scope, parent, kind) WHERE parent IS NOT NULL;
CREATE INDEX resource_by_end ON resource (forget_ms) WHERE forget_ms IS NOT NULL;

-- What filters look for: every value under the name of each filter that the resource's kind has.
CREATE TABLE facet (
    resource INTEGER NOT NULL REFERENCES resource (row) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    scope INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    PRIMARY KEY (resource, name, value)
) STRICT, WITHOUT ROWID;

CREATE INDEX facet_by_value ON facet (scope, kind, name, value, resource);

CREATE TABLE tag (
    scope INTEGER NOT NULL,
    resource TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    type TEXT NOT NULL,
    PRIMARY KEY (scope, resource, key)
) STRICT, WITHOUT ROWID;

-- IPv4 addresses in use, as numbers.
CREATE TABLE address (
    scope INTEGER NOT NULL,
    subnet TEXT NOT NULL,
    ip INTEGER NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (scope, subnet, ip)
) STRICT, WITHOUT ROWID;

CREATE INDEX address_by_owner ON address (scope, owner);

CREATE TABLE client_token (
    scope INTEGER NOT NULL,
    operation TEXT NOT NULL,
    token TEXT NOT NULL,
    request TEXT NOT NULL,
    resource TEXT NOT NULL,
    PRIMARY KEY (scope, operation, token)
) STRICT, WITHOUT ROWID;

-- Interfaces that other services asked for, by the name they gave them.
CREATE TABLE requester (
    scope INTEGER NOT NULL,
    key TEXT NOT NULL,
    interface TEXT NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
