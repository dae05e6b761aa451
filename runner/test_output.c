/* Tests of lines and spool: how output is cut into lines, and how batches wait in memory and on disk. */
#include "common/arena.h"
#include "common/fdio.h"
#include "common/limits.h"
#include "runner/lines.h"
#include "runner/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static struct arena *arena;
static struct lines lines;
static char seen[64][64];
static size_t n_seen, longest;

static void keep(void *context, slice line)
{
    (void)context;
    longest = line.len > longest ? line.len : longest;
    if (n_seen < 64) {
        size_t n = line.len < 63 ? line.len : 63;
        memcpy(seen[n_seen], line.ptr, n);
        seen[n_seen][n] = '\0';
    }
    n_seen++;
}

static void add(const char *text)
{
    lines_add(&lines, slice_of(text), keep, NULL);
}

static void test_lines(void **state)
{
    add("one\ntw");
    assert_int_equal(n_seen, 1);
    add("o\n\n\nthree\r\nfo");
    assert_int_equal(n_seen, 3);
    add("ur");
    lines_end(&lines, keep, NULL);
    lines_end(&lines, keep, NULL);
    assert_int_equal(n_seen, 4);
    assert_string_equal(seen[0], "one");
    assert_string_equal(seen[1], "two");
    assert_string_equal(seen[2], "three\r");
    assert_string_equal(seen[3], "four");
}

static void test_long_lines(void **state)
{
    char *text = arena_alloc(arena, 700000);
    memset(text, 'x', 700000);
    for (size_t i = 0; i < 700000; i += 7)
        lines_add(&lines, (slice){text + i, 7}, keep, NULL);
    lines_add(&lines, S("\n"), keep, NULL);
    assert_int_equal(n_seen, 3);
    assert_true(longest + 26 <= LIMIT_LOG_EVENT_BYTES);
    for (size_t i = 0; i + 2 < 700000; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    text[0] = 'x'; /* now every cut would go through a character */
    memmove(text + 1, "\xc3\xa4\xc3\xa4", 4);
    n_seen = longest = 0;
    lines_add(&lines, (slice){text, 600000}, keep, NULL);
    lines_end(&lines, keep, NULL);
    assert_true(n_seen >= 3 && longest + 26 <= LIMIT_LOG_EVENT_BYTES);
}

static void put(struct spool *spool, int number, bool to_disk)
{
    assert_int_equal(
        spool_add(spool, arena_printf(arena, "id:%d", number), arena_printf(arena, "body %d", number), to_disk), 0);
}

static void take(struct spool *spool, int number)
{
    const struct spool_batch *batch = spool_front(spool);
    assert_non_null(batch);
    assert_true(slice_eq(batch->id, arena_printf(arena, "id:%d", number)));
    assert_true(slice_eq(batch->body, arena_printf(arena, "body %d", number)));
    spool_drop(spool);
}

static void test_spool(void **state)
{
    char folder[] = "/tmp/awssim-test-spool-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct spool spool = {.path = arena_printf(arena, "%s/s", folder).ptr};
    assert_true(spool_empty(&spool));
    put(&spool, 1, false);
    put(&spool, 2, true);
    put(&spool, 3, false); /* behind what is on disk */
    take(&spool, 1);
    put(&spool, 4, false);
    for (int n = 2; n <= 4; n++)
        take(&spool, n);
    assert_true(spool_empty(&spool) && access(spool.path, F_OK) != 0);
    put(&spool, 5, false);
    put(&spool, 6, true);
    spool_close(&spool, true);
    struct spool later = {.path = spool.path};
    assert_int_equal(spool_open_leftover(&later), 0);
    assert_true(spool_bytes(&later) > 0);
    take(&later, 5);
    take(&later, 6);
    assert_true(spool_empty(&later));
    spool_close(&later, false);
    assert_int_equal(fdio_remove_tree(folder), 0);
}

static void test_spool_cut_short(void **state)
{
    char folder[] = "/tmp/awssim-test-spool-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct spool spool = {.path = arena_printf(arena, "%s/s", folder).ptr};
    put(&spool, 1, true);
    put(&spool, 2, true);
    spool_close(&spool, true);
    assert_int_equal(truncate(spool.path, 30), 0);
    struct spool later = {.path = spool.path};
    assert_int_equal(spool_open_leftover(&later), 0);
    take(&later, 1);
    assert_null(spool_front(&later));
    assert_true(spool_empty(&later));
    spool_close(&later, false);
    assert_int_equal(fdio_remove_tree(folder), 0);
}

static int setup(void **state)
{
    arena = arena_open();
    lines = (struct lines){0};
    n_seen = longest = 0;
    return 0;
}

static int teardown(void **state)
{
    lines_end(&lines, keep, NULL);
    arena_close(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spool, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spool_cut_short, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
