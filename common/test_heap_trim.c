/* What heap_trim gives back, and when it does not wake the loop. */
#include "common/heap_trim.h"

#include <ev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BLOCKS = 64 * 1024, BLOCK_BYTES = 1024, MIB = 1024 * 1024 };

static struct ev_loop *loop;
static int released;

static size_t resident_bytes(void)
{
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &size, &resident), 2);
    fclose(file);
    return resident * 4096;
}

static void on_release(void *context)
{
    *(int *)context += 1;
    ev_break(loop, EVBREAK_ALL);
}

static void on_late(struct ev_loop *own, ev_timer *timer, int events)
{
    (void)timer, (void)events;
    ev_break(own, EVBREAK_ALL);
}

static void *blocks[BLOCKS];

static void on_work(struct ev_loop *own, ev_timer *timer, int events)
{
    (void)own, (void)timer, (void)events;
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(BLOCK_BYTES);
        memset(blocks[i], 1, BLOCK_BYTES);
    }
    for (int i = 0; i < BLOCKS - 1; i++) /* the last one keeps the heap from shrinking by itself */
        free(blocks[i]);
}

static void run(double seconds, void (*callback)(struct ev_loop *, ev_timer *, int))
{
    ev_timer late, work;
    ev_timer_init(&late, on_late, seconds, 0);
    ev_timer_init(&work, callback, 0.01, 0);
    ev_timer_start(loop, &late);
    ev_timer_start(loop, &work);
    ev_run(loop, 0);
    ev_timer_stop(loop, &late);
    ev_timer_stop(loop, &work);
}

static void test_given_back(void **state)
{
    (void)state;
    size_t before = resident_bytes();
    run(20, on_work);
    assert_int_equal(released, 1);
    /* The callback is called before pages are given back: one more turn. */
    ev_run(loop, EVRUN_NOWAIT);
#ifndef ARENA_MALLOC /* the allocator of sanitizers keeps what it has */
    assert_true(resident_bytes() < before + 16 * MIB);
#endif
    (void)before;
    free(blocks[BLOCKS - 1]);
}

static void nothing(struct ev_loop *own, ev_timer *timer, int events)
{
    (void)own, (void)timer, (void)events;
}

/* A loop that has become quiet is looked at once, and sleeps then. */
static void test_sleeps(void **state)
{
    (void)state;
    released = 0;
    run(2.5, nothing);
    unsigned turns = ev_iteration(loop);
    ev_timer late;
    ev_timer_init(&late, on_late, 2.5, 0);
    ev_timer_start(loop, &late);
    ev_run(loop, 0);
    assert_true(ev_iteration(loop) - turns <= 3);
    assert_int_equal(released, 0);
}

static int set_up(void **state)
{
    (void)state;
    heap_trim_init();
    loop = ev_loop_new(EVFLAG_AUTO);
    heap_trim_begin(loop, on_release, &released);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    heap_trim_end();
    ev_loop_destroy(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_given_back), cmocka_unit_test(test_sleeps)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
