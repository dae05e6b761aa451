/* loop_watch: see loop_watch.h. The time is taken in libev's callbacks around its poll: nothing runs between them and
 * the watchers. */
#include "common/loop_watch.h"

#include "common/log.h"

#include <ev.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { NAME_BYTES = 80, NS_PER_MS = 1000000 };

struct moment {
    int64_t wall_ns;
    int64_t work_ns;   /* on a processor */
    int64_t queued_ns; /* ready to run, and not running */
};

static struct watch {
    struct ev_loop *loop; /* NULL: nothing is measured */
    int64_t limit_ns;
    int schedstat;       /* of the loop's thread; -1: the kernel has none */
    bool awake;          /* since the loop first slept */
    struct moment woken; /* this turn's beginning */
    struct moment last;  /* this step's */
    size_t steps;
    int64_t longest_ns;
    char longest[NAME_BYTES];
} watch;

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 * NS_PER_MS + now.tv_nsec;
}

/* The second number of schedstat: how long the thread has waited for a processor. */
static int64_t read_queued_ns(void)
{
    char text[96];
    ssize_t n = watch.schedstat >= 0 ? pread(watch.schedstat, text, sizeof(text) - 1, 0) : -1;
    if (n <= 0)
        return 0;
    text[n] = 0;
    char *after;
    strtoll(text, &after, 10);
    return strtoll(after, NULL, 10);
}

static struct moment read_moment(void)
{
    /* The clock is read last: what the processor was given to others while the file was read is in both. */
    int64_t queued_ns = read_queued_ns();
    return (struct moment){clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_THREAD_CPUTIME_ID), queued_ns};
}

static int64_t busy_ns(const struct moment *from, const struct moment *to)
{
    int64_t busy = to->wall_ns - from->wall_ns - (to->queued_ns - from->queued_ns);
    return busy > 0 ? busy : 0;
}

static double in_ms(int64_t ns)
{
    return (double)ns / NS_PER_MS;
}

/* Ends a step at this moment. */
static void end_step(const struct moment *now, slice what)
{
    int64_t busy = busy_ns(&watch.last, now);
    if (busy > watch.limit_ns)
        log_warn("loop busy for %.1f ms (%.1f ms of it working) in %.*s", in_ms(busy),
                 in_ms(now->work_ns - watch.last.work_ns), SLICE_ARG(what));
    if (busy > watch.longest_ns) {
        watch.longest_ns = busy;
        snprintf(watch.longest, sizeof(watch.longest), "%.*s", SLICE_ARG(what));
    }
    watch.steps++;
    watch.last = *now;
}

void loop_watch_did(slice what)
{
    if (!watch.loop || !watch.awake)
        return;
    struct moment now = read_moment();
    end_step(&now, what);
}

void loop_watch_did_to(slice what, slice which)
{
    char name[NAME_BYTES];
    if (!watch.loop || !watch.awake)
        return;
    int n = snprintf(name, sizeof(name), "%.*s %.*s", SLICE_ARG(what), SLICE_ARG(which));
    size_t most = sizeof(name) - 1;
    loop_watch_did((slice){name, n < 0 ? 0 : (size_t)n < most ? (size_t)n : most});
}

static void on_sleep(struct ev_loop *loop)
{
    (void)loop;
    if (!watch.awake)
        return;
    struct moment now = read_moment();
    end_step(&now, watch.steps == 0 ? S("an unnamed step") : S("what came after its last step"));
    int64_t busy = busy_ns(&watch.woken, &now);
    if (busy > watch.limit_ns && watch.longest_ns <= watch.limit_ns)
        log_debug("a turn of the loop took %.1f ms: %zu steps, the longest %.1f ms in %s", in_ms(busy), watch.steps,
                  in_ms(watch.longest_ns), watch.longest);
}

static void on_wake(struct ev_loop *loop)
{
    (void)loop;
    watch.awake = true;
    watch.woken = watch.last = read_moment();
    watch.steps = 0;
    watch.longest_ns = 0;
    watch.longest[0] = 0;
}

void loop_watch_begin(struct ev_loop *loop, int64_t limit_ms)
{
    if (limit_ms == 0)
        return;
    watch = (struct watch){.loop = loop, .limit_ns = limit_ms * NS_PER_MS};
    watch.schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    if (watch.schedstat < 0)
        log_warn("this kernel does not tell how long a thread waits for a processor: --loop-limit counts it as busy");
    ev_set_loop_release_cb(loop, on_sleep, on_wake);
}

void loop_watch_end(void)
{
    if (!watch.loop)
        return;
    ev_set_loop_release_cb(watch.loop, NULL, NULL);
    if (watch.schedstat >= 0)
        close(watch.schedstat);
    watch = (struct watch){0};
}
