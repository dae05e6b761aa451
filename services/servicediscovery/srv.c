/* srv: Cloud Map's services: create, get, list, update, delete. */
#include "services/servicediscovery/servicediscovery.h"

#include "common/ids.h"
#include "common/json.h"

enum { MAX_RESULTS = 100, ID_LENGTH = 16 };

/* A structure from its JSON, or NULL when there is none. */
static void *parsed(struct call *c, const struct api_shape *shape, slice text)
{
    void *object = text.ptr ? arena_alloc(c->arena, shape->size) : NULL;
    if (object)
        api_from_json(c->arena, shape, text, object);
    return object;
}

static slice written(struct call *c, const struct api_shape *shape, const void *object)
{
    return object ? api_to_json(c->arena, shape, object) : (slice){NULL, 0};
}

bool srv_next(struct call *c, struct db_rows *rows, struct srv *srv)
{
    if (!db_next(rows))
        return false;
    *srv = (struct srv){
        .id = db_int(rows, 0),
        .service_id = db_text(rows, 1),
        .name = db_text(rows, 2),
        .type = db_text(rows, 3),
        .description = db_text(rows, 4),
        .creator = db_text(rows, 5),
        .created_ms = db_int(rows, 6),
        .dns = parsed(c, &servicediscovery_shape_dns_config, db_text(rows, 7)),
        .health = parsed(c, &servicediscovery_shape_health_check_config, db_text(rows, 8)),
        .custom_health = parsed(c, &servicediscovery_shape_health_check_custom_config, db_text(rows, 9)),
        .revision = db_int(rows, 10),
        .namespace_row = db_int(rows, 11),
        .namespace_id = db_text(rows, 12),
        .namespace_type = db_text(rows, 13),
    };
    return true;
}

static bool first(struct call *c, struct db_rows rows, struct srv *srv)
{
    bool found = srv_next(c, &rows, srv);
    db_done(&rows);
    return found;
}

int srv_get(struct call *c, slice id, struct srv *srv)
{
    if (!first(
            c,
            db_query(c->db, SERVICEDISCOVERY_SQL_SERVICE_GET, "ttt", c->account, c->region, servicediscovery_id(c, id)),
            srv))
        return fail(c, &servicediscovery_service_not_found, "Service with id %.*s not found.", SLICE_ARG(id));
    return 0;
}

/* In a namespace that DNS serves, names that differ in case only are the same. */
bool srv_find_named(struct call *c, int64_t namespace_row, slice name, struct srv *srv)
{
    struct srv one;
    bool found = false;
    struct db_rows rows =
        db_query(c->db, SERVICEDISCOVERY_SQL_SERVICE_NAMED, "it", namespace_row, servicediscovery_lower(c, name));
    while (!found && srv_next(c, &rows, &one)) {
        if (slice_eq(one.namespace_type, S("HTTP")) && !slice_eq(one.name, name))
            continue;
        *srv = one;
        found = true;
    }
    db_done(&rows);
    return found;
}

static int64_t instances_of(struct call *c, const struct srv *srv)
{
    return servicediscovery_number(db_query(c->db, SERVICEDISCOVERY_SQL_INSTANCE_COUNT, "i", srv->id));
}

static struct servicediscovery_service *described(struct call *c, const struct srv *srv)
{
    struct servicediscovery_service *out = arena_alloc(c->arena, sizeof(*out));
    *out = (struct servicediscovery_service){
        .id = srv->service_id,
        .arn = servicediscovery_arn(c, "service", srv->service_id),
        .resource_owner = c->account,
        .name = srv->name,
        .namespace_id = srv->namespace_id,
        .description = srv->description,
        .instance_count = opt_int(instances_of(c, srv)),
        .dns_config = srv->dns,
        .type = srv->type,
        .health_check_config = srv->health,
        .health_check_custom_config = srv->custom_health,
        .create_date = opt_int(srv->created_ms),
        .creator_request_id = srv->creator,
        .created_by_account = c->account,
    };
    return out;
}

static int already_exists(struct call *c, const struct srv *srv)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("CreatorRequestId"), val_string(srv->creator.ptr ? srv->creator : S("")));
    val_set(c->arena, extra, S("ServiceId"), val_string(srv->service_id));
    val_set(c->arena, extra, S("ServiceArn"), val_string(servicediscovery_arn(c, "service", srv->service_id)));
    return fail_with(c, &servicediscovery_service_already_exists, extra, "Service already exists.");
}

