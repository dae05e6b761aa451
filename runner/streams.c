/* streams: a container's log stream is made before the container starts, and a missing log group is known then. */
#include "runner/runner.h"

#include "common/arena.h"
#include "common/loop_watch.h"

static const double retry_seconds = 0.2;

static void ask(struct container *container);

/* {"__type": CODE, "message": TEXT}; a worker says the code in the envelope too. */
static void read_refusal(struct container *container, const struct msg *reply, slice *code, slice *message)
{
    struct val body = val_null();
    slice why;
    if (json_parse(container->arena, slice_dup(container->arena, reply->body), &body, &why) != 0)
        body = val_null();
    *code = reply->error.len > 0 ? slice_dup(container->arena, reply->error) : val_get_string(&body, S("__type"));
    *message = val_get_string(&body, S("message"));
}

static void refuse(struct container *container, slice code, slice message)
{
    container_stream_ready(
        container, arena_printf(container->arena,
                                "ResourceInitializationError: failed to validate logger args: create stream has been "
                                "retried 1 times: failed to create Cloudwatch log stream: %.*s: %.*s : exit status 1",
                                SLICE_ARG(code), SLICE_ARG(message)));
}

static void on_refused(struct container *container, const struct msg *reply)
{
    struct ship *ship = &container->ship;
    slice code, message;
    read_refusal(container, reply, &code, &message);
    bool missing = slice_eq(code, S("ResourceNotFoundException"));
    bool exists = slice_eq(code, S("ResourceAlreadyExistsException"));
    if (ship->making_group && exists) {
        ship->making_group = false;
        ask(container);
    } else if (exists)
        container_stream_ready(container, (slice){NULL, 0});
    else if (!ship->making_group && missing && ship->create_group) {
        ship->making_group = true;
        ask(container);
    } else
        refuse(container, code, missing ? S("The specified log group does not exist.") : message);
}

static void on_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    ask(timer->data);
    loop_watch_did(S("asking for a log stream again"));
}

static void on_answer(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    struct container *container = context;
    struct ship *ship = &container->ship;
    ship->call_id = 0;
    if (outcome != BUS_REPLIED)
        ask(container); /* the bus waits for the next Logs worker */
    else if (reply->status >= 500) {
        ev_timer_init(&ship->retry, on_retry, retry_seconds, 0);
        ship->retry.data = container;
        ev_timer_start(container->runner->loop, &ship->retry);
    } else if (reply->status != 200)
        on_refused(container, reply);
    else if (ship->making_group) {
        ship->making_group = false;
        ask(container);
    } else
        container_stream_ready(container, (slice){NULL, 0});
}

static void ask(struct container *container)
{
    struct ship *ship = &container->ship;
    struct arena *arena = arena_open();
    struct val body = val_object();
    val_set(arena, &body, S("logGroupName"), val_string(ship->group));
    if (!ship->making_group)
        val_set(arena, &body, S("logStreamName"), val_string(ship->stream));
    struct msg request = {
        .kind = MSG_REQUEST,
        .origin = S("runner"),
        .request_id = container->id,
        .service = S("logs"),
        .protocol = S("internal"),
        .operation = ship->making_group ? S("CreateLogGroup") : S("CreateLogStream"),
        .account = ship->account,
        .region = ship->region,
        .body = json_text(arena, &body),
    };
    ship->call_id = bus_send(container->runner->logs, &request, on_answer, container);
    arena_close(arena);
}

void streams_prepare(struct container *container)
{
    ask(container);
}

void streams_cancel(struct container *container)
{
    struct ship *ship = &container->ship;
    ev_timer_stop(container->runner->loop, &ship->retry);
    if (ship->call_id)
        bus_forget(container->runner->logs, ship->call_id);
    ship->call_id = 0;
}
