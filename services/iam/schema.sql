-- Users, roles, groups, customer managed policies, instance profiles and OIDC providers; doc is AWS's own structure,
-- tags included.
CREATE TABLE entity (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE,
    path TEXT NOT NULL,
    boundary TEXT, -- the ARN of the policy that bounds it
    doc TEXT NOT NULL,
    versions INTEGER NOT NULL DEFAULT 0 -- of a policy: made so far, deleted ones included
) STRICT;

CREATE UNIQUE INDEX entity_by_name ON entity (account, kind, name);
CREATE INDEX entity_by_boundary ON entity (account, boundary) WHERE boundary IS NOT NULL;

-- The versions of customer managed policies.
CREATE TABLE version (
    policy INTEGER NOT NULL,
    number INTEGER NOT NULL,
    document TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (policy, number)
) STRICT, WITHOUT ROWID;

-- Inline policies of users, roles and groups.
CREATE TABLE inline (
    owner INTEGER NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (owner, name)
) STRICT, WITHOUT ROWID;

-- Managed policies, customers' and AWS's, that are attached to users, roles and groups.
CREATE TABLE attachment (
    owner INTEGER NOT NULL,
    policy_arn TEXT NOT NULL,
    policy_name TEXT NOT NULL,
    account TEXT NOT NULL,
    PRIMARY KEY (owner, policy_arn)
) STRICT, WITHOUT ROWID;

CREATE INDEX attachment_by_policy ON attachment (account, policy_arn, owner);

-- Users in groups, roles in instance profiles.
CREATE TABLE member (
    container INTEGER NOT NULL,
    item INTEGER NOT NULL,
    PRIMARY KEY (container, item)
) STRICT, WITHOUT ROWID;

CREATE INDEX member_by_item ON member (item, container);

CREATE TABLE access_key (
    id TEXT PRIMARY KEY,
    owner INTEGER NOT NULL,
    status TEXT NOT NULL,
    secret TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    used_ms INTEGER,
    used_service TEXT,
    used_region TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX access_key_by_owner ON access_key (owner, created_ms, id);

-- Console passwords, as digests.
CREATE TABLE login (
    owner INTEGER PRIMARY KEY,
    digest TEXT NOT NULL,
    reset_required INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

-- Deletions of service-linked roles, which take a moment.
CREATE TABLE deletion (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    role TEXT NOT NULL,
    status TEXT NOT NULL,
    due_ms INTEGER -- while it goes on
) STRICT, WITHOUT ROWID;

CREATE INDEX deletion_by_due ON deletion (due_ms) WHERE due_ms IS NOT NULL;

-- What an account has one of: its alias and its password policy.
CREATE TABLE setting (
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX setting_by_value ON setting (name, value);
