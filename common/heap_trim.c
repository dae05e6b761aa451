/* heap_trim: see heap_trim.h. */
#include "common/heap_trim.h"

#include "common/loop_watch.h"

#include <ev.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    MAPPED_BYTES = 256 * 1024,        /* an allocation from this size on is mapped by itself */
    WORTH_BYTES = 1536 * 1024,        /* a change since last time that is worth the work */
    QUIET_NS = 1000 * 1000 * 1000 / 4 /* of processor time between two looks; more is work */
};

static const double look_seconds = 1;

static struct {
    struct ev_loop *loop; /* NULL: not begun */
    ev_prepare turn;
    ev_timer look;
    bool own_turn; /* nothing but a look has woken the loop */
    void (*release)(void *context);
    void *context;
    int statm;
    size_t settled_bytes; /* in memory after the last time */
    size_t peak_bytes;    /* the most that has been seen since then */
    int64_t worked_ns;    /* processor time at the last look */
} trim;

/* Private memory of the process. */
static size_t resident_bytes(void)
{
    char text[128];
    ssize_t n = pread(trim.statm, text, sizeof(text) - 1, 0);
    if (n <= 0)
        return 0;
    text[n] = 0;
    char *after;
    strtoul(text, &after, 10);
    unsigned long resident = strtoul(after, &after, 10), shared = strtoul(after, &after, 10);
    return (resident - shared) * (size_t)sysconf(_SC_PAGESIZE);
}

static int64_t processor_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void give_back(void)
{
    if (trim.release)
        trim.release(trim.context);
    malloc_trim(0);
    trim.settled_bytes = trim.peak_bytes = resident_bytes();
    loop_watch_did(S("giving memory back"));
}

static void look_later(void)
{
    ev_timer_set(&trim.look, look_seconds, 0);
    ev_timer_start(trim.loop, &trim.look);
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    int64_t worked_ns = processor_ns();
    size_t now_bytes = resident_bytes();
    bool quiet = worked_ns - trim.worked_ns < QUIET_NS;
    (void)loop;
    (void)timer;
    (void)events;
    trim.worked_ns = worked_ns;
    trim.own_turn = true;
    if (now_bytes > trim.peak_bytes)
        trim.peak_bytes = now_bytes;
    /* What was in use last time may have been freed meanwhile. */
    if (now_bytes < trim.settled_bytes + WORTH_BYTES && trim.peak_bytes < now_bytes + WORTH_BYTES)
        return;
    if (quiet)
        give_back();
    else
        look_later();
}

/* Behind whatever has woken the loop. */
static void on_turn(struct ev_loop *loop, ev_prepare *turn, int events)
{
    (void)loop;
    (void)turn;
    (void)events;
    if (!trim.own_turn && !ev_is_active(&trim.look))
        look_later();
    trim.own_turn = false;
}

void heap_trim_init(void)
{
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
}

void heap_trim_begin(struct ev_loop *loop, void (*release)(void *context), void *context)
{
    trim.loop = loop;
    trim.release = release;
    trim.context = context;
    trim.statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    trim.settled_bytes = trim.peak_bytes = resident_bytes();
    trim.worked_ns = processor_ns();
    ev_init(&trim.look, on_look);
    ev_prepare_init(&trim.turn, on_turn);
    if (trim.statm >= 0)
        ev_prepare_start(loop, &trim.turn);
}

void heap_trim_end(void)
{
    if (!trim.loop)
        return;
    ev_timer_stop(trim.loop, &trim.look);
    ev_prepare_stop(trim.loop, &trim.turn);
    if (trim.statm >= 0)
        close(trim.statm);
    trim.loop = NULL;
}
