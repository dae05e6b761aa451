/* provision: what other services provide for a task before its containers start: a network interface of ec2 for awsvpc
 * tasks, a directory of efs for each file system it mounts. Asked for by effects, so that nothing is lost with a
 * process; the task goes on when all answers are there (provision_done.c). */
#include "services/ecs/ecs.h"

#include "common/json.h"

static const slice kind_interface = S("interface");
static const slice kind_volume = S("volume");

static void set(struct call *c, struct val *object, const char *key, slice text)
{
    if (text.ptr)
        val_set(c->arena, object, slice_of(key), val_string(text));
}

static struct val body_of(struct call *c, slice task_id)
{
    struct val body = val_object();
    set(c, &body, "key", task_id);
    set(c, &body, "account", c->account);
    set(c, &body, "region", c->region);
    return body;
}

static struct val texts(struct call *c, const struct ecs_string_list *list)
{
    struct val all = val_array();
    list_foreach (text, list)
        val_push(c->arena, &all, val_string(*text));
    return all;
}

static void ask_interface(struct call *c, int64_t row, slice task_id, const struct ecs_task *doc,
                          const struct ecs_aws_vpc_configuration *vpc)
{
    struct val body = body_of(c, task_id);
    set(c, &body, "subnetId", vpc->subnets.items[0]);
    val_set(c->arena, &body, S("groups"), texts(c, &vpc->security_groups));
    set(c, &body, "description",
        arena_printf(c->arena, "arn:aws:ecs:%.*s:%.*s:attachment/%.*s", SLICE_ARG(c->region), SLICE_ARG(c->account),
                     SLICE_ARG(doc->attachments.items[0].id)));
    set(c, &body, "interfaceType", S("interface"));
    set(c, &body, "requesterId", c->account);
    db_run(c->db, ECS_SQL_PROVISION_ADD, "itt", row, kind_interface, S(""));
    call_effect(c, S("ec2"), S("CreateRequesterInterface"), json_text(c->arena, &body));
}

static void ask_volume(struct call *c, int64_t row, slice task_id, const struct ecs_volume *volume)
{
    const struct ecs_efs_volume_configuration *efs = volume->efs_volume_configuration;
    const struct ecs_efs_authorization_config *authorization = efs->authorization_config;
    struct val body = body_of(c, task_id);
    set(c, &body, "volume", volume->name);
    set(c, &body, "fileSystemId", efs->file_system_id);
    set(c, &body, "rootDirectory", efs->root_directory);
    if (authorization)
        set(c, &body, "accessPointId", authorization->access_point_id);
    db_run(c->db, ECS_SQL_PROVISION_ADD, "itt", row, kind_volume, volume->name);
    call_effect(c, S("efs"), S("ResolveMount"), json_text(c->arena, &body));
}

void provision_begin(struct call *c, int64_t row, const struct ecs_task *doc,
                     const struct ecs_task_definition *definition, const struct ecs_aws_vpc_configuration *vpc)
{
    slice task_id = arn_last(doc->task_arn);
    if (vpc)
        ask_interface(c, row, task_id, doc, vpc);
    list_foreach (volume, &definition->volumes) {
        if (volume->efs_volume_configuration)
            ask_volume(c, row, task_id, volume);
    }
}

void provision_end(struct call *c, const struct task *task)
{
    list_foreach (provision, &task->provisions) {
        if (!slice_eq(provision->kind, kind_interface))
            continue;
        struct val body = body_of(c, task->task_id);
        call_effect(c, S("ec2"), S("DeleteRequesterInterface"), json_text(c->arena, &body));
    }
}

bool provision_is_done(const struct task *task)
{
    list_foreach (provision, &task->provisions) {
        if (!provision->result.ptr)
            return false;
    }
    return true;
}

slice provision_result(const struct task *task, slice volume)
{
    list_foreach (provision, &task->provisions) {
        if (slice_eq(provision->kind, kind_volume) && slice_eq(provision->name, volume))
            return provision->result;
    }
    return (slice){NULL, 0};
}

static void add_detail(struct call *c, struct ecs_attachment *attachment, const char *name, slice value)
{
    struct ecs_key_value_pair *detail = list_add(c->arena, &attachment->details);
    detail->name = slice_of(name);
    detail->value = value;
}

void provision_attach(struct call *c, struct ecs_task *doc, const struct provision_interface *interface)
{
    struct ecs_attachment *attachment = &doc->attachments.items[0];
    add_detail(c, attachment, "networkInterfaceId", interface->id);
    add_detail(c, attachment, "macAddress", interface->mac_address);
    add_detail(c, attachment, "privateDnsName", interface->private_dns_name);
    add_detail(c, attachment, "privateIPv4Address", interface->private_ip_address);
    list_foreach (container, &doc->containers) {
        struct ecs_network_interface *shown = list_add(c->arena, &container->network_interfaces);
        shown->attachment_id = attachment->id;
        shown->private_ipv4_address = interface->private_ip_address;
    }
}

static void note_result(struct call *c, struct task *task, slice kind, slice name, const struct val *reply)
{
    slice result = json_text(c->arena, reply);
    list_foreach (provision, &task->provisions) {
        if (slice_eq(provision->kind, kind) && slice_eq(provision->name, name))
            provision->result = result;
    }
    db_run(c->db, ECS_SQL_PROVISION_SET, "titt", result, task->id, kind, name);
}

void provision_note_interface(struct call *c, struct task *task, const struct val *reply)
{
    note_result(c, task, kind_interface, S(""), reply);
}

void provision_note_volume(struct call *c, struct task *task, slice volume, const struct val *reply)
{
    note_result(c, task, kind_volume, volume, reply);
}
