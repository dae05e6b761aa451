/* namespace_change: the operations that make and change namespaces of the three kinds. */
#include "services/servicediscovery/servicediscovery.h"

#include "common/ids.h"
#include "common/json.h"
#include "servicediscovery_ec2_client.h"
#include "services/servicediscovery/leniency.h"

enum { MAX_NAMESPACES = 50, DEFAULT_SOA_TTL = 15, ID_LENGTH = 16, ZONE_LENGTH = 20, HASH_LENGTH = 8 };

/* What the three CreateXNamespace have in common. */
struct wish {
    slice type;
    slice name;
    slice creator;
    slice description;
    slice vpc;
    struct opt_int soa_ttl;
    const struct servicediscovery_tag_list *tags;
};

static bool find_same(struct call *c, const struct wish *wish, struct namespace *ns)
{
    struct db_rows rows = db_query(c->db, SERVICEDISCOVERY_SQL_NAMESPACE_SAME, "ttttt", c->account, c->region,
                                   wish->name, wish->type, wish->vpc.ptr ? wish->vpc : S(""));
    bool found = namespace_next(&rows, ns);
    db_done(&rows);
    return found;
}

static int already_exists(struct call *c, const struct namespace *ns)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("CreatorRequestId"), val_string(ns->creator.ptr ? ns->creator : S("")));
    val_set(c->arena, extra, S("NamespaceId"), val_string(ns->name_id));
    return fail_with(c, &servicediscovery_namespace_already_exists, extra, "Namespace with name %.*s already exists.",
                     SLICE_ARG(ns->name));
}

/* HttpName is the name, or the name with something behind it when another namespace has that. */
static slice http_name(struct call *c, slice name)
{
    struct db_rows rows = db_query(c->db, SERVICEDISCOVERY_SQL_NAMESPACE_HTTP, "ttt", c->account, c->region, name);
    bool taken = db_next(&rows);
    db_done(&rows);
    if (!taken)
        return name;
    return arena_printf(c->arena, "%.*s-%.*s", SLICE_ARG(name), SLICE_ARG(ids_alnum(c->arena, HASH_LENGTH)));
}

static slice insert(struct call *c, const struct wish *wish)
{
    bool dns = !slice_eq(wish->type, S("HTTP"));
    slice none = {NULL, 0};
    slice id = arena_printf(c->arena, "ns-%.*s", SLICE_ARG(ids_alnum(c->arena, ID_LENGTH)));
    slice zone = dns ? arena_printf(c->arena, "Z%.*s", SLICE_ARG(ids_base32(c->arena, ZONE_LENGTH))) : none;
    struct opt_int ttl = dns ? opt_int(opt_int_or(wish->soa_ttl, DEFAULT_SOA_TTL)) : (struct opt_int){0};
    slice dns_name = slice_eq(wish->type, S("DNS_PRIVATE")) ? servicediscovery_lower(c, wish->name) : none;
    db_run(c->db, SERVICEDISCOVERY_SQL_NAMESPACE_INSERT, "ttttttttittItt", c->account, c->region, id, wish->name,
           wish->type, S("CREATING"), wish->description, wish->creator, c->now_ms, wish->vpc, zone, ttl,
           http_name(c, wish->name), dns_name);
    tags_set(c, servicediscovery_arn(c, "namespace", id), wish->tags);
    return id;
}

static int create(struct call *c, const struct wish *wish, slice *operation_id)
{
    struct namespace ns;
    struct operation before;
    TRY(tags_check(c, (slice){NULL, 0}, wish->tags));
    bool repeated = operation_find_creator(c, wish->creator, S("CREATE_NAMESPACE"), &before);
    bool same = find_same(c, wish, &ns);
    if (repeated && same && slice_eq(before.namespace, ns.name_id)) {
        *operation_id = before.name;
        return 0;
    }
    if (repeated && !slice_eq(before.doc, wish->name))
        return operation_duplicate(c, &before);
    if (same)
        return already_exists(c, &ns);
    if (servicediscovery_number(db_query(c->db, SERVICEDISCOVERY_SQL_NAMESPACE_COUNT, "tt", c->account, c->region)) >=
        MAX_NAMESPACES)
        return fail(c, &servicediscovery_resource_limit_exceeded,
                    "The maximum number of namespaces of the account, %d, is reached.", MAX_NAMESPACES);
    struct operation operation = {
        .type = S("CREATE_NAMESPACE"), .namespace = insert(c, wish), .creator = wish->creator, .doc = wish->name};
    return operation_begin(c, &operation, namespace_created, operation_id);
}

