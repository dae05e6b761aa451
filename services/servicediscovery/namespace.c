/* namespace: namespaces: get, list, and how they are made, changed and deleted when their operation is carried out. */
#include "services/servicediscovery/servicediscovery.h"

#include "services/servicediscovery/leniency.h"

enum { MAX_RESULTS = 100 };

bool namespace_next(struct db_rows *rows, struct namespace *ns)
{
    if (!db_next(rows))
        return false;
    *ns = (struct namespace){
        .id = db_int(rows, 0),
        .name_id = db_text(rows, 1),
        .name = db_text(rows, 2),
        .type = db_text(rows, 3),
        .state = db_text(rows, 4),
        .description = db_text(rows, 5),
        .creator = db_text(rows, 6),
        .created_ms = db_int(rows, 7),
        .vpc = db_text(rows, 8),
        .zone = db_text(rows, 9),
        .http_name = db_text(rows, 11),
        .services = db_int(rows, 12),
    };
    if (!db_is_null(rows, 10))
        ns->soa_ttl = opt_int(db_int(rows, 10));
    return true;
}

static bool first(struct db_rows rows, struct namespace *ns)
{
    bool found = namespace_next(&rows, ns);
    db_done(&rows);
    return found;
}

static bool find(struct call *c, slice id, struct namespace *ns)
{
    return first(
        db_query(c->db, SERVICEDISCOVERY_SQL_NAMESPACE_GET, "ttt", c->account, c->region, servicediscovery_id(c, id)),
        ns);
}

int namespace_get(struct call *c, slice id, struct namespace *ns)
{
    if (!find(c, id, ns) || slice_eq(ns->state, S("CREATING")))
        return fail(c, &servicediscovery_namespace_not_found, "Namespace with id %.*s not found.", SLICE_ARG(id));
    return 0;
}

bool namespace_find_http(struct call *c, slice http_name, struct namespace *ns)
{
    return first(db_query(c->db, SERVICEDISCOVERY_SQL_NAMESPACE_HTTP, "ttt", c->account, c->region, http_name), ns) &&
           !slice_eq(ns->state, S("CREATING"));
}

static struct servicediscovery_namespace_properties *properties(struct call *c, const struct namespace *ns)
{
    struct servicediscovery_namespace_properties *out = arena_alloc(c->arena, sizeof(*out));
    out->dns_properties = arena_alloc(c->arena, sizeof(*out->dns_properties));
    out->dns_properties->hosted_zone_id = ns->zone;
    out->dns_properties->soa = arena_alloc(c->arena, sizeof(*out->dns_properties->soa));
    out->dns_properties->soa->ttl = ns->soa_ttl;
    out->http_properties = arena_alloc(c->arena, sizeof(*out->http_properties));
    out->http_properties->http_name = ns->http_name;
    return out;
}

int servicediscovery_get_namespace(struct call *c, const struct servicediscovery_get_namespace_in *in,
                                   struct servicediscovery_get_namespace_out *out)
{
    struct namespace ns;
    TRY(namespace_get(c, in->id, &ns));
    out->namespace = arena_alloc(c->arena, sizeof(*out->namespace));
    *out->namespace = (struct servicediscovery_namespace){
        .id = ns.name_id,
        .arn = servicediscovery_arn(c, "namespace", ns.name_id),
        .resource_owner = c->account,
        .name = ns.name,
        .type = ns.type,
        .description = ns.description,
        .service_count = opt_int(ns.services),
        .properties = properties(c, &ns),
        .create_date = opt_int(ns.created_ms),
        .creator_request_id = ns.creator,
    };
    return 0;
}

static int check_filter(struct call *c, const struct servicediscovery_namespace_filter *filter)
{
    slice condition = filter->condition.ptr ? filter->condition : S("EQ");
    bool owner = slice_eq(filter->name, S("RESOURCE_OWNER"));
    bool begins = slice_eq(condition, S("BEGINS_WITH")) && !owner;
    if (filter->values.len != 1 || (!begins && !slice_eq(condition, S("EQ"))))
        return fail(c, &servicediscovery_invalid_input,
                    "The filter %.*s does not allow this condition and these values.", SLICE_ARG(filter->name));
    return 0;
}

static bool matches(const struct namespace *ns, const struct servicediscovery_namespace_filter *filter)
{
    slice wanted = filter->values.items[0];
    slice actual = slice_eq(filter->name, S("TYPE"))        ? ns->type
                   : slice_eq(filter->name, S("NAME"))      ? ns->name
                   : slice_eq(filter->name, S("HTTP_NAME")) ? ns->http_name
                                                            : S("SELF");
    return slice_eq(filter->condition, S("BEGINS_WITH")) ? slice_starts(actual, wanted) : slice_eq(actual, wanted);
}

static bool listed(const struct servicediscovery_list_namespaces_in *in, const struct namespace *ns)
{
    bool wanted = !slice_eq(ns->state, S("CREATING"));
    list_foreach (filter, &in->filters)
        wanted = wanted && matches(ns, filter);
    return wanted;
}

