/* provision_done: what other services answer to the requests of provision.c: the task goes on with it, or stops. */
#include "services/ecs/ecs.h"

#include "common/json.h"

/* The task that asked; false when it is gone or stops already. */
static bool find(struct call *c, const struct val *event, struct task *task)
{
    int64_t row = 0;
    slice id = val_get_string(val_get(event, S("request")), S("key"));
    struct db_rows rows = db_query(c->db, ECS_SQL_TASK_GET, "t", id);
    if (db_next(&rows))
        row = db_int(&rows, 0);
    db_done(&rows);
    return row && task_find_row(c, row, task) && slice_eq(task->doc.desired_status, S("RUNNING"));
}

enum { OK_STATUS = 200 };

static bool was_refused(const struct val *event, const struct val **reply, slice *why)
{
    *reply = val_get(event, S("reply"));
    bool object = *reply && (*reply)->type == VAL_OBJECT;
    *why = object ? val_get_string(*reply, S("message")) : (slice){NULL, 0};
    if (!why->ptr)
        *why = S("the request was refused");
    return val_get_int(event, S("status"), OK_STATUS) != OK_STATUS || !object;
}

int provision_done_interface(struct call *c, slice body)
{
    struct val event;
    struct task task;
    const struct val *reply;
    slice why;
    TRY(ecs_read_event(c, body, &event));
    if (!find(c, &event, &task))
        return 0;
    if (was_refused(&event, &reply, &why)) {
        slice subnet = val_get_string(val_get(&event, S("request")), S("subnetId"));
        lifecycle_stop(c, &task, S("TaskFailedToStart"),
                       arena_printf(c->arena,
                                    "Unexpected EC2 error while attempting to Create Network Interface with public IP "
                                    "assignment disabled in subnet '%.*s': %.*s",
                                    SLICE_ARG(subnet), SLICE_ARG(why)));
    } else {
        struct provision_interface interface = {
            .id = val_get_string(reply, S("networkInterfaceId")),
            .mac_address = val_get_string(reply, S("macAddress")),
            .private_dns_name = val_get_string(reply, S("privateDnsName")),
            .private_ip_address = val_get_string(reply, S("privateIpAddress")),
        };
        provision_attach(c, &task.doc, &interface);
        slice zone = val_get_string(reply, S("availabilityZone"));
        if (zone.len > 0)
            task.doc.availability_zone = zone;
        provision_note_interface(c, &task, reply);
        task.changed = true;
    }
    lifecycle_advance(c, &task);
    return 0;
}

int provision_done_volume(struct call *c, slice body)
{
    struct val event;
    struct task task;
    const struct val *reply;
    slice why;
    TRY(ecs_read_event(c, body, &event));
    if (!find(c, &event, &task))
        return 0;
    if (was_refused(&event, &reply, &why))
        lifecycle_stop(c, &task, S("TaskFailedToStart"),
                       arena_printf(c->arena,
                                    "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS "
                                    "volumes: stderr: %.*s : unsuccessful EFS utils command execution; code: 1",
                                    SLICE_ARG(why)));
    else
        provision_note_volume(c, &task, val_get_string(val_get(&event, S("request")), S("volume")), reply);
    lifecycle_advance(c, &task);
    return 0;
}