int servicediscovery_create_http_namespace(struct call *c, const struct servicediscovery_create_http_namespace_in *in,
                                           struct servicediscovery_create_http_namespace_out *out)
{
    struct wish wish = {.type = S("HTTP"),
                        .name = in->name,
                        .creator = in->creator_request_id,
                        .description = in->description,
                        .tags = &in->tags};
    return create(c, &wish, &out->operation_id);
}

int servicediscovery_create_public_dns_namespace(struct call *c,
                                                 const struct servicediscovery_create_public_dns_namespace_in *in,
                                                 struct servicediscovery_create_public_dns_namespace_out *out)
{
    struct wish wish = {.type = S("DNS_PUBLIC"),
                        .name = in->name,
                        .creator = in->creator_request_id,
                        .description = in->description,
                        .tags = &in->tags};
    if (in->properties && in->properties->dns_properties && in->properties->dns_properties->soa)
        wish.soa_ttl = in->properties->dns_properties->soa->ttl;
    return create(c, &wish, &out->operation_id);
}

static int check_vpc(struct call *c, slice vpc)
{
    struct ec2_describe_vpcs_in in = {0};
    struct ec2_describe_vpcs_out out = {0};
    struct call_refusal refusal;
    if (leniency_on(c, SERVICEDISCOVERY_LENIENCY_UNKNOWN_NETWORKS))
        return 0;
    *list_add(c->arena, &in.vpc_ids) = vpc;
    in.vpc_ids.set = true;
    int result = call_service(c, S("ec2"), &ec2_op_describe_vpcs, &in, &out, &refusal);
    if (result == CALL_FAILED)
        return fail(c, &servicediscovery_invalid_input, "%.*s", SLICE_ARG(refusal.message));
    if (result == 0 && out.vpcs.len == 0)
        return fail(c, &servicediscovery_invalid_input, "The vpc ID '%.*s' does not exist", SLICE_ARG(vpc));
    return result;
}

int servicediscovery_create_private_dns_namespace(struct call *c,
                                                  const struct servicediscovery_create_private_dns_namespace_in *in,
                                                  struct servicediscovery_create_private_dns_namespace_out *out)
{
    struct wish wish = {.type = S("DNS_PRIVATE"),
                        .name = in->name,
                        .creator = in->creator_request_id,
                        .description = in->description,
                        .vpc = in->vpc,
                        .tags = &in->tags};
    if (in->properties && in->properties->dns_properties && in->properties->dns_properties->soa)
        wish.soa_ttl = in->properties->dns_properties->soa->ttl;
    TRY(check_vpc(c, in->vpc));
    return create(c, &wish, &out->operation_id);
}

/* An update is kept as its request. */
static int update(struct call *c, const char *type, slice id, slice doc, slice *operation_id)
{
    struct namespace ns;
    struct operation open;
    TRY(namespace_get(c, id, &ns));
    if (!slice_eq(ns.type, slice_of(type)))
        return fail(c, &servicediscovery_invalid_input, "The namespace %.*s is of the type %.*s.",
                    SLICE_ARG(ns.name_id), SLICE_ARG(ns.type));
    if (operation_find_open_namespace(c, ns.name_id, &open))
        return operation_duplicate(c, &open);
    struct operation operation = {.type = S("UPDATE_NAMESPACE"), .namespace = ns.name_id, .doc = doc};
    return operation_begin(c, &operation, namespace_updated, operation_id);
}

int servicediscovery_update_http_namespace(struct call *c, const struct servicediscovery_update_http_namespace_in *in,
                                           struct servicediscovery_update_http_namespace_out *out)
{
    return update(c, "HTTP", in->id, api_to_json(c->arena, &servicediscovery_shape_update_http_namespace_request, in),
                  &out->operation_id);
}

int servicediscovery_update_private_dns_namespace(struct call *c,
                                                  const struct servicediscovery_update_private_dns_namespace_in *in,
                                                  struct servicediscovery_update_private_dns_namespace_out *out)
{
    return update(c, "DNS_PRIVATE", in->id,
                  api_to_json(c->arena, &servicediscovery_shape_update_private_dns_namespace_request, in),
                  &out->operation_id);
}

int servicediscovery_update_public_dns_namespace(struct call *c,
                                                 const struct servicediscovery_update_public_dns_namespace_in *in,
                                                 struct servicediscovery_update_public_dns_namespace_out *out)
{
    return update(c, "DNS_PUBLIC", in->id,
                  api_to_json(c->arena, &servicediscovery_shape_update_public_dns_namespace_request, in),
                  &out->operation_id);
}