static void summarize(struct call *c, const struct namespace *ns, struct servicediscovery_namespace_summary *out)
{
    *out = (struct servicediscovery_namespace_summary){
        .id = ns->name_id,
        .arn = servicediscovery_arn(c, "namespace", ns->name_id),
        .resource_owner = c->account,
        .name = ns->name,
        .type = ns->type,
        .description = ns->description,
        .service_count = opt_int(ns->services),
        .properties = properties(c, ns),
        .create_date = opt_int(ns->created_ms),
    };
}

int servicediscovery_list_namespaces(struct call *c, const struct servicediscovery_list_namespaces_in *in,
                                     struct servicediscovery_list_namespaces_out *out)
{
    int64_t after, limit = opt_int_or(in->max_results, MAX_RESULTS);
    struct namespace ns;
    TRY(servicediscovery_page(c, S("ListNamespaces"), in->next_token, &after));
    list_foreach (filter, &in->filters)
        TRY(check_filter(c, filter));
    struct db_rows rows = db_query(c->db, SERVICEDISCOVERY_SQL_NAMESPACE_LIST, "tti", c->account, c->region, after);
    while (namespace_next(&rows, &ns)) {
        if (!listed(in, &ns))
            continue;
        if ((int64_t)out->namespaces.len == limit) {
            out->next_token = servicediscovery_page_token(c, S("ListNamespaces"), after);
            break;
        }
        summarize(c, &ns, list_add(c->arena, &out->namespaces));
        after = ns.id;
    }
    db_done(&rows);
    return 0;
}

int namespace_created(struct call *c, const struct operation *operation)
{
    struct namespace ns;
    if (find(c, operation->namespace, &ns))
        db_run(c->db, SERVICEDISCOVERY_SQL_NAMESPACE_STATE, "ti", S("ACTIVE"), ns.id);
    return 0;
}

/* doc is the input of UpdatePrivateDnsNamespace, whose members the other kinds have too. */
int namespace_updated(struct call *c, const struct operation *operation)
{
    struct namespace ns;
    struct servicediscovery_update_private_dns_namespace_in in = {0};
    TRY(namespace_get(c, operation->namespace, &ns));
    if (api_from_json(c->arena, &servicediscovery_shape_update_private_dns_namespace_request, operation->doc, &in) != 0)
        return FAULT_INTERNAL;
    const struct servicediscovery_private_dns_namespace_change *change = in.namespace;
    if (change->description.ptr)
        ns.description = change->description;
    if (change->properties && change->properties->dns_properties && change->properties->dns_properties->soa)
        ns.soa_ttl = change->properties->dns_properties->soa->ttl;
    db_run(c->db, SERVICEDISCOVERY_SQL_NAMESPACE_UPDATE, "tIi", ns.description, ns.soa_ttl, ns.id);
    return 0;
}

static int in_use(struct call *c, const struct namespace *ns)
{
    if (ns->services == 0 || leniency_on(c, SERVICEDISCOVERY_LENIENCY_NAMESPACE_IN_USE))
        return 0;
    return fail(c, &servicediscovery_resource_in_use,
                "Namespace has associated services. Delete all associated services before deleting the namespace.");
}

int namespace_deleted(struct call *c, const struct operation *operation)
{
    struct namespace ns;
    if (!find(c, operation->namespace, &ns))
        return 0;
    int result = in_use(c, &ns);
    if (result != 0) {
        db_run(c->db, SERVICEDISCOVERY_SQL_NAMESPACE_STATE, "ti", S("ACTIVE"), ns.id);
        return result;
    }
    db_run(c->db, SERVICEDISCOVERY_SQL_INSTANCES_DELETE_OF, "i", ns.id);
    db_run(c->db, SERVICEDISCOVERY_SQL_ATTRIBUTES_DELETE_OF, "i", ns.id);
    db_run(c->db, SERVICEDISCOVERY_SQL_SERVICES_DELETE, "i", ns.id);
    db_run(c->db, SERVICEDISCOVERY_SQL_NAMESPACE_DELETE, "i", ns.id);
    tags_delete_all(c, servicediscovery_arn(c, "namespace", ns.name_id));
    return 0;
}

int servicediscovery_delete_namespace(struct call *c, const struct servicediscovery_delete_namespace_in *in,
                                      struct servicediscovery_delete_namespace_out *out)
{
    struct namespace ns;
    struct operation open;
    TRY(namespace_get(c, in->id, &ns));
    TRY(in_use(c, &ns));
    if (operation_find_open_namespace(c, ns.name_id, &open))
        return operation_duplicate(c, &open);
    db_run(c->db, SERVICEDISCOVERY_SQL_NAMESPACE_STATE, "ti", S("DELETING"), ns.id);
    struct operation operation = {.type = S("DELETE_NAMESPACE"), .namespace = ns.name_id, .doc = S("{}")};
    return operation_begin(c, &operation, namespace_deleted, &out->operation_id);
}
