/* cache_rule: pull-through cache rules: which prefix of repository names stands for which registry elsewhere. What is
 * fetched, and how, is upstream.c's. */
#include "services/ecr/cache_rule.h"

#include "common/page.h"
#include "ecr_api.h"

enum { MAX_RULES = 50, LIST_LIMIT = 100 };

static const struct {
    slice host; /* with a leading dot: any host below */
    slice name;
} upstreams[] = {
    {{"public.ecr.aws", 14}, {"ecr-public", 10}},
    {{"registry-1.docker.io", 20}, {"docker-hub", 10}},
    {{"quay.io", 7}, {"quay", 4}},
    {{"registry.k8s.io", 15}, {"k8s", 3}},
    {{"ghcr.io", 7}, {"github-container-registry", 25}},
    {{".azurecr.io", 11}, {"azure-container-registry", 24}},
    {{"registry.gitlab.com", 19}, {"gitlab-container-registry", 25}},
    {{"cgr.dev", 7}, {"chainguard", 10}},
    {{".amazonaws.com", 14}, {"ecr", 3}},
};

static slice upstream_of(slice url)
{
    slice host = slice_starts(url, S("https://")) ? slice_sub(url, 8, url.len) : url;
    host = slice_sub(host, 0, slice_index(host, '/'));
    for (size_t i = 0; i < sizeof(upstreams) / sizeof(*upstreams); i++) {
        slice known = upstreams[i].host;
        if (known.ptr[0] == '.' ? slice_ends(host, known) : slice_eq(host, known))
            return upstreams[i].name;
    }
    return (slice){NULL, 0};
}

/* A registry named with its port is one of the user's own, which AWS could not reach. */
static bool is_own(slice url)
{
    slice host = slice_starts(url, S("http://"))    ? slice_sub(url, 7, url.len)
                 : slice_starts(url, S("https://")) ? slice_sub(url, 8, url.len)
                                                    : url;
    host = slice_sub(host, 0, slice_index(host, '/'));
    slice name, port;
    int64_t number;
    return slice_cut(host, ':', &name, &port) && name.len > 0 && slice_to_int64(port, &number);
}

static void read_rule(struct db_rows *rows, struct cache_rule *rule)
{
    slice upstream_prefix = db_text(rows, 3);
    *rule = (struct cache_rule){
        .prefix = db_text(rows, 0),
        .url = db_text(rows, 1),
        .upstream = db_text(rows, 2),
        .upstream_prefix = upstream_prefix.len > 0 ? upstream_prefix : (slice){NULL, 0},
        .credential = db_text(rows, 4),
        .role = db_text(rows, 5),
        .created_ms = db_int(rows, 6),
        .updated_ms = db_int(rows, 7),
    };
}

bool cache_rule_find(struct call *c, slice account, slice prefix, struct cache_rule *rule)
{
    struct db_rows rows =
        db_query(c->db, ECR_SQL_CACHE_RULE_GET, "ttt", account.ptr ? account : c->account, c->region, prefix);
    bool found = db_next(&rows);
    if (found)
        read_rule(&rows, rule);
    db_done(&rows);
    return found;
}

/* The longest prefix that stands before a slash. */
bool cache_rule_for(struct call *c, slice account, slice name, struct cache_rule *rule, slice *rest)
{
    for (size_t end = name.len; end > 0; end--) {
        if (end < name.len && name.ptr[end] == '/' && cache_rule_find(c, account, slice_sub(name, 0, end), rule)) {
            *rest = slice_sub(name, end + 1, name.len);
            return true;
        }
    }
    *rest = name;
    return cache_rule_find(c, account, S("ROOT"), rule);
}

int cache_rule_get(struct call *c, slice account, slice prefix, struct cache_rule *rule)
{
    if (cache_rule_find(c, account, prefix, rule))
        return 0;
    return fail(c, &ecr_pull_through_cache_rule_not_found,
                "Pull through cache rule with prefix '%.*s' not found in the registry with id '%.*s'",
                SLICE_ARG(prefix), SLICE_ARG(account.ptr ? account : c->account));
}

static int64_t count(struct call *c)
{
    struct db_rows rows = db_query(c->db, ECR_SQL_CACHE_RULE_COUNT, "tt", c->account, c->region);
    int64_t n = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return n;
}

static int check_new(struct call *c, const struct ecr_create_pull_through_cache_rule_in *in, slice *upstream)
{
    struct cache_rule known;
    TRY(repository_check_own(c, in->registry_id));
    *upstream = upstream_of(in->upstream_registry_url);
    if (!upstream->ptr && !is_own(in->upstream_registry_url))
        return fail(c, &ecr_unsupported_upstream_registry, "The specified upstream registry isn't supported.");
    if (in->upstream_registry.ptr && upstream->ptr && !slice_eq(in->upstream_registry, *upstream))
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'upstreamRegistry' failed to satisfy constraint: 'must be the registry of "
                    "upstreamRegistryUrl, %.*s'",
                    SLICE_ARG(*upstream));
    if (in->upstream_registry.ptr)
        *upstream = in->upstream_registry;
    if (cache_rule_find(c, c->account, in->ecr_repository_prefix, &known))
        return fail(c, &ecr_pull_through_cache_rule_already_exists,
                    "Pull through cache rule with prefix '%.*s' already exists in the registry with id '%.*s'",
                    SLICE_ARG(in->ecr_repository_prefix), SLICE_ARG(c->account));
    if (count(c) >= MAX_RULES)
        return fail(c, &ecr_limit_exceeded, "The registry has reached its limit of %d pull through cache rules",
                    MAX_RULES);
    return 0;
}

