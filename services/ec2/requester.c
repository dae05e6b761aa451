/* requester: interfaces that other services ask for: by an event with a key of their own, so that asking twice makes
 * one.
 */
#include "services/ec2/ec2.h"

#include "common/json.h"
#include "services/ec2/leniency.h"

/* Events come for any account: its network is there afterwards, as it is in handlers. */
static int read_event(struct call *c, slice body, struct val *event)
{
    slice why;
    if (json_parse(c->arena, body, event, &why) != 0 || event->type != VAL_OBJECT ||
        !val_get_string(event, S("key")).ptr)
        return FAULT_MESSAGE;
    c->account = val_get_string(event, S("account"));
    c->region = val_get_string(event, S("region"));
    return c->account.ptr && c->region.ptr ? default_network_ensure(c) : FAULT_MESSAGE;
}

static slice interface_of_key(struct call *c, slice key)
{
    slice id = {NULL, 0};
    struct db_rows rows = db_query(c->db, EC2_SQL_REQUESTER_GET, "it", resource_scope(c), key);
    if (db_next(&rows))
        id = db_text(&rows, 0);
    db_done(&rows);
    return id;
}

static void reply(struct call *c, const struct ec2_network_interface *interface)
{
    const struct {
        slice name, value;
    } members[] = {{S("networkInterfaceId"), interface->network_interface_id},
                   {S("macAddress"), interface->mac_address},
                   {S("privateIpAddress"), interface->private_ip_address},
                   {S("privateDnsName"), interface->private_dns_name},
                   {S("subnetId"), interface->subnet_id},
                   {S("vpcId"), interface->vpc_id},
                   {S("availabilityZone"), interface->availability_zone},
                   {S("availabilityZoneId"), interface->availability_zone_id}};
    struct val body = val_object();
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
        val_set(c->arena, &body, members[i].name, val_string(members[i].value));
    call_event_reply(c, json_text(c->arena, &body));
}

/* The subnet asked for, or with the leniency a default one. */
static int find_subnet(struct call *c, slice id, struct ec2_subnet *subnet)
{
    struct resource resource;
    if (resource_find(c, KIND_SUBNET, id, &resource, subnet) || !leniency_on(c, EC2_LENIENCY_UNKNOWN_NETWORKS))
        return subnet->subnet_id.ptr ? 0 : resource_get(c, KIND_SUBNET, id, &resource, subnet);
    slice other = resource_with(c, KIND_SUBNET, "default-for-az", S("true"));
    return resource_get(c, KIND_SUBNET, other.ptr ? other : id, &resource, subnet);
}

static void read_groups(struct call *c, const struct val *groups, struct slice_list *ids)
{
    for (size_t i = 0; groups && groups->type == VAL_ARRAY && i < groups->array.len; i++) {
        const struct val *item = &groups->array.items[i];
        slice id = item->type == VAL_STRING ? item->string : S("");
        struct resource resource;
        struct ec2_security_group group = {0};
        bool known = resource_find(c, KIND_SECURITY_GROUP, id, &resource, &group);
        if (known || !leniency_on(c, EC2_LENIENCY_UNKNOWN_NETWORKS))
            *list_add(c->arena, ids) = id;
    }
}

static void read_tags(struct call *c, const struct val *given, struct ec2_tag_list *tags)
{
    for (size_t i = 0; given && given->type == VAL_ARRAY && i < given->array.len; i++) {
        struct ec2_tag *tag = list_add(c->arena, tags);
        tag->key = val_get_string(&given->array.items[i], S("key"));
        tag->value = val_get_string(&given->array.items[i], S("value"));
    }
}

int requester_create(struct call *c, slice body)
{
    struct val event;
    struct resource resource;
    struct ec2_subnet subnet = {0};
    struct ec2_network_interface interface = {0};
    TRY(read_event(c, body, &event));
    slice key = val_get_string(&event, S("key")), former = interface_of_key(c, key);
    if (former.ptr && resource_find(c, KIND_NETWORK_INTERFACE, former, &resource, &interface)) {
        reply(c, &interface);
        return 0;
    }
    TRY(find_subnet(c, val_get_string(&event, S("subnetId")), &subnet));
    struct interface_order order = {.subnet = &subnet,
                                    .description = val_get_string(&event, S("description")),
                                    .type = val_get_string(&event, S("interfaceType")),
                                    .address = val_get_string(&event, S("privateIpAddress")),
                                    .requester = val_get_string(&event, S("requesterId"))};
    read_groups(c, val_get(&event, S("groups")), &order.groups);
    read_tags(c, val_get(&event, S("tags")), &order.tags);
    if (!order.requester.ptr)
        order.requester = S("amazon-aws");
    TRY(interface_make(c, &order, &interface));
    db_run(c->db, EC2_SQL_REQUESTER_ADD, "itt", resource_scope(c), key, interface.network_interface_id);
    reply(c, &interface);
    return 0;
}

int requester_delete(struct call *c, slice body)
{
    struct val event;
    struct resource resource;
    struct ec2_network_interface interface = {0};
    TRY(read_event(c, body, &event));
    slice key = val_get_string(&event, S("key")), id = interface_of_key(c, key);
    if (id.ptr && resource_find(c, KIND_NETWORK_INTERFACE, id, &resource, &interface))
        interface_remove(c, &resource);
    db_run(c->db, EC2_SQL_REQUESTER_DELETE, "it", resource_scope(c), key);
    return 0;
}
