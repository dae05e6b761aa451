/* Tests of db: migrations, savepoints, sticky errors, what survives. */
#include "common/arena.h"
#include "common/db.h"
#include "common/err.h"
#include "common/fdio.h"
#include "common/opt.h"
#include "common/reserve.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { INSERT, LIST, PAGES, BROKEN };

static const char *const migrations[] = {
    "CREATE TABLE t (k TEXT PRIMARY KEY, n INTEGER, b BLOB) STRICT; CREATE TABLE meta_m (x INTEGER)",
    "ALTER TABLE t ADD COLUMN d REAL",
    NULL,
};
static const char *const old_migrations[] = {
    "CREATE TABLE t (k TEXT PRIMARY KEY, n INTEGER, b BLOB) STRICT",
    NULL,
};
static const char *const statements[] = {
    "INSERT INTO t (k, n, b) VALUES (?, ?, ?)",
    "SELECT k, n, b FROM t ORDER BY k",
    "SELECT COUNT(*) FROM t WHERE n > ?",
    "INSERT INTO t (k, n) VALUES (?, 'not a number' || ?)",
};

static struct arena *arena;
static struct db *db;
static char folder[] = "/tmp/awssim-test-db-XXXXXX";
static slice path;

static int open_as(const char *const *versions, size_t n)
{
    struct db_config config = {path.ptr, versions, statements, n};
    slice why = {0};
    int result = db_open(arena, &config, &db, &why);
    assert_true(result == 0 || why.len > 0);
    return result;
}

static void insert(const char *key, int64_t n)
{
    db_run(db, INSERT, "tIb", slice_of(key), n < 0 ? (struct opt_int){0} : opt_int(n), S("\0b"));
}

static int count(void)
{
    int n = 0;
    db_call_begin(db, arena);
    struct db_rows rows = db_query(db, LIST, "");
    while (db_next(&rows))
        n++;
    assert_int_equal(db_call_end(db, true), 0);
    return n;
}

static void test_migrate(void **state)
{
    assert_int_equal(open_as(old_migrations, 1), 0);
    db_close(db);
    assert_int_equal(open_as(migrations, 4), 0);
    db_close(db);
    assert_int_equal(open_as(old_migrations, 1), DB_NEWER);
}

static void test_savepoints(void **state)
{
    assert_int_equal(open_as(migrations, 4), 0);
    db_call_begin(db, arena);
    insert("a", 1);
    assert_int_equal(db_call_end(db, true), 0);
    db_call_begin(db, arena);
    insert("b", 2);
    assert_int_equal(db_call_end(db, false), 0);
    db_call_begin(db, arena);
    insert("c", -1);
    insert("c", 3); /* a duplicate: the call fails, and with it its first insert */
    insert("d", 4);
    assert_int_equal(db_call_end(db, true), FAULT_SQL);
    assert_true(strstr(db_error(db), "UNIQUE") != NULL);
    db_call_begin(db, arena);
    insert("e", -1);
    struct db_rows rows = db_query(db, LIST, "");
    assert_true(db_next(&rows) && slice_eq(db_text(&rows, 0), S("a")) && db_int(&rows, 1) == 1);
    assert_true(slice_eq(db_text(&rows, 2), S("\0b")));
    assert_true(db_next(&rows) && slice_eq(db_text(&rows, 0), S("e")) && db_is_null(&rows, 1));
    assert_int_equal(db_call_end(db, true), 0); /* closes the rows left open */
    assert_int_equal(db_commit(db), 0);
    db_close(db);
    assert_int_equal(open_as(migrations, 4), 0);
    assert_int_equal(count(), 2);
    db_rest(db);
    db_call_begin(db, arena);
    assert_int_equal(db_reset(db), 0);
    assert_int_equal(db_call_end(db, true), 0);
    assert_int_equal(db_commit(db), 0);
    assert_int_equal(count(), 0);
    db_close(db);
}

static void test_uncommitted_is_lost(void **state)
{
    assert_int_equal(open_as(migrations, 4), 0);
    db_call_begin(db, arena);
    insert("a", 1);
    assert_int_equal(db_call_end(db, true), 0);
    db_close(db);
    assert_int_equal(open_as(migrations, 4), 0);
    assert_int_equal(count(), 0);
    db_close(db);
}

/* -1: there is none. */
static int64_t reserve_bytes(void)
{
    struct stat st;
    return stat(arena_printf(arena, "%s-reserve", path.ptr).ptr, &st) == 0 ? st.st_size : -1;
}

