/* cluster: clusters: create, describe, list, update, delete. */
#include "services/ecs/ecs.h"

#include "common/page.h"

enum { MAX_NAME = 255, MAX_RESULTS = 100 };

slice cluster_arn(struct call *c, slice name)
{
    return arn_make(c, "cluster", name);
}

static bool read_row(struct call *c, struct db_rows *rows, struct cluster *cluster)
{
    bool found = db_next(rows);
    if (found) {
        *cluster = (struct cluster){.id = db_int(rows, 0), .name = db_text(rows, 1), .status = db_text(rows, 2)};
        api_from_json(c->arena, &ecs_shape_cluster, db_text(rows, 3), &cluster->doc);
    }
    db_done(rows);
    return found;
}

static bool find(struct call *c, slice name_or_arn, struct cluster *cluster)
{
    slice name = name_or_arn.len > 0 ? name_or_arn : S("default");
    if (slice_starts(name, S("arn:"))) {
        slice resource = arn_resource(c, name);
        if (!slice_starts(resource, S("cluster/")))
            return false;
        name = arn_last(resource);
    }
    struct db_rows rows = db_query(c->db, ECS_SQL_CLUSTER_GET, "ttt", c->account, c->region, name);
    return read_row(c, &rows, cluster);
}

int cluster_get(struct call *c, slice name_or_arn, struct cluster *cluster)
{
    if (!find(c, name_or_arn, cluster) || !slice_eq(cluster->status, S("ACTIVE")))
        return fail(c, &ecs_cluster_not_found, "Cluster not found.");
    return 0;
}

static void save(struct call *c, const struct cluster *cluster)
{
    db_run(c->db, ECS_SQL_CLUSTER_SET, "tti", cluster->status, api_to_json(c->arena, &ecs_shape_cluster, &cluster->doc),
           cluster->id);
}

static bool has(const struct slice_list *include, const char *word)
{
    return ecs_includes(include, slice_of(word));
}

static void count_tasks(struct call *c, const struct cluster *cluster, struct ecs_cluster *out)
{
    struct db_rows rows = db_query(c->db, ECS_SQL_CLUSTER_COUNTS, "i", cluster->id);
    if (db_next(&rows)) {
        out->running_tasks_count = opt_int(db_int(&rows, 0));
        out->pending_tasks_count = opt_int(db_int(&rows, 1));
    }
    db_done(&rows);
}

static void add_statistics(struct call *c, struct ecs_cluster *out)
{
    static const char *const names[] = {"runningEC2TasksCount",  "runningFargateTasksCount",
                                        "pendingEC2TasksCount",  "pendingFargateTasksCount",
                                        "activeEC2ServiceCount", "activeFargateServiceCount"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct ecs_key_value_pair *pair = list_add(c->arena, &out->statistics);
        pair->name = slice_of(names[i]);
        pair->value = i == 1   ? arena_printf(c->arena, "%lld", (long long)out->running_tasks_count.v)
                      : i == 3 ? arena_printf(c->arena, "%lld", (long long)out->pending_tasks_count.v)
                               : S("0");
    }
}

/* A cluster as answers show it: what was not asked for is left empty. */
static void describe(struct call *c, const struct cluster *cluster, const struct slice_list *include,
                     struct ecs_cluster *out)
{
    *out = cluster->doc;
    out->status = cluster->status;
    out->registered_container_instances_count = opt_int(0);
    out->running_tasks_count = out->pending_tasks_count = opt_int(0);
    out->active_services_count = opt_int(0);
    if (slice_eq(cluster->status, S("ACTIVE")))
        count_tasks(c, cluster, out);
    if (!has(include, "SETTINGS"))
        out->settings.len = 0;
    if (!has(include, "CONFIGURATIONS"))
        out->configuration = NULL;
    if (has(include, "STATISTICS"))
        add_statistics(c, out);
    if (has(include, "TAGS"))
        tags_list(c, out->cluster_arn, &out->tags);
    out->settings.set = out->statistics.set = out->tags.set = true;
    out->capacity_providers.set = out->default_capacity_provider_strategy.set = true;
}

static slice every_part[] = {S("SETTINGS"), S("CONFIGURATIONS"), S("TAGS")};
static const struct slice_list everything = {every_part, 3, true};

static bool is_name(slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char ch = name.ptr[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
        if (!letter && !(ch >= '0' && ch <= '9') && ch != '-' && ch != '_')
            return false;
    }
    return name.len > 0 && name.len <= MAX_NAME;
}