static int fill(struct call *c, const struct servicediscovery_create_service_in *in, const struct namespace *ns,
                struct srv *srv)
{
    *srv = (struct srv){
        .service_id = arena_printf(c->arena, "srv-%.*s", SLICE_ARG(ids_alnum(c->arena, ID_LENGTH))),
        .name = in->name,
        .description = in->description,
        .creator = in->creator_request_id,
        .created_ms = c->now_ms,
        .dns = in->dns_config,
        .health = in->health_check_config,
        .custom_health = in->health_check_custom_config,
        .namespace_row = ns->id,
        .namespace_id = ns->name_id,
        .namespace_type = ns->type,
    };
    if (srv->health && srv->custom_health)
        return fail(c, &servicediscovery_invalid_input,
                    "Specify either HealthCheckConfig or HealthCheckCustomConfig, not both.");
    if (srv->dns && in->type.ptr)
        return fail(c, &servicediscovery_invalid_input, "A service of the type HTTP cannot have DnsConfig.");
    if (srv->dns)
        TRY(srv_check_dns(c, ns, srv->dns));
    if (srv->health)
        TRY(srv_check_health(c, ns, srv->dns, srv->health));
    if (srv->custom_health)
        srv->custom_health->failure_threshold = opt_int(1);
    srv->type = srv->dns ? S("DNS_HTTP") : S("HTTP");
    return 0;
}

static void insert(struct call *c, const struct srv *srv)
{
    db_run(c->db, SERVICEDISCOVERY_SQL_SERVICE_INSERT, "ittttttttittt", srv->namespace_row, c->account, c->region,
           srv->service_id, srv->name, servicediscovery_lower(c, srv->name), srv->type, srv->description, srv->creator,
           srv->created_ms, written(c, &servicediscovery_shape_dns_config, srv->dns),
           written(c, &servicediscovery_shape_health_check_config, srv->health),
           written(c, &servicediscovery_shape_health_check_custom_config, srv->custom_health));
}

int servicediscovery_create_service(struct call *c, const struct servicediscovery_create_service_in *in,
                                    struct servicediscovery_create_service_out *out)
{
    struct namespace ns;
    struct srv srv, other;
    slice namespace = in->namespace_id.ptr || !in->dns_config ? in->namespace_id : in->dns_config->namespace_id;
    if (!namespace.ptr)
        return fail(c, &servicediscovery_invalid_input, "NamespaceId is required.");
    TRY(namespace_get(c, namespace, &ns));
    if (slice_eq(ns.state, S("DELETING")))
        return fail(c, &servicediscovery_namespace_not_found, "Namespace with id %.*s not found.",
                    SLICE_ARG(namespace));
    TRY(tags_check(c, (slice){NULL, 0}, &in->tags));
    if (srv_find_named(c, ns.id, in->name, &other)) {
        if (!in->creator_request_id.ptr || !slice_eq(in->creator_request_id, other.creator))
            return already_exists(c, &other);
        out->service = described(c, &other);
        return 0;
    }
    TRY(fill(c, in, &ns, &srv));
    insert(c, &srv);
    tags_set(c, servicediscovery_arn(c, "service", srv.service_id), &in->tags);
    TRY(srv_get(c, srv.service_id, &srv));
    out->service = described(c, &srv);
    return 0;
}

int servicediscovery_get_service(struct call *c, const struct servicediscovery_get_service_in *in,
                                 struct servicediscovery_get_service_out *out)
{
    struct srv srv;
    TRY(srv_get(c, in->id, &srv));
    out->service = described(c, &srv);
    return 0;
}

static bool matches(struct call *c, const struct srv *srv, const struct servicediscovery_service_filter *filter)
{
    if (slice_eq(filter->name, S("NAMESPACE_ID")))
        return slice_eq(servicediscovery_id(c, filter->values.items[0]), srv->namespace_id);
    return slice_eq(filter->values.items[0], S("SELF"));
}

static int check_filter(struct call *c, const struct servicediscovery_service_filter *filter)
{
    if (filter->values.len != 1 || (filter->condition.ptr && !slice_eq(filter->condition, S("EQ"))))
        return fail(c, &servicediscovery_invalid_input, "The filter %.*s allows the condition EQ with one value.",
                    SLICE_ARG(filter->name));
    return 0;
}

static void summarize(struct call *c, const struct srv *srv, struct servicediscovery_service_summary *out)
{
    const struct servicediscovery_service *service = described(c, srv);
    *out = (struct servicediscovery_service_summary){
        .id = service->id,
        .arn = service->arn,
        .resource_owner = service->resource_owner,
        .name = service->name,
        .type = service->type,
        .description = service->description,
        .instance_count = service->instance_count,
        .dns_config = service->dns_config,
        .health_check_config = service->health_check_config,
        .health_check_custom_config = service->health_check_custom_config,
        .create_date = service->create_date,
        .created_by_account = service->created_by_account,
    };
}

