/* telemetry: what happens in an environment, collected for each subscription and brought to its listener in batches. */
#include "runner/functions/telemetry.h"

#include "common/arena.h"
#include "common/time.h"
#include "runner/functions/functions.h"
#include "runner/peer.h"

enum { MAX_WAITING = 4 * 1024 * 1024, MAX_BACKLOG = 1024 * 1024 };

/* The platform's events that not every API knows. */
static const struct {
    slice type;
    bool telemetry, logs;
} known[] = {
    {S("platform.initStart"), true, false},
    {S("platform.initRuntimeDone"), true, false},
    {S("platform.initReport"), true, false},
    {S("platform.telemetrySubscription"), true, false},
    {S("platform.logsSubscription"), false, true},
    {S("platform.end"), false, true},
    {S("platform.fault"), false, true},
};

struct event {
    struct event *next;
    enum telemetry_kind kind;
    int64_t at_ms;
    slice type, record;
    slice object; /* the record of a line that is a JSON object, as such */
};

struct subscription {
    struct subscription *next;
    struct environment *environment;
    slice extension;
    bool logs;
    struct subscription_request wants;
    struct delivery *delivery;
    struct buf waiting; /* events, a line each */
    size_t n_waiting;
    size_t in_flight, n_in_flight; /* bytes and events of them that are being brought */
    bool due;
    int64_t dropped_bytes, dropped_events, told_bytes, told_events; /* told: of these, in the batch in flight */
    const char *dropped_why;
    ev_timer timer;
};

struct telemetry {
    struct arena *arena;         /* of the backlog */
    struct event *first, **last; /* what has happened until the environment is ready, for who subscribes then */
    size_t bytes;
    bool begun;
    struct subscription *subscriptions;
};

static struct ev_loop *loop_of(const struct environment *environment)
{
    return environment->blueprint->functions->runner->loop;
}

static struct telemetry *telemetry_of(struct environment *environment)
{
    struct telemetry *telemetry = environment->telemetry;
    if (telemetry)
        return telemetry;
    telemetry = environment->telemetry = arena_alloc(environment->arena, sizeof(*telemetry));
    telemetry->last = &telemetry->first;
    return telemetry;
}

bool telemetry_wanted(const struct environment *environment)
{
    return !environment->telemetry || !environment->telemetry->begun || environment->telemetry->subscriptions;
}

/* Batches */

static void add_text(struct subscription *subscription, slice text)
{
    buf_add(&subscription->waiting, text);
    buf_add_char(&subscription->waiting, '\n');
    subscription->n_waiting++;
}

static slice event_text(struct arena *arena, const struct event *event, bool objects)
{
    slice time = time_iso8601(arena, event->at_ms, true);
    slice record = objects && event->object.ptr ? event->object : event->record;
    return arena_printf(arena, "{\"time\":\"%.*s\",\"type\":\"%.*s\",\"record\":%.*s}", SLICE_ARG(time),
                        SLICE_ARG(event->type), SLICE_ARG(record));
}

/* What was lost is the first thing that is said when something can be said again. */
static void add_dropped(struct subscription *subscription, struct buf *batch)
{
    struct arena *arena = arena_open();
    struct event event = {.at_ms = time_now_ms(), .type = S("platform.logsDropped")};
    event.record = arena_printf(arena, "{\"droppedBytes\":%lld,\"droppedRecords\":%lld,\"reason\":\"%s\"}",
                                (long long)subscription->dropped_bytes, (long long)subscription->dropped_events,
                                subscription->dropped_why);
    subscription->told_bytes = subscription->dropped_bytes;
    subscription->told_events = subscription->dropped_events;
    buf_add(batch, event_text(arena, &event, false));
    buf_add_char(batch, '\n');
    arena_close(arena);
}

static bool has_lost(const struct subscription *subscription)
{
    return subscription->dropped_events > 0 && (subscription->wants.kinds & TELEMETRY_PLATFORM);
}

static void drop(struct subscription *subscription, size_t bytes, size_t events, const char *why)
{
    subscription->dropped_bytes += (int64_t)bytes;
    subscription->dropped_events += (int64_t)events;
    subscription->dropped_why = why;
}