static int check_providers(struct call *c, const struct ecs_string_list *providers,
                           const struct ecs_capacity_provider_strategy *strategy)
{
    struct slice_list names = {providers->items, providers->len, providers->set};
    list_foreach (name, providers) {
        if (!slice_eq(*name, S("FARGATE")) && !slice_eq(*name, S("FARGATE_SPOT")))
            return fail(
                c, &ecs_invalid_parameter,
                "The specified capacity provider '%.*s' was not found. Specify a valid name or ARN and try again.",
                SLICE_ARG(*name));
    }
    list_foreach (item, strategy) {
        if (!ecs_includes(&names, item->capacity_provider))
            return fail(c, &ecs_invalid_parameter,
                        "The specified capacity provider '%.*s' is not associated with the cluster.",
                        SLICE_ARG(item->capacity_provider));
    }
    return 0;
}

static int check_settings(struct call *c, const struct ecs_cluster_settings *settings)
{
    list_foreach (setting, settings) {
        if (!slice_eq(setting->value, S("enabled")) && !slice_eq(setting->value, S("disabled")) &&
            !slice_eq(setting->value, S("enhanced")))
            return fail(c, &ecs_invalid_parameter, "The value '%.*s' of the setting %.*s is not valid.",
                        SLICE_ARG(setting->value), SLICE_ARG(setting->name));
    }
    return 0;
}

static void set_settings(struct call *c, const struct ecs_cluster_settings *settings, struct ecs_cluster *doc)
{
    if (settings->len > 0)
        doc->settings = *settings;
    if (doc->settings.len == 0) {
        struct ecs_cluster_setting *insights = list_add(c->arena, &doc->settings);
        insights->name = S("containerInsights");
        insights->value = S("disabled");
    }
}

static void fill(struct call *c, const struct ecs_create_cluster_in *in, slice name, struct ecs_cluster *doc)
{
    *doc = (struct ecs_cluster){
        .cluster_arn = cluster_arn(c, name),
        .cluster_name = name,
        .configuration = in->configuration,
        .capacity_providers = in->capacity_providers,
        .default_capacity_provider_strategy = in->default_capacity_provider_strategy,
    };
    if (in->service_connect_defaults) {
        doc->service_connect_defaults = arena_alloc(c->arena, sizeof(*doc->service_connect_defaults));
        doc->service_connect_defaults->namespace = in->service_connect_defaults->namespace;
    }
    set_settings(c, &in->settings, doc);
}

int ecs_create_cluster(struct call *c, const struct ecs_create_cluster_in *in, struct ecs_create_cluster_out *out)
{
    struct cluster cluster;
    slice name = in->cluster_name.ptr ? in->cluster_name : S("default");
    if (!is_name(name))
        return fail(c, &ecs_invalid_parameter,
                    name.len == 0 ? "Cluster name can not be blank." : "Invalid cluster name.");
    TRY(check_providers(c, &in->capacity_providers, &in->default_capacity_provider_strategy));
    TRY(check_settings(c, &in->settings));
    TRY(tags_check(c, &in->tags));
    bool known = find(c, name, &cluster);
    out->cluster = arena_alloc(c->arena, sizeof(*out->cluster));
    if (known && slice_eq(cluster.status, S("ACTIVE"))) { /* AWS answers the one there is */
        describe(c, &cluster, &everything, out->cluster);
        return 0;
    }
    struct ecs_cluster doc;
    fill(c, in, name, &doc);
    slice text = api_to_json(c->arena, &ecs_shape_cluster, &doc);
    if (known)
        db_run(c->db, ECS_SQL_CLUSTER_SET, "tti", S("ACTIVE"), text, cluster.id);
    else {
        db_run(c->db, ECS_SQL_CLUSTER_ADD, "tttt", c->account, c->region, name, text);
        cluster.id = db_last_id(c->db);
    }
    cluster.status = S("ACTIVE");
    cluster.doc = doc;
    tags_delete_all(c, doc.cluster_arn);
    tags_set(c, doc.cluster_arn, &in->tags);
    describe(c, &cluster, &everything, out->cluster);
    return 0;
}

int ecs_describe_clusters(struct call *c, const struct ecs_describe_clusters_in *in,
                          struct ecs_describe_clusters_out *out)
{
    static const slice only_default[] = {S("default")};
    struct slice_list names = {in->clusters.items, in->clusters.len, true};
    struct slice_list include = {in->include.items, in->include.len, true};
    if (names.len > MAX_RESULTS)
        return fail(c, &ecs_invalid_parameter, "Clusters cannot have more than %d elements.", MAX_RESULTS);
    if (names.len == 0) {
        names.items = arena_copy(c->arena, only_default, sizeof(only_default));
        names.len = 1;
    }
    list_foreach (name, &names) {
        struct cluster cluster;
        if (find(c, *name, &cluster)) {
            describe(c, &cluster, &include, list_add(c->arena, &out->clusters));
            continue;
        }
        struct ecs_failure *failure = list_add(c->arena, &out->failures);
        failure->arn = slice_starts(*name, S("arn:")) ? *name : cluster_arn(c, *name);
        failure->reason = S("MISSING");
    }
    return 0;
}

