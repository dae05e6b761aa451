/* streams: a container's log stream is made before the container starts, and a missing log group is known then. */
#include "runner/runner.h"

#include "common/arena.h"

enum step { MAKE_STREAM, MAKE_GROUP };

struct asking {
    struct container *container;
    enum step step;
};

static void ask(struct container *container, enum step step);

/* The code of a refusal: {"__type": CODE, …}. */
static slice code_of(struct container *container, const struct msg *reply)
{
    struct val body;
    slice why;
    if (json_parse(container->arena, slice_dup(container->arena, reply->body), &body, &why) != 0)
        return reply->error;
    return val_get_string(&body, S("__type"));
}

static void refuse(struct container *container, slice code, slice message)
{
    container_stream_ready(
        container, arena_printf(container->arena,
                                "ResourceInitializationError: failed to validate logger args: create stream has been "
                                "retried 1 times: failed to create Cloudwatch log stream: %.*s: %.*s : exit status 1",
                                SLICE_ARG(code), SLICE_ARG(message)));
}

static void on_answer(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    struct asking *asking = context;
    struct container *container = asking->container;
    if (outcome != BUS_REPLIED || reply->status >= 500) {
        ask(container, asking->step); /* the Logs worker was restarted: the bus waits for it */
        return;
    }
    slice code = reply->status == 200 ? S("") : slice_dup(container->arena, code_of(container, reply));
    bool made = code.len == 0 || slice_eq(code, S("ResourceAlreadyExistsException"));
    if (asking->step == MAKE_GROUP && made)
        ask(container, MAKE_STREAM);
    else if (made)
        container_stream_ready(container, (slice){NULL, 0});
    else if (asking->step == MAKE_STREAM && slice_eq(code, S("ResourceNotFoundException")) &&
             container->ship.create_group)
        ask(container, MAKE_GROUP);
    else
        refuse(container, code,
               slice_eq(code, S("ResourceNotFoundException")) ? S("The specified log group does not exist.")
                                                              : S("refused"));
}

static void ask(struct container *container, enum step step)
{
    struct asking *asking = arena_alloc(container->arena, sizeof(*asking));
    struct val body = val_object();
    const struct ship *ship = &container->ship;
    *asking = (struct asking){container, step};
    val_set(container->arena, &body, S("logGroupName"), val_string(ship->group));
    if (step == MAKE_STREAM)
        val_set(container->arena, &body, S("logStreamName"), val_string(ship->stream));
    struct msg request = {
        .kind = MSG_REQUEST,
        .origin = S("runner"),
        .request_id = container->id,
        .service = S("logs"),
        .protocol = S("internal"),
        .operation = step == MAKE_STREAM ? S("CreateLogStream") : S("CreateLogGroup"),
        .account = ship->account,
        .region = ship->region,
        .body = json_text(container->arena, &body),
    };
    container->ship.call_id = bus_send(container->runner->logs, &request, on_answer, asking);
}

void streams_prepare(struct container *container)
{
    ask(container, MAKE_STREAM);
}
