-- state: CREATING, ACTIVE or DELETING. dns_name is the name in lower case, for private namespaces only.
CREATE TABLE namespace (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name_id TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    state TEXT NOT NULL,
    description TEXT,
    creator TEXT,
    created_ms INTEGER NOT NULL,
    vpc TEXT,
    zone TEXT,
    soa_ttl INTEGER,
    http_name TEXT NOT NULL,
    dns_name TEXT,
    UNIQUE (account, region, name_id)
) STRICT;
CREATE INDEX namespace_name ON namespace (account, region, name);
CREATE INDEX namespace_http_name ON namespace (account, region, http_name);
CREATE INDEX namespace_list ON namespace (account, region, id);
CREATE INDEX namespace_dns ON namespace (dns_name) WHERE dns_name IS NOT NULL;

-- revision counts what has happened to the instances.
CREATE TABLE service (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace INTEGER NOT NULL REFERENCES namespace (id),
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    service_id TEXT NOT NULL,
    name TEXT NOT NULL,
    lower_name TEXT NOT NULL,
    type TEXT NOT NULL,
    description TEXT,
    creator TEXT,
    created_ms INTEGER NOT NULL,
    dns TEXT,
    health TEXT,
    custom_health TEXT,
    revision INTEGER NOT NULL DEFAULT 1,
    UNIQUE (account, region, service_id)
) STRICT;
CREATE INDEX service_name ON service (namespace, lower_name);
CREATE INDEX service_list ON service (account, region, id);
CREATE INDEX service_creator ON service (account, region, creator);

-- health: HEALTHY, UNHEALTHY, or UNKNOWN when nothing checks it. attributes: a JSON object.
CREATE TABLE instance (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    service INTEGER NOT NULL REFERENCES service (id),
    name TEXT NOT NULL,
    creator TEXT,
    attributes TEXT NOT NULL,
    health TEXT NOT NULL,
    UNIQUE (service, name)
) STRICT;

CREATE INDEX instance_list ON instance (service, id);

CREATE TABLE service_attribute (
    service INTEGER NOT NULL REFERENCES service (id),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (service, key)
) STRICT, WITHOUT ROWID;

-- due_ms: when the status changes; doc: the request, which is carried out when PENDING ends.
CREATE TABLE operation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    due_ms INTEGER,
    namespace TEXT,
    service TEXT,
    instance TEXT,
    creator TEXT,
    doc TEXT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    UNIQUE (account, region, name)
) STRICT;
CREATE INDEX operation_due ON operation (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX operation_open ON operation (account, region, service, instance) WHERE due_ms IS NOT NULL;
CREATE INDEX operation_open_namespace ON operation (account, region, namespace) WHERE due_ms IS NOT NULL;
CREATE INDEX operation_creator ON operation (account, region, creator) WHERE creator IS NOT NULL;
CREATE INDEX operation_list ON operation (account, region, id);
CREATE INDEX operation_age ON operation (updated_ms);

CREATE TABLE tag (
    resource TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (resource, key)
) STRICT, WITHOUT ROWID;
