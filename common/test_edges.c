/* Tests of the edges: what lies outside a call of db, bad UTF-8, far instants,
 * deep trees, odd options. */
#include "common/arena.h"
#include "common/conf.h"
#include "common/db.h"
#include "common/err.h"
#include "common/fdio.h"
#include "common/json.h"
#include "common/page.h"
#include "common/time.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static struct arena *arena;

static void test_db_outside_call(void **state)
{
    static const char *const migrations[] = {"CREATE TABLE t (k TEXT PRIMARY KEY) STRICT", NULL};
    static const char *const statements[] = {"INSERT INTO t VALUES (?)", "SELECT COUNT(*) FROM t"};
    struct db_config config = {":memory:", migrations, statements, 2};
    struct db *db;
    slice why;
    assert_int_equal(db_open(arena, &config, &db, &why), 0);
    db_run(db, 0, "t", S("a"));
    assert_int_equal(db_commit(db), 0);
    db_run(db, 0, "t", S("b"));
    db_run(db, 0, "t", S("a")); /* a duplicate: the whole batch is lost */
    assert_int_equal(db_commit(db), FAULT_SQL);
    db_call_begin(db, arena);
    struct db_rows rows = db_query(db, 1, "");
    assert_true(db_next(&rows));
    assert_int_equal(db_int(&rows, 0), 1);
    assert_int_equal(db_call_end(db, true), 0);
    db_close(db);
}

static void test_json_refused(void **state)
{
    const slice bad[] = {S("\"\xC0\xAF\""), S("\"\xED\xA0\x80\""), S("\"\xF5\x80\x80\x80\""), S("\"\xE2\x82\""),
                         S("[1e999]")};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct val value;
        slice why = {0};
        assert_int_equal(json_parse(arena, bad[i], &value, &why), BAD_INPUT);
        assert_true(why.len > 0);
    }
    struct json_writer *w = json_writer_open(arena);
    json_epoch(w, INT64_MIN);
    assert_true(slice_eq(json_writer_close(w), S("-9223372036854775.808")));
}

static void test_time(void **state)
{
    static const char *const bad[] = {"2026-02-29T00:00:00Z",          "2026-04-31T00:00:00Z",
                                      "2026-11-24T10:00:00+25:00",     "2026-11-24T10:00:00.Z",
                                      "Tue, 31 Feb 2026 10:00:00 GMT", ""};
    int64_t ms;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(time_parse(slice_of(bad[i]), &ms));
    assert_true(time_parse(S("2024-02-29T00:00:00Z"), &ms));
    assert_true(slice_eq(time_iso8601(arena, INT64_MAX, true), S("9999-12-31T23:59:59.999Z")));
    assert_true(slice_eq(time_iso8601(arena, INT64_MIN, false), S("0001-01-01T00:00:00Z")));
}

static void test_page_key_with_nul(void **state)
{
    slice key;
    assert_int_equal(page_key(arena, S("ListX"), page_token(arena, S("ListX"), S("a\0b")), &key), 0);
    assert_true(slice_eq(key, S("a\0b")));
}

/* Deeper than the process has descriptors. */
static void test_remove_deep_tree(void **state)
{
    char folder[] = "/tmp/awssim-test-edges-XXXXXX";
    assert_non_null(mkdtemp(folder));
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(mkdirat(at, "d", 0755), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
    }
    close(at);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit few = {100, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
    assert_int_equal(fdio_remove_tree(folder), 0);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(access(folder, F_OK), -1);
    assert_int_equal(fdio_remove_tree(folder), 0);
}

static int parse_argv(char *const argv[], struct conf *conf)
{
    struct slice_list rest = {0};
    slice why;
    int argc = 0;
    while (argv[argc])
        argc++;
    return conf_parse(arena, argc, argv, conf, &rest, &why);
}

/* A command line, split at spaces. */
static int parse(const char *line, struct conf *conf)
{
    char *argv[8] = {0}, *left = arena_copy(arena, line, strlen(line) + 1);
    for (size_t i = 0; i < 7; i++)
        argv[i] = strsep(&left, " ");
    return parse_argv(argv, conf);
}

static void test_conf(void **state)
{
    struct conf conf, again;
    assert_int_equal(parse("x --state-dir=/s --listen=[::1]:99", &conf), 0);
    assert_true(slice_eq(conf.listen, S("::1")) && conf.port == 99 && slice_eq(conf.run_dir, S("/s/run")));
    assert_int_equal(parse_argv(conf_argv(arena, &conf, "child"), &again), 0);
    assert_true(slice_eq(again.listen, conf.listen) && again.port == 99 && slice_eq(again.run_dir, conf.run_dir));
    assert_int_equal(parse("x --state-dir=/s --listen=:99 --port=7", &conf), 0);
    assert_true(slice_eq(conf.listen, S("0.0.0.0")) && conf.port == 7);
    assert_int_equal(parse("x --state-dir=/s --listen=", &conf), BAD_INPUT);
    assert_int_equal(parse("x --port=70000", &conf), BAD_INPUT);
    assert_int_equal(parse("x --profile=azure", &conf), BAD_INPUT);
    assert_int_equal(parse("/bin/simulator-aws --state-dir=/s", &conf), 0);
    assert_true(slice_eq(conf.profile, S("sockerless")));
}

/* No command line shows a secret; children find it in their environment. */
static void test_conf_secrets(void **state)
{
    (void)state;
    struct conf conf, again;
    char path[] = "/tmp/test-conf-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && dprintf(fd, "A:first\r\n\n  B:second \n") > 0 && close(fd) == 0);
    assert_int_equal(parse(arena_printf(arena, "x --state-dir=/s --root-keys=@%s", path).ptr, &conf), 0);
    assert_true(slice_eq(conf.root_keys, S("A:first,B:second")));
    char **argv = conf_argv_and(arena, &conf, "child", "last");
    size_t n = 0;
    for (; argv[n]; n++)
        assert_null(strstr(argv[n], "root-keys"));
    assert_string_equal(argv[n - 1], "last");
    conf_export_secrets(arena, &conf);
    assert_int_equal(parse_argv(conf_argv(arena, &conf, "child"), &again), 0);
    assert_true(slice_eq(again.root_keys, conf.root_keys));
    for (n = 0; conf_secret_variables[n]; n++)
        unsetenv(conf_secret_variables[n]);
    assert_int_equal(n, 1);
    assert_int_equal(parse_argv(conf_argv(arena, &conf, "child"), &again), 0);
    assert_true(slice_eq(again.root_keys, S("test:test")));
    unlink(path);
    assert_int_equal(parse("x --root-keys=@/nowhere", &conf), BAD_INPUT);
}

static int setup(void **state)
{
    clearenv();
    arena = arena_open();
    return 0;
}

static int teardown(void **state)
{
    arena_close(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_db_outside_call),   cmocka_unit_test(test_json_refused),     cmocka_unit_test(test_time),
        cmocka_unit_test(test_page_key_with_nul), cmocka_unit_test(test_remove_deep_tree), cmocka_unit_test(test_conf),
        cmocka_unit_test(test_conf_secrets),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
