/* reports: events for the owners of containers, in order, kept until they are acknowledged, and sent again from the
 * oldest when the owner dies or could not store one. */
#include "runner/runner.h"

#include "common/arena.h"
#include "common/log.h"

#include <stdlib.h>

/* Workers that may have given containers to a runner; they are told of each new one. */
static const char *const owners[] = {"ecs"};
enum { N_OWNERS = sizeof(owners) / sizeof(*owners) };

static const double retry_seconds = 0.2;

struct report {
    struct report *next;
    struct lane *lane;
    int64_t number;
    uint64_t call_id; /* 0: not under way */
    slice name;
    slice body;
};

/* The queue to one owner. */
struct lane {
    struct reports *reports;
    const char *owner;
    struct bus_peer *peer;
    struct report *first;
    struct report *last;
};

struct reports {
    struct runner *runner;
    struct lane lanes[N_OWNERS];
    int64_t next_number;
    ev_timer retry;
};

static void send_all(struct lane *lane);

static void take_out(struct report *report)
{
    struct lane *lane = report->lane;
    struct report **link = &lane->first, *previous = NULL;
    while (*link != report) {
        previous = *link;
        link = &(*link)->next;
    }
    *link = report->next;
    if (lane->last == report)
        lane->last = previous;
    free(report);
}

static void rewind_lane(struct lane *lane)
{
    for (struct report *report = lane->first; report; report = report->next) {
        if (report->call_id)
            bus_forget(lane->peer, report->call_id);
        report->call_id = 0;
    }
}

static void on_acknowledged(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    struct report *report = context;
    struct lane *lane = report->lane;
    report->call_id = 0;
    if (outcome == BUS_REPLIED && reply->status < 500) {
        take_out(report);
        return;
    }
    rewind_lane(lane);
    ev_timer_again(lane->reports->runner->loop, &lane->reports->retry);
}

static void send_all(struct lane *lane)
{
    struct runner *runner = lane->reports->runner;
    struct arena *arena = arena_open();
    for (struct report *report = lane->first; report; report = report->next) {
        if (report->call_id)
            continue;
        struct msg event = {
            .kind = MSG_EVENT,
            .origin = S("runner"),
            .service = slice_of(lane->owner),
            .operation = report->name,
            .event_id =
                arena_printf(arena, "%.*s-%s:%lld", SLICE_ARG(runner->boot), lane->owner, (long long)report->number),
            .body = report->body,
        };
        report->call_id = bus_send(lane->peer, &event, on_acknowledged, report);
    }
    arena_close(arena);
}

static void on_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct reports *reports = timer->data;
    (void)events;
    ev_timer_stop(loop, timer);
    for (size_t i = 0; i < N_OWNERS; i++)
        send_all(&reports->lanes[i]);
}

static struct lane *lane_of(struct reports *reports, slice owner)
{
    for (size_t i = 0; i < N_OWNERS; i++) {
        if (slice_eq(slice_of(owners[i]), owner))
            return &reports->lanes[i];
    }
    return NULL;
}

void reports_send(struct reports *reports, slice owner, slice name, const struct val *body)
{
    struct lane *lane = lane_of(reports, owner);
    if (!lane)
        return;
    struct arena *arena = arena_open();
    slice text = json_text(arena, body);
    struct report *report = calloc(1, sizeof(*report) + name.len + text.len + 1);
    if (!report)
        abort();
    char *bytes = (char *)(report + 1);
    memcpy(bytes, name.ptr, name.len);
    memcpy(bytes + name.len, text.ptr, text.len);
    report->lane = lane;
    report->number = ++reports->next_number;
    report->name = (slice){bytes, name.len};
    report->body = (slice){bytes + name.len, text.len};
    arena_close(arena);
    if (lane->last)
        lane->last->next = report;
    else
        lane->first = report;
    lane->last = report;
    if (!ev_is_active(&reports->retry))
        send_all(lane);
}

void reports_on_peer(struct reports *reports, struct bus_peer *peer, bool up)
{
    for (size_t i = 0; up && i < N_OWNERS; i++) {
        if (reports->lanes[i].peer == peer)
            send_all(&reports->lanes[i]);
    }
}

struct reports *reports_open(struct runner *runner)
{
    struct reports *reports = calloc(1, sizeof(*reports));
    if (!reports)
        abort();
    reports->runner = runner;
    ev_init(&reports->retry, on_retry);
    reports->retry.repeat = retry_seconds;
    reports->retry.data = reports;
    struct val body = val_object();
    val_set(runner->arena, &body, S("boot"), val_string(runner->boot));
    for (size_t i = 0; i < N_OWNERS; i++) {
        reports->lanes[i] =
            (struct lane){.reports = reports, .owner = owners[i], .peer = bus_peer(runner->bus, slice_of(owners[i]))};
        reports_send(reports, slice_of(owners[i]), S("RunnerStarted"), &body);
    }
    return reports;
}

void reports_close(struct reports *reports)
{
    for (size_t i = 0; i < N_OWNERS; i++) {
        rewind_lane(&reports->lanes[i]);
        while (reports->lanes[i].first)
            take_out(reports->lanes[i].first);
    }
    ev_timer_stop(reports->runner->loop, &reports->retry);
    free(reports);
}