int ecr_create_pull_through_cache_rule(struct call *c, const struct ecr_create_pull_through_cache_rule_in *in,
                                       struct ecr_create_pull_through_cache_rule_out *out)
{
    slice upstream;
    TRY(check_new(c, in, &upstream));
    db_run(c->db, ECR_SQL_CACHE_RULE_INSERT, "tttttttti", c->account, c->region, in->ecr_repository_prefix,
           in->upstream_registry_url, upstream,
           in->upstream_repository_prefix.ptr ? in->upstream_repository_prefix : S(""), in->credential_arn,
           in->custom_role_arn, c->now_ms);
    *out = (struct ecr_create_pull_through_cache_rule_out){
        .ecr_repository_prefix = in->ecr_repository_prefix,
        .upstream_registry_url = in->upstream_registry_url,
        .created_at = opt_int(c->now_ms),
        .registry_id = c->account,
        .upstream_registry = upstream,
        .credential_arn = in->credential_arn,
        .custom_role_arn = in->custom_role_arn,
        .upstream_repository_prefix = in->upstream_repository_prefix,
    };
    return 0;
}

static void show(struct call *c, slice account, const struct cache_rule *rule, struct ecr_pull_through_cache_rule *out)
{
    *out = (struct ecr_pull_through_cache_rule){
        .ecr_repository_prefix = rule->prefix,
        .upstream_registry_url = rule->url,
        .created_at = opt_int(rule->created_ms),
        .registry_id = account.ptr ? account : c->account,
        .credential_arn = rule->credential,
        .custom_role_arn = rule->role,
        .upstream_repository_prefix = rule->upstream_prefix,
        .upstream_registry = rule->upstream,
        .updated_at = opt_int(rule->updated_ms),
    };
}

static int describe_named(struct call *c, const struct ecr_describe_pull_through_cache_rules_in *in,
                          struct ecr_describe_pull_through_cache_rules_out *out)
{
    if (in->next_token.ptr || in->max_results.set)
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'ecrRepositoryPrefixes' failed to satisfy constraint: 'must not be given "
                    "together with nextToken or maxResults'");
    list_foreach (prefix, &in->ecr_repository_prefixes) {
        struct cache_rule rule;
        TRY(cache_rule_get(c, in->registry_id, *prefix, &rule));
        show(c, in->registry_id, &rule, list_add(c->arena, &out->pull_through_cache_rules));
    }
    return 0;
}

int ecr_describe_pull_through_cache_rules(struct call *c, const struct ecr_describe_pull_through_cache_rules_in *in,
                                          struct ecr_describe_pull_through_cache_rules_out *out)
{
    slice after, last = {0}, account = in->registry_id.ptr ? in->registry_id : c->account;
    int64_t limit = opt_int_or(in->max_results, LIST_LIMIT);
    if (in->ecr_repository_prefixes.set)
        return describe_named(c, in, out);
    if (page_key(c->arena, S("DescribePullThroughCacheRules"), in->next_token, &after) != 0)
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'");
    out->pull_through_cache_rules.set = true;
    struct db_rows rows = db_query(c->db, ECR_SQL_CACHE_RULE_LIST, "ttti", account, c->region, after, limit + 1);
    while (db_next(&rows)) {
        struct cache_rule rule;
        if ((int64_t)out->pull_through_cache_rules.len == limit) {
            out->next_token = page_token(c->arena, S("DescribePullThroughCacheRules"), last);
            break;
        }
        read_rule(&rows, &rule);
        show(c, account, &rule, list_add(c->arena, &out->pull_through_cache_rules));
        last = rule.prefix;
    }
    db_done(&rows);
    return 0;
}

int ecr_update_pull_through_cache_rule(struct call *c, const struct ecr_update_pull_through_cache_rule_in *in,
                                       struct ecr_update_pull_through_cache_rule_out *out)
{
    struct cache_rule rule;
    TRY(repository_check_own(c, in->registry_id));
    TRY(cache_rule_get(c, c->account, in->ecr_repository_prefix, &rule));
    if (!in->credential_arn.ptr && !in->custom_role_arn.ptr)
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'credentialArn' failed to satisfy constraint: 'credentialArn or "
                    "customRoleArn must be given'");
    slice credential = in->credential_arn.ptr ? in->credential_arn : rule.credential;
    slice role = in->custom_role_arn.ptr ? in->custom_role_arn : rule.role;
    db_run(c->db, ECR_SQL_CACHE_RULE_UPDATE, "ttittt", credential, role, c->now_ms, c->account, c->region, rule.prefix);
    *out = (struct ecr_update_pull_through_cache_rule_out){
        .ecr_repository_prefix = rule.prefix,
        .registry_id = c->account,
        .updated_at = opt_int(c->now_ms),
        .credential_arn = credential,
        .custom_role_arn = role,
        .upstream_repository_prefix = rule.upstream_prefix,
    };
    return 0;
}

int ecr_delete_pull_through_cache_rule(struct call *c, const struct ecr_delete_pull_through_cache_rule_in *in,
                                       struct ecr_delete_pull_through_cache_rule_out *out)
{
    struct cache_rule rule;
    TRY(repository_check_own(c, in->registry_id));
    TRY(cache_rule_get(c, c->account, in->ecr_repository_prefix, &rule));
    db_run(c->db, ECR_SQL_CACHE_RULE_DELETE, "ttt", c->account, c->region, rule.prefix);
    *out = (struct ecr_delete_pull_through_cache_rule_out){
        .ecr_repository_prefix = rule.prefix,
        .upstream_registry_url = rule.url,
        .created_at = opt_int(rule.created_ms),
        .registry_id = c->account,
        .credential_arn = rule.credential,
        .custom_role_arn = rule.role,
        .upstream_repository_prefix = rule.upstream_prefix,
    };
    return 0;
}