static void test_full_disk(void **state)
{
    const char *const limited[] = {"INSERT INTO t (k, b) VALUES (?, zeroblob(?))", "SELECT k, n, b FROM t ORDER BY k",
                                   "SELECT COUNT(*) FROM t WHERE n > ?", "PRAGMA max_page_count = 20"};
    struct db_config config = {path.ptr, migrations, limited, 4};
    slice why;
    assert_int_equal(db_open(arena, &config, &db, &why), 0);
    db_call_begin(db, arena);
    struct db_rows rows = db_query(db, 3, "");
    while (db_next(&rows))
        ;
    db_run(db, 0, "ti", S("small"), (int64_t)10);
    assert_int_equal(db_call_end(db, true), 0);
    assert_int_equal(db_commit(db), 0);
    db_call_begin(db, arena);
    assert_false(db_is_full(db));
    assert_true(reserve_bytes() >= RESERVE_BYTES);
    db_run(db, 0, "ti", S("large"), (int64_t)1000000);
    assert_int_equal(db_call_end(db, true), FAULT_FULL);
    assert_true(db_is_full(db));
    assert_int_equal(reserve_bytes(), 0);
    assert_int_equal(count(), 1); /* the batch is lost, what stands is read */
    db_commit(db);
    db_call_begin(db, arena);
    db_note(db, 0, "ti", S("note"), (int64_t)1000000);
    assert_int_equal(db_call_end(db, true), 0);
    assert_int_equal(count(), 1);
    db_commit(db);
    db_call_begin(db, arena);
    db_run(db, 0, "ti", S("again"), (int64_t)10);
    assert_int_equal(db_call_end(db, true), 0);
    assert_int_equal(db_commit(db), 0);
    assert_int_equal(count(), 2);
    while (db_is_full(db)) /* there is room enough: it finds out soon */
        ;
    assert_true(reserve_bytes() >= RESERVE_BYTES);
    db_close(db);
    assert_int_equal(reserve_bytes(), -1);
}

/* What the log may need to be copied is held back too, until it begins anew. */
static void test_reserve(void **state)
{
    const int64_t log = 3 * 1024 * 1024 + 1;
    struct reserve *reserve = reserve_open(arena_printf(arena, "%s-reserve", path.ptr).ptr);
    assert_int_equal(reserve_bytes(), RESERVE_BYTES);
    reserve_hold(reserve, log);
    assert_int_equal(reserve_bytes(), RESERVE_BYTES + 4 * 1024 * 1024);
    reserve_hold(reserve, 0);
    assert_int_equal(reserve_bytes(), RESERVE_BYTES);
    reserve_release(reserve);
    assert_int_equal(reserve_bytes(), 0);
    assert_true(reserve_is_needed(reserve));
    while (reserve_is_needed(reserve))
        ;
    assert_int_equal(reserve_bytes(), RESERVE_BYTES);
    reserve_close(reserve);
    assert_int_equal(reserve_bytes(), -1);
    assert_true(reserve_is_full(ENOSPC) && reserve_is_full(EDQUOT) && !reserve_is_full(EIO));
}

static void insert_blob(int64_t key, int64_t bytes)
{
    db_call_begin(db, arena);
    db_run(db, 0, "ii", key, bytes);
    assert_int_equal(db_call_end(db, true), 0);
    assert_int_equal(db_commit(db), 0);
}

static int64_t log_bytes(void)
{
    struct stat st;
    assert_int_equal(stat(arena_printf(arena, "%s-wal", path.ptr).ptr, &st), 0);
    return st.st_size;
}

/* Somebody always writes: the log is copied beside him, begins anew, and its file does not grow with what was written.
 */
static void test_log_stays_short(void **state)
{
    enum { ROUNDS = 600, BLOB = 256 * 1024, MOST = (128 + 8) * 1024 * 1024 };
    const char *const own[] = {"INSERT OR REPLACE INTO t (k, b) VALUES (?, zeroblob(?))",
                               "SELECT SUM(LENGTH(b)) FROM t"};
    struct db_config config = {path.ptr, migrations, own, 2};
    slice why;
    int restarts = 0;
    assert_int_equal(db_open(arena, &config, &db, &why), 0);
    for (int64_t i = 0; i < ROUNDS; i++) {
        insert_blob(i % 40, BLOB);
        if (!db_tend(db))
            continue;
        db_restart_log(db);
        restarts++;
        assert_false(db_tend(db));
    }
    assert_true(restarts > 0);
    assert_true(log_bytes() < MOST);
    for (int64_t i = 0; log_bytes() > 0; i++) { /* what is cut waits for a moment without writers */
        db_rest(db);
        assert_true(i < INT64_MAX);
    }
    insert_blob(0, BLOB);
    assert_true(log_bytes() > 0);
    db_close(db);
    assert_true(access(arena_printf(arena, "%s-wal", path.ptr).ptr, F_OK) != 0);
    assert_int_equal(db_open(arena, &config, &db, &why), 0);
    db_call_begin(db, arena);
    struct db_rows rows = db_query(db, 1, "");
    assert_true(db_next(&rows) && db_int(&rows, 0) == 40 * BLOB);
    assert_int_equal(db_call_end(db, true), 0);
    db_close(db);
}

static int setup(void **state)
{
    arena = arena_open();
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    if (!mkdtemp(folder))
        return -1;
    path = arena_printf(arena, "%s/t.db", folder);
    return 0;
}

static int teardown(void **state)
{
    arena_close(arena);
    return fdio_remove_tree(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_migrate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_savepoints, setup, teardown),
        cmocka_unit_test_setup_teardown(test_uncommitted_is_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reserve, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_stays_short, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
