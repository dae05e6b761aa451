-- An empty upstream_prefix is one that was not given: clients that gave none must not be shown one.
UPDATE cache_rule SET upstream_prefix = '' WHERE upstream_prefix = 'ROOT';
