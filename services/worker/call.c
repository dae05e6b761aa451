/* call: see call.h: recording errors, effects, and what wakes whom. Questions and waiting are in later.c. */
#include "services/worker/impl.h"

#include <stdio.h>

int fail_with(struct call *c, const struct api_error *error, const struct val *extra, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    c->error = error;
    c->error_extra = extra;
    c->error_message = arena_vprintf(c->arena, format, args);
    va_end(args);
    return CALL_FAILED;
}

int fail(struct call *c, const struct api_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    c->error = error;
    c->error_extra = NULL;
    c->error_message = arena_vprintf(c->arena, format, args);
    va_end(args);
    return CALL_FAILED;
}

void call_effect(struct call *c, slice target, slice name, slice body)
{
    db_run(c->db, worker_sql(c->worker, WORKER_SQL_OUTBOX_ADD), "ttt", target, name, body);
    c->worker->effects_added = true;
}

void call_timer_changed(struct call *c)
{
    c->worker->timer_changed = true;
}

void call_made_file(struct call *c, slice path)
{
    *list_add(c->worker->batch, &c->worker->made) = slice_dup(c->worker->batch, path);
}

slice call_body_path(struct call *c)
{
    if (slice_empty(c->request->body_file))
        return (slice){NULL, 0};
    return arena_printf(c->arena, "%.*s/spool/%.*s", SLICE_ARG(c->conf->state_dir), SLICE_ARG(c->request->body_file));
}

void call_event_reply(struct call *c, slice json)
{
    c->event_reply = json;
}
