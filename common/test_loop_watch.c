/* What --loop-limit logs, and what it does not. */
#include "common/log.h"
#include "common/loop_watch.h"

#include <ev.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { LOG_BYTES = 16384, LIMIT_MS = 40 };

static char logged[LOG_BYTES];

static void work_ms(int64_t ms)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    int64_t until_ns = now.tv_sec * 1000000000LL + now.tv_nsec + ms * 1000000;
    while (now.tv_sec * 1000000000LL + now.tv_nsec < until_ns)
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
}

static void on_blocking(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)timer, (void)events;
    loop_watch_did(S("ListTables"));
    poll(NULL, 0, LIMIT_MS + 20);
    loop_watch_did(S("CreateTable"));
    loop_watch_did_to(S("PUT"), S("/bucket/key"));
}

static void on_many(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)timer, (void)events;
    for (int i = 0; i < 20; i++) {
        work_ms(4);
        loop_watch_did(S("PutItem"));
    }
}

static void on_unnamed(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)timer, (void)events;
    poll(NULL, 0, LIMIT_MS + 20);
}

static void on_work(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)timer, (void)events;
    work_ms(LIMIT_MS / 2);
    loop_watch_did(S("PutItem"));
}

/* What is logged while a loop that watches itself runs this once. */
static const char *log_of(void (*callback)(struct ev_loop *, ev_timer *, int), int64_t limit_ms)
{
    int kept = dup(STDERR_FILENO), file = memfd_create("log", MFD_CLOEXEC);
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    ev_timer first, second;
    ev_timer_init(&first, callback, 0.001, 0);
    ev_timer_init(&second, callback, 0.002, 0); /* the turn before it ends is over */
    ev_timer_start(loop, &first);
    dup2(file, STDERR_FILENO);
    loop_watch_begin(loop, limit_ms);
    ev_run(loop, 0);
    ev_timer_start(loop, &second);
    ev_run(loop, 0);
    loop_watch_end();
    dup2(kept, STDERR_FILENO);
    ev_loop_destroy(loop);
    ssize_t n = pread(file, logged, LOG_BYTES - 1, 0);
    logged[n > 0 ? n : 0] = 0;
    close(kept);
    close(file);
    return logged;
}

static void test_blocking(void **state)
{
    (void)state;
    const char *text = log_of(on_blocking, LIMIT_MS);
    assert_non_null(strstr(text, "warn: loop busy for "));
    assert_non_null(strstr(text, "in CreateTable"));
    assert_null(strstr(text, "ListTables"));
    assert_null(strstr(text, "/bucket/key"));
}

static void test_unnamed(void **state)
{
    (void)state;
    assert_non_null(strstr(log_of(on_unnamed, LIMIT_MS), "in an unnamed step"));
}

/* Many calls of one batch are no fault of any of them. */
static void test_many_short_steps(void **state)
{
    (void)state;
    log_init("test", LOG_DEBUG);
    const char *text = log_of(on_many, LIMIT_MS);
    log_init("test", LOG_INFO);
    assert_null(strstr(text, "loop busy"));
    assert_non_null(strstr(text, "debug: a turn of the loop took "));
    assert_non_null(strstr(text, "in PutItem"));
}

static void test_off(void **state)
{
    (void)state;
    assert_string_equal(log_of(on_blocking, 0), "");
}

/* Others have the processor most of the time: that is not the loop's doing. */
static void test_busy_machine(void **state)
{
    (void)state;
    enum { OTHERS = 3 };
    cpu_set_t all, one;
    pid_t others[OTHERS];
    if (access("/proc/thread-self/schedstat", R_OK) != 0)
        skip();
    sched_getaffinity(0, sizeof(all), &all);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof(one), &one);
    for (int i = 0; i < OTHERS; i++) {
        others[i] = fork();
        if (others[i] == 0)
            for (;;)
                work_ms(1000);
    }
    const char *text = log_of(on_work, LIMIT_MS);
    for (int i = 0; i < OTHERS; i++) {
        kill(others[i], SIGKILL);
        waitpid(others[i], NULL, 0);
    }
    sched_setaffinity(0, sizeof(all), &all);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocking), cmocka_unit_test(test_unnamed),      cmocka_unit_test(test_many_short_steps),
        cmocka_unit_test(test_off),      cmocka_unit_test(test_busy_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