static void send_batch(struct subscription *subscription)
{
    const struct subscription_request *wants = &subscription->wants;
    slice waiting = buf_slice(&subscription->waiting);
    size_t bytes = 0, events = 0;
    struct buf batch = {0};
    if (delivery_is_busy(subscription->delivery) || (waiting.len == 0 && !has_lost(subscription)))
        return;
    while (bytes < waiting.len && (int64_t)events < wants->max_items) {
        size_t length = slice_index(slice_sub(waiting, bytes, waiting.len), '\n') + 1;
        if (events > 0 && (int64_t)(bytes + length) > wants->max_bytes)
            break;
        bytes += length;
        events++;
    }
    subscription->in_flight = bytes;
    subscription->n_in_flight = events;
    subscription->due = bytes < waiting.len;
    ev_timer_stop(loop_of(subscription->environment), &subscription->timer);
    if (has_lost(subscription))
        add_dropped(subscription, &batch);
    buf_add(&batch, slice_sub(waiting, 0, bytes));
    delivery_send(subscription->delivery, buf_slice(&batch));
    buf_deinit(&batch);
}

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct subscription *subscription = timer->data;
    (void)loop;
    (void)events;
    subscription->due = true;
    send_batch(subscription);
}

static void arm(struct subscription *subscription)
{
    struct ev_loop *loop = loop_of(subscription->environment);
    if (subscription->n_waiting == 0 || ev_is_active(&subscription->timer))
        return;
    ev_timer_set(&subscription->timer, (double)subscription->wants.timeout_ms / 1000, 0);
    ev_now_update(loop);
    ev_timer_start(loop, &subscription->timer);
}

/* After a loss it is tried once more, to say so; then when something happens again. */
static void on_delivered(void *context, enum delivery_result result)
{
    struct subscription *subscription = context;
    bool tells_again = result != DELIVERY_DONE && subscription->in_flight > 0;
    buf_consume(&subscription->waiting, subscription->in_flight);
    subscription->n_waiting -= subscription->n_in_flight;
    if (result == DELIVERY_DONE) {
        subscription->dropped_bytes -= subscription->told_bytes;
        subscription->dropped_events -= subscription->told_events;
    } else if (subscription->in_flight > 0)
        drop(subscription, subscription->in_flight, subscription->n_in_flight,
             "Some logs were dropped because they could not be sent to the destination");
    subscription->in_flight = subscription->n_in_flight = 0;
    subscription->told_bytes = subscription->told_events = 0;
    if (subscription->due || tells_again)
        send_batch(subscription);
    else
        arm(subscription);
}

static bool knows(const struct subscription *subscription, slice type)
{
    if (slice_eq(type, S("platform.runtimeDone")))
        return subscription->wants.runtime_done;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (slice_eq(known[i].type, type))
            return subscription->logs ? known[i].logs : known[i].telemetry;
    }
    return true;
}

static void add_event(struct subscription *subscription, const struct event *event)
{
    const struct subscription_request *wants = &subscription->wants;
    struct arena *arena;
    if (!(wants->kinds & event->kind) || (event->kind == TELEMETRY_PLATFORM && !knows(subscription, event->type)))
        return;
    arena = arena_open();
    slice text = event_text(arena, event, wants->objects);
    if (subscription->waiting.len + text.len < MAX_WAITING)
        add_text(subscription, text);
    else
        drop(subscription, text.len, 1,
             "Some logs were dropped because the downstream consumer is slower than the logs production rate");
    arena_close(arena);
    if ((int64_t)subscription->n_waiting >= wants->max_items ||
        (int64_t)subscription->waiting.len >= wants->max_bytes) {
        subscription->due = true;
        send_batch(subscription);
    }
    arm(subscription);
}

/* Events */

static void keep(struct telemetry *telemetry, const struct event *event)
{
    telemetry->bytes += sizeof(*event) + event->record.len + event->object.len;
    if (telemetry->begun || telemetry->bytes > MAX_BACKLOG)
        return;
    if (!telemetry->arena)
        telemetry->arena = arena_open();
    struct event *copy = arena_copy(telemetry->arena, event, sizeof(*event));
    copy->next = NULL;
    copy->type = slice_dup(telemetry->arena, event->type);
    copy->record = slice_dup(telemetry->arena, event->record);
    copy->object = slice_dup(telemetry->arena, event->object);
    *telemetry->last = copy;
    telemetry->last = &copy->next;
}

