/* Tests of the whole router as a process: answers that grow in a file while they are sent. The test is the writer. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/fdio.h"
#include "router/rig.h"

static char *path_of(struct rig *f, const char *name)
{
    return rig_text(f, "%s/spool/%s", f->state_dir.ptr, name);
}

static int begin(struct rig *f, const char *name)
{
    int fd = open(path_of(f, name), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

static void add(int fd, const char *text)
{
    assert_int_equal(fdio_write_all(fd, slice_of(text)), 0);
}

static void end(int fd)
{
    assert_int_equal(fchmod(fd, 0400), 0);
    close(fd);
}

static void ask(struct rig *f, struct rig_client *c, const char *version, const char *name)
{
    rig_say(
        c, rig_text(f, "POST / HTTP/%s\r\nHost: h\r\nX-Amz-Target: Logs_20140328.Grow\r\nContent-Length: %zu\r\n\r\n%s",
                    version, strlen(name), name));
}

/* Exactly these bytes come next. */
static void hear(struct rig_client *c, const char *text)
{
    slice wanted = slice_of(text);
    while (c->in.len < wanted.len)
        if (!rig_hear_more(c))
            fail_msg("the connection ended after '%.*s'", SLICE_ARG(buf_slice(&c->in)));
    if (!slice_starts(buf_slice(&c->in), wanted))
        fail_msg("'%.*s' is not '%s'", SLICE_ARG(buf_slice(&c->in)), text);
    buf_consume(&c->in, wanted.len);
}

static void test_grows(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    int fd = begin(f, "stream-1");
    ask(f, &c, "1.1", "stream-1");
    struct rig_answer a = rig_hear(f, &c);
    assert_int_equal(a.status, 200);
    assert_true(slice_eq(rig_header(a.head, S("transfer-encoding")), S("chunked")));
    assert_null(rig_header(a.head, S("content-length")).ptr);
    add(fd, "first");
    hear(&c, "5\r\nfirst\r\n");
    assert_int_equal(access(path_of(f, "stream-1"), F_OK), -1);
    add(fd, "and the second");
    hear(&c, "e\r\nand the second\r\n");
    /* What was asked meanwhile is answered behind. */
    rig_say(&c, RIG_CALL("Constant", "0", ""));
    end(fd);
    hear(&c, "0\r\n\r\n");
    assert_int_equal(rig_hear(f, &c).status, 200);
    rig_hang_up(&c);
}

static void test_was_there(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    int fd = begin(f, "whole");
    slice content = rig_bytes(f, 100000);
    assert_int_equal(fdio_write_all(fd, content), 0);
    end(fd);
    ask(f, &c, "1.1", "whole");
    assert_int_equal(rig_hear(f, &c).status, 200);
    hear(&c, rig_text(f, "10000\r\n%.*s\r\n", 65536, content.ptr));
    hear(&c, rig_text(f, "86a0\r\n%.*s\r\n0\r\n\r\n", 100000 - 65536, content.ptr + 65536));
    ask(f, &c, "1.1", "none");
    assert_int_equal(rig_hear(f, &c).status, 500);
    rig_hang_up(&c);
}

static void test_breaks_off(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    int fd = begin(f, "broken");
    add(fd, "half");
    ask(f, &c, "1.1", "broken");
    assert_int_equal(rig_hear(f, &c).status, 200);
    hear(&c, "4\r\nhalf\r\n");
    add(fd, "more");
    close(fd);
    hear(&c, "4\r\nmore\r\n");
    rig_assert_closed(&c);
    rig_hang_up(&c);
    /* The same of one whose writer had gone before. */
    c = rig_dial(f);
    close(begin(f, "left"));
    ask(f, &c, "1.1", "left");
    assert_int_equal(rig_hear(f, &c).status, 200);
    rig_assert_closed(&c);
    rig_hang_up(&c);
}

static void test_without_chunks(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    int fd = begin(f, "old");
    ask(f, &c, "1.0", "old");
    add(fd, "first");
    struct rig_answer a = rig_hear(f, &c);
    assert_int_equal(a.status, 200);
    assert_null(rig_header(a.head, S("transfer-encoding")).ptr);
    assert_true(slice_eq(rig_header(a.head, S("connection")), S("close")));
    hear(&c, "first");
    add(fd, " second");
    hear(&c, " second");
    end(fd);
    rig_assert_closed(&c);
    rig_hang_up(&c);
}

/* Nothing is left behind, and others are served. */
static void test_client_leaves(void **state)
{
    struct rig *f = *state;
    struct rig_client left = rig_dial(f), other = rig_dial(f);
    int fd = begin(f, "unwanted");
    ask(f, &left, "1.1", "unwanted");
    assert_int_equal(rig_hear(f, &left).status, 200);
    add(fd, "first");
    hear(&left, "5\r\nfirst\r\n");
    rig_hang_up(&left);
    for (int i = 0; i < 100; i++)
        add(fd, "more");
    assert_int_equal(rig_call(f, &other, "Constant", S("")).status, 200);
    end(fd);
    fd = begin(f, "wanted");
    ask(f, &other, "1.1", "wanted");
    assert_int_equal(rig_hear(f, &other).status, 200);
    add(fd, "this");
    hear(&other, "4\r\nthis\r\n");
    end(fd);
    hear(&other, "0\r\n\r\n");
    rig_hang_up(&other);
}

/* One client reads nothing: the other's stream goes on. */
static void test_slow_client(void **state)
{
    struct rig *f = *state;
    struct rig_client slow = rig_dial(f), quick = rig_dial(f);
    slice content = rig_bytes(f, 16 * 1024 * 1024);
    int fd = begin(f, "slow"), quick_fd = begin(f, "quick");
    ask(f, &slow, "1.1", "slow");
    assert_int_equal(fdio_write_all(fd, content), 0);
    ask(f, &quick, "1.1", "quick");
    assert_int_equal(rig_hear(f, &quick).status, 200);
    add(quick_fd, "quick");
    hear(&quick, "5\r\nquick\r\n");
    end(quick_fd);
    hear(&quick, "0\r\n\r\n");
    end(fd);
    assert_int_equal(rig_hear(f, &slow).status, 200);
    while (!slice_ends(buf_slice(&slow.in), S("\r\n0\r\n\r\n")))
        assert_true(rig_hear_more(&slow));
    assert_true(slow.in.len > content.len);
    rig_hang_up(&slow);
    rig_hang_up(&quick);
}

int main(int argc, char *argv[])
{
    int code = rig_main(argc, argv);
    if (code >= 0)
        return code;
#define TEST(function) cmocka_unit_test_setup_teardown(function, rig_set_up, rig_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_grows),          TEST(test_was_there),     TEST(test_breaks_off),
        TEST(test_without_chunks), TEST(test_client_leaves), TEST(test_slow_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
