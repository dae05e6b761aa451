/* instance: instances of services: register, deregister, get, list; for clients and for ecs, whose tasks they are. */
#include "services/servicediscovery/servicediscovery.h"

#include "common/json.h"

enum { MAX_RESULTS = 100, MAX_INSTANCES = 1000 };

static struct pair_list pairs_of(struct call *c, const struct val *object)
{
    struct pair_list pairs = {.set = true};
    for (size_t i = 0; object && object->type == VAL_OBJECT && i < object->object.len; i++) {
        const struct val_field *field = &object->object.items[i];
        if (field->value.type == VAL_STRING)
            *list_add(c->arena, &pairs) = (struct pair){field->key, field->value.string};
    }
    return pairs;
}

static slice text_of(struct call *c, const struct pair_list *pairs)
{
    struct json_writer *w = json_writer_open(c->arena);
    json_object_begin(w);
    list_foreach (pair, pairs) {
        json_key(w, pair->key);
        json_string(w, pair->value);
    }
    json_object_end(w);
    return json_writer_close(w);
}

bool instance_next(struct call *c, struct db_rows *rows, struct instance *instance)
{
    struct val attributes;
    slice why;
    if (!db_next(rows))
        return false;
    *instance = (struct instance){
        .id = db_int(rows, 0), .name = db_text(rows, 1), .creator = db_text(rows, 2), .health = db_text(rows, 4)};
    if (json_parse(c->arena, db_text(rows, 3), &attributes, &why) == 0)
        instance->attributes = pairs_of(c, &attributes);
    return true;
}

int instance_get(struct call *c, const struct srv *srv, slice name, struct instance *instance)
{
    struct db_rows rows = db_query(c->db, SERVICEDISCOVERY_SQL_INSTANCE_GET, "it", srv->id, name);
    bool found = instance_next(c, &rows, instance);
    db_done(&rows);
    if (!found)
        return fail(c, &servicediscovery_instance_not_found, "Instance with id %.*s not found.", SLICE_ARG(name));
    return 0;
}

/* A changed instance keeps its health unless it says otherwise. */
static slice health_of(struct call *c, const struct srv *srv, slice name, const struct pair_list *attributes)
{
    struct instance before;
    slice wanted = pair_get(attributes, S("AWS_INIT_HEALTH_STATUS"));
    if (!srv->custom_health)
        return S("UNKNOWN");
    if (wanted.ptr)
        return wanted;
    struct db_rows rows = db_query(c->db, SERVICEDISCOVERY_SQL_INSTANCE_GET, "it", srv->id, name);
    bool known = instance_next(c, &rows, &before);
    db_done(&rows);
    return known ? before.health : S("HEALTHY");
}

static void store(struct call *c, const struct srv *srv, slice name, slice creator, const struct pair_list *attributes)
{
    db_run(c->db, SERVICEDISCOVERY_SQL_INSTANCE_SET, "itttt", srv->id, name, creator, text_of(c, attributes),
           health_of(c, srv, name, attributes));
    db_run(c->db, SERVICEDISCOVERY_SQL_SERVICE_TOUCH, "i", srv->id);
}

static void drop(struct call *c, const struct srv *srv, slice name)
{
    if (db_run(c->db, SERVICEDISCOVERY_SQL_INSTANCE_DELETE, "it", srv->id, name) > 0)
        db_run(c->db, SERVICEDISCOVERY_SQL_SERVICE_TOUCH, "i", srv->id);
}

static int check_room(struct call *c, const struct srv *srv, slice name)
{
    struct db_rows rows = db_query(c->db, SERVICEDISCOVERY_SQL_INSTANCE_GET, "it", srv->id, name);
    bool known = db_next(&rows);
    db_done(&rows);
    if (!known &&
        servicediscovery_number(db_query(c->db, SERVICEDISCOVERY_SQL_INSTANCE_COUNT, "i", srv->id)) >= MAX_INSTANCES)
        return fail(c, &servicediscovery_resource_limit_exceeded,
                    "The maximum number of instances of the service, %d, is reached.", MAX_INSTANCES);
    return 0;
}

int servicediscovery_register_instance(struct call *c, const struct servicediscovery_register_instance_in *in,
                                       struct servicediscovery_register_instance_out *out)
{
    struct srv srv;
    struct operation open;
    struct pair_list attributes = {0};
    TRY(srv_get(c, in->service_id, &srv));
    list_foreach (attribute, &in->attributes)
        *list_add(c->arena, &attributes) = (struct pair){attribute->key, attribute->value};
    TRY(instance_check(c, &srv, &attributes));
    if (operation_find_open(c, srv.service_id, in->instance_id, &open)) {
        if (in->creator_request_id.ptr && slice_eq(open.creator, in->creator_request_id)) {
            out->operation_id = open.name;
            return 0;
        }
        return operation_duplicate(c, &open);
    }
    TRY(check_room(c, &srv, in->instance_id));
    struct operation operation = {
        .type = S("REGISTER_INSTANCE"),
        .namespace = srv.namespace_id,
        .service = srv.service_id,
        .instance = in->instance_id,
        .creator = in->creator_request_id,
        .doc = text_of(c, &attributes),
    };
    return operation_begin(c, &operation, instance_registered, &out->operation_id);
}