int ecs_list_clusters(struct call *c, const struct ecs_list_clusters_in *in, struct ecs_list_clusters_out *out)
{
    slice after, last = {NULL, 0};
    int64_t limit = opt_int_or(in->max_results, MAX_RESULTS);
    if (limit < 1 || limit > MAX_RESULTS)
        return fail(c, &ecs_invalid_parameter, "maxResults must be between 1 and %d.", MAX_RESULTS);
    if (page_key(c->arena, S("ListClusters"), in->next_token, &after) != 0)
        return fail(c, &ecs_invalid_parameter, "Invalid token");
    struct db_rows rows = db_query(c->db, ECS_SQL_CLUSTER_LIST, "ttt", c->account, c->region, after);
    while (db_next(&rows)) {
        if (!slice_eq(db_text(&rows, 2), S("ACTIVE")))
            continue;
        if ((int64_t)out->cluster_arns.len == limit) {
            out->next_token = page_token(c->arena, S("ListClusters"), last);
            break;
        }
        last = db_text(&rows, 1);
        *list_add(c->arena, &out->cluster_arns) = cluster_arn(c, last);
    }
    db_done(&rows);
    return 0;
}

int ecs_update_cluster(struct call *c, const struct ecs_update_cluster_in *in, struct ecs_update_cluster_out *out)
{
    struct cluster cluster;
    TRY(cluster_get(c, in->cluster, &cluster));
    TRY(check_settings(c, &in->settings));
    set_settings(c, &in->settings, &cluster.doc);
    if (in->configuration)
        cluster.doc.configuration = in->configuration;
    if (in->service_connect_defaults) {
        cluster.doc.service_connect_defaults = arena_alloc(c->arena, sizeof(*cluster.doc.service_connect_defaults));
        cluster.doc.service_connect_defaults->namespace = in->service_connect_defaults->namespace;
    }
    save(c, &cluster);
    out->cluster = arena_alloc(c->arena, sizeof(*out->cluster));
    describe(c, &cluster, &everything, out->cluster);
    return 0;
}

int ecs_update_cluster_settings(struct call *c, const struct ecs_update_cluster_settings_in *in,
                                struct ecs_update_cluster_settings_out *out)
{
    struct cluster cluster;
    TRY(cluster_get(c, in->cluster, &cluster));
    TRY(check_settings(c, &in->settings));
    set_settings(c, &in->settings, &cluster.doc);
    save(c, &cluster);
    out->cluster = arena_alloc(c->arena, sizeof(*out->cluster));
    describe(c, &cluster, &everything, out->cluster);
    return 0;
}

int ecs_put_cluster_capacity_providers(struct call *c, const struct ecs_put_cluster_capacity_providers_in *in,
                                       struct ecs_put_cluster_capacity_providers_out *out)
{
    struct cluster cluster;
    TRY(cluster_get(c, in->cluster, &cluster));
    TRY(check_providers(c, &in->capacity_providers, &in->default_capacity_provider_strategy));
    cluster.doc.capacity_providers = in->capacity_providers;
    cluster.doc.default_capacity_provider_strategy = in->default_capacity_provider_strategy;
    save(c, &cluster);
    out->cluster = arena_alloc(c->arena, sizeof(*out->cluster));
    describe(c, &cluster, &everything, out->cluster);
    return 0;
}

int ecs_delete_cluster(struct call *c, const struct ecs_delete_cluster_in *in, struct ecs_delete_cluster_out *out)
{
    struct cluster cluster;
    struct db_rows rows;
    TRY(cluster_get(c, in->cluster, &cluster));
    rows = db_query(c->db, ECS_SQL_CLUSTER_COUNTS, "i", cluster.id);
    bool busy = db_next(&rows) && db_int(&rows, 2) > 0;
    db_done(&rows);
    if (busy)
        return fail(c, &ecs_cluster_contains_tasks, "The Cluster cannot be deleted while Tasks are active.");
    cluster.status = S("INACTIVE");
    save(c, &cluster);
    out->cluster = arena_alloc(c->arena, sizeof(*out->cluster));
    describe(c, &cluster, &everything, out->cluster);
    tags_delete_all(c, cluster.doc.cluster_arn);
    return 0;
}