static void happen(struct environment *environment, const struct event *event)
{
    struct telemetry *telemetry = telemetry_of(environment);
    keep(telemetry, event);
    for (struct subscription *one = telemetry->subscriptions; one; one = one->next)
        add_event(one, event);
}

void telemetry_platform(struct environment *environment, slice type, slice record)
{
    if (!telemetry_wanted(environment))
        return;
    struct event event = {.kind = TELEMETRY_PLATFORM, .at_ms = time_now_ms(), .type = type, .record = record};
    happen(environment, &event);
}

void telemetry_line(struct environment *environment, enum telemetry_kind kind, slice line)
{
    struct val document;
    slice why;
    if (!telemetry_wanted(environment))
        return;
    struct arena *arena = arena_open();
    struct val text = val_string(arena_concat(arena, line, S("\n")));
    struct event event = {.kind = kind,
                          .at_ms = time_now_ms(),
                          .type = kind == TELEMETRY_FUNCTION ? S("function") : S("extension"),
                          .record = json_text(arena, &text)};
    if (environment->blueprint->json && slice_starts(line, S("{")) && json_parse(arena, line, &document, &why) == 0)
        event.object = line;
    happen(environment, &event);
    arena_close(arena);
}

/* Subscriptions */

static bool admits(void *context)
{
    const struct subscription *subscription = context;
    const struct container *container = subscription->environment->container;
    return container && peer_listens(subscription->wants.port, container->pid);
}

static void close_subscription(struct subscription *subscription)
{
    ev_timer_stop(loop_of(subscription->environment), &subscription->timer);
    delivery_close(subscription->delivery);
    buf_deinit(&subscription->waiting);
}

static void replace(struct telemetry *telemetry, struct subscription *subscription)
{
    struct subscription **link = &telemetry->subscriptions;
    while (*link) {
        struct subscription *one = *link;
        if (one->logs == subscription->logs && slice_eq(one->extension, subscription->extension)) {
            *link = one->next;
            close_subscription(one);
        } else
            link = &one->next;
    }
    *link = subscription;
}

bool telemetry_subscribe(struct environment *environment, slice extension, slice body, bool logs, const char **why)
{
    struct arena *arena = environment->arena;
    struct telemetry *telemetry = telemetry_of(environment);
    struct subscription *subscription = arena_alloc(arena, sizeof(*subscription));
    if (!subscription_read(arena, body, logs, &subscription->wants, why))
        return false;
    const struct delivery_config config = {.loop = loop_of(environment),
                                           .arena = arena,
                                           .port = subscription->wants.port,
                                           .path = subscription->wants.path,
                                           .tcp = subscription->wants.tcp,
                                           .admits = admits,
                                           .on_end = on_delivered,
                                           .context = subscription};
    subscription->environment = environment;
    subscription->extension = extension;
    subscription->logs = logs;
    subscription->delivery = delivery_open(&config);
    ev_init(&subscription->timer, on_timeout);
    subscription->timer.data = subscription;
    replace(telemetry, subscription);
    for (const struct event *event = telemetry->first; event; event = event->next)
        add_event(subscription, event);
    journal_subscription(environment, extension, subscription->wants.kinds, logs);
    return true;
}

void telemetry_begun(struct environment *environment)
{
    struct telemetry *telemetry = telemetry_of(environment);
    telemetry->begun = true;
    telemetry->first = NULL;
    if (telemetry->arena)
        arena_close(telemetry->arena);
    telemetry->arena = NULL;
}

void telemetry_flush(struct environment *environment)
{
    struct subscription *first = environment->telemetry ? environment->telemetry->subscriptions : NULL;
    for (struct subscription *one = first; one; one = one->next) {
        one->due = true;
        send_batch(one);
    }
}

void telemetry_close(struct environment *environment)
{
    struct telemetry *telemetry = environment->telemetry;
    if (!telemetry)
        return;
    for (struct subscription *one = telemetry->subscriptions; one; one = one->next)
        close_subscription(one);
    telemetry->subscriptions = NULL;
    telemetry_begun(environment);
}