int instance_registered(struct call *c, const struct operation *operation)
{
    struct srv srv;
    struct val doc;
    slice why;
    TRY(srv_get(c, operation->service, &srv));
    if (json_parse(c->arena, operation->doc, &doc, &why) != 0)
        return FAULT_INTERNAL;
    struct pair_list attributes = pairs_of(c, &doc);
    store(c, &srv, operation->instance, operation->creator, &attributes);
    return 0;
}

int servicediscovery_deregister_instance(struct call *c, const struct servicediscovery_deregister_instance_in *in,
                                         struct servicediscovery_deregister_instance_out *out)
{
    struct srv srv;
    struct instance instance;
    struct operation open;
    TRY(srv_get(c, in->service_id, &srv));
    if (operation_find_open(c, srv.service_id, in->instance_id, &open))
        return operation_duplicate(c, &open);
    TRY(instance_get(c, &srv, in->instance_id, &instance));
    struct operation operation = {
        .type = S("DEREGISTER_INSTANCE"),
        .namespace = srv.namespace_id,
        .service = srv.service_id,
        .instance = in->instance_id,
        .doc = S("{}"),
    };
    return operation_begin(c, &operation, instance_deregistered, &out->operation_id);
}

int instance_deregistered(struct call *c, const struct operation *operation)
{
    struct srv srv;
    TRY(srv_get(c, operation->service, &srv));
    drop(c, &srv, operation->instance);
    return 0;
}

static void fill_attributes(struct call *c, const struct instance *instance, struct servicediscovery_attributes *out)
{
    out->set = true;
    list_foreach (pair, &instance->attributes) {
        struct servicediscovery_attributes_entry *entry = list_add(c->arena, out);
        entry->key = pair->key;
        entry->value = pair->value;
    }
}

int servicediscovery_get_instance(struct call *c, const struct servicediscovery_get_instance_in *in,
                                  struct servicediscovery_get_instance_out *out)
{
    struct srv srv;
    struct instance instance;
    TRY(srv_get(c, in->service_id, &srv));
    TRY(instance_get(c, &srv, in->instance_id, &instance));
    out->resource_owner = c->account;
    out->instance = arena_alloc(c->arena, sizeof(*out->instance));
    out->instance->id = instance.name;
    out->instance->creator_request_id = instance.creator;
    out->instance->created_by_account = c->account;
    fill_attributes(c, &instance, &out->instance->attributes);
    return 0;
}

int servicediscovery_list_instances(struct call *c, const struct servicediscovery_list_instances_in *in,
                                    struct servicediscovery_list_instances_out *out)
{
    int64_t after, limit = opt_int_or(in->max_results, MAX_RESULTS);
    struct srv srv;
    struct instance instance;
    TRY(srv_get(c, in->service_id, &srv));
    TRY(servicediscovery_page(c, S("ListInstances"), in->next_token, &after));
    out->resource_owner = c->account;
    struct db_rows rows = db_query(c->db, SERVICEDISCOVERY_SQL_INSTANCE_LIST, "iii", srv.id, after, limit + 1);
    while (instance_next(c, &rows, &instance)) {
        if ((int64_t)out->instances.len == limit) {
            out->next_token = servicediscovery_page_token(c, S("ListInstances"), after);
            break;
        }
        struct servicediscovery_instance_summary *summary = list_add(c->arena, &out->instances);
        summary->id = instance.name;
        summary->created_by_account = c->account;
        fill_attributes(c, &instance, &summary->attributes);
        after = instance.id;
    }
    db_done(&rows);
    return 0;
}

/* The service an event is about; the call becomes one of its account and region. */
static int of_event(struct call *c, slice body, struct val *event, struct srv *srv)
{
    slice why;
    if (json_parse(c->arena, body, event, &why) != 0)
        return FAULT_MESSAGE;
    c->account = val_get_string(event, S("account"));
    c->region = val_get_string(event, S("region"));
    slice service = val_get_string(event, S("service"));
    if (!c->account.ptr || !c->region.ptr || !service.ptr || !val_get_string(event, S("instanceId")).ptr)
        return FAULT_MESSAGE;
    return srv_get(c, service, srv);
}

int instance_register_task(struct call *c, slice body)
{
    struct val event;
    struct srv srv;
    TRY(of_event(c, body, &event, &srv));
    struct pair_list attributes = pairs_of(c, val_get(&event, S("attributes")));
    TRY(instance_check(c, &srv, &attributes));
    store(c, &srv, val_get_string(&event, S("instanceId")), (slice){NULL, 0}, &attributes);
    return 0;
}

int instance_deregister_task(struct call *c, slice body)
{
    struct val event;
    struct srv srv;
    TRY(of_event(c, body, &event, &srv));
    drop(c, &srv, val_get_string(&event, S("instanceId")));
    return 0;
}