int servicediscovery_list_services(struct call *c, const struct servicediscovery_list_services_in *in,
                                   struct servicediscovery_list_services_out *out)
{
    int64_t after, limit = opt_int_or(in->max_results, MAX_RESULTS);
    struct srv srv;
    TRY(servicediscovery_page(c, S("ListServices"), in->next_token, &after));
    list_foreach (filter, &in->filters)
        TRY(check_filter(c, filter));
    struct db_rows rows = db_query(c->db, SERVICEDISCOVERY_SQL_SERVICE_LIST, "tti", c->account, c->region, after);
    while (srv_next(c, &rows, &srv)) {
        bool wanted = true;
        list_foreach (filter, &in->filters)
            wanted = wanted && matches(c, &srv, filter);
        if (!wanted)
            continue;
        if ((int64_t)out->services.len == limit) {
            out->next_token = servicediscovery_page_token(c, S("ListServices"), after);
            break;
        }
        summarize(c, &srv, list_add(c->arena, &out->services));
        after = srv.id;
    }
    db_done(&rows);
    return 0;
}

/* Record types stay; a new list may leave some out and change the TTL. */
static int check_records(struct call *c, const struct srv *srv, const struct servicediscovery_dns_config_change *change)
{
    int64_t ttl;
    list_foreach (record, &change->dns_records) {
        if (!srv_has_record(srv, slice_cstr(c->arena, record->type), &ttl))
            return fail(c, &servicediscovery_invalid_input,
                        "The types of the DNS records of a service cannot be changed.");
    }
    return 0;
}

int servicediscovery_update_service(struct call *c, const struct servicediscovery_update_service_in *in,
                                    struct servicediscovery_update_service_out *out)
{
    struct srv srv;
    struct namespace ns;
    TRY(srv_get(c, in->id, &srv));
    TRY(namespace_get(c, srv.namespace_id, &ns));
    if (slice_eq(ns.type, S("HTTP")))
        return fail(c, &servicediscovery_invalid_input, "Services in HTTP namespaces cannot be updated.");
    if (in->service->dns_config)
        TRY(check_records(c, &srv, in->service->dns_config));
    if (in->service->health_check_config && srv.custom_health)
        return fail(c, &servicediscovery_invalid_input,
                    "A service with HealthCheckCustomConfig cannot have HealthCheckConfig.");
    if (in->service->health_check_config)
        TRY(srv_check_health(c, &ns, srv.dns, in->service->health_check_config));
    struct operation operation = {
        .type = S("UPDATE_SERVICE"),
        .namespace = srv.namespace_id,
        .service = srv.service_id,
        .doc = api_to_json(c->arena, &servicediscovery_shape_update_service_request, in),
    };
    return operation_begin(c, &operation, srv_updated, &out->operation_id);
}

int srv_updated(struct call *c, const struct operation *operation)
{
    struct srv srv;
    struct servicediscovery_update_service_in in = {0};
    TRY(srv_get(c, operation->service, &srv));
    if (api_from_json(c->arena, &servicediscovery_shape_update_service_request, operation->doc, &in) != 0)
        return FAULT_INTERNAL;
    if (in.service->description.ptr)
        srv.description = in.service->description;
    if (srv.dns && in.service->dns_config && in.service->dns_config->dns_records.len > 0)
        srv.dns->dns_records = in.service->dns_config->dns_records;
    else
        srv.dns = NULL;
    srv.health = in.service->health_check_config;
    db_run(c->db, SERVICEDISCOVERY_SQL_SERVICE_UPDATE, "ttti", srv.description,
           written(c, &servicediscovery_shape_dns_config, srv.dns),
           written(c, &servicediscovery_shape_health_check_config, srv.health), srv.id);
    return 0;
}

int servicediscovery_delete_service(struct call *c, const struct servicediscovery_delete_service_in *in,
                                    struct servicediscovery_delete_service_out *out)
{
    struct srv srv;
    TRY(srv_get(c, in->id, &srv));
    if (instances_of(c, &srv) > 0)
        return fail(c, &servicediscovery_resource_in_use,
                    "Service contains registered instances; delete the instances before deleting the service");
    db_run(c->db, SERVICEDISCOVERY_SQL_ATTRIBUTES_DELETE, "i", srv.id);
    db_run(c->db, SERVICEDISCOVERY_SQL_SERVICE_DELETE, "i", srv.id);
    tags_delete_all(c, servicediscovery_arn(c, "service", srv.service_id));
    return 0;
}
