/* Tests of output: lines, ends of lines, long lines, rotation and the tail. */
#include "supervisor/output.h"

#include "common/arena.h"
#include "common/fdio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
    struct arena *arena;
    const char *dir;
    struct output output;
};

static int set_up(void **state)
{
    struct arena *arena = arena_open();
    struct fixture *f = arena_alloc(arena, sizeof(*f));
    f->arena = arena;
    f->dir = mkdtemp(arena_copy(arena, "/tmp/output-XXXXXX", sizeof("/tmp/output-XXXXXX")));
    *state = f;
    return f->dir ? output_open(&f->output, f->dir, "x", false) : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    output_close(&f->output);
    fdio_remove_tree(f->dir);
    arena_close(f->arena);
    return 0;
}

static void print(struct fixture *f, slice text)
{
    assert_int_equal(fdio_write_all(f->output.write_fd, text), 0);
}

static void assert_file(struct fixture *f, slice expected)
{
    slice content = S("");
    fdio_read_file(f->arena, f->output.path, 2 * (size_t)OUTPUT_FILE_BYTES, &content);
    assert_true(slice_eq(content, expected));
}

static void whole_lines_only(void **state)
{
    struct fixture *f = *state;
    print(f, S("one\ntw"));
    output_read(&f->output);
    assert_file(f, S("one\n"));
    print(f, S("o\n\nthree"));
    output_read(&f->output);
    assert_file(f, S("one\ntwo\n\n"));
    output_finish(&f->output);
    assert_file(f, S("one\ntwo\n\nthree\n"));
    output_finish(&f->output);
    assert_file(f, S("one\ntwo\n\nthree\n"));
}

static void tail_is_the_newest_lines(void **state)
{
    struct fixture *f = *state;
    slice tail = output_tail(&f->output, 2);
    assert_true(slice_eq(tail, S("")));
    print(f, S("one\ntwo\nthree\n"));
    output_read(&f->output);
    tail = output_tail(&f->output, 2);
    assert_true(slice_eq(tail, S("two\nthree\n")));
    tail = output_tail(&f->output, 10);
    assert_true(slice_eq(tail, S("one\ntwo\nthree\n")));
}

static slice long_text(struct fixture *f, size_t len)
{
    char *text = arena_alloc(f->arena, len);
    memset(text, 'x', len);
    return (slice){text, len};
}

static void a_line_without_end_is_cut(void **state)
{
    struct fixture *f = *state;
    slice part = long_text(f, OUTPUT_LINE_BYTES / 4);
    for (int i = 0; i < 4; i++) {
        print(f, part);
        output_read(&f->output);
    }
    assert_int_equal(f->output.partial.len, 0);
    slice tail = output_tail(&f->output, 1);
    assert_true(tail.len <= OUTPUT_TAIL_BYTES && slice_ends(tail, S("x\n")));
}

static void the_file_is_bounded(void **state)
{
    struct fixture *f = *state;
    slice line = arena_concat(f->arena, long_text(f, 32 * 1024 - 1), S("\n"));
    for (int i = 0; i < 3 * OUTPUT_FILE_BYTES / (32 * 1024); i++) {
        print(f, line);
        output_read(&f->output);
    }
    struct stat st;
    assert_int_equal(stat(f->output.path, &st), 0);
    assert_true(st.st_size <= OUTPUT_FILE_BYTES);
    assert_int_equal(stat(arena_printf(f->arena, "%s.1", f->output.path).ptr, &st), 0);
    assert_int_equal(st.st_size, OUTPUT_FILE_BYTES);
}

static void the_file_is_continued(void **state)
{
    struct fixture *f = *state;
    print(f, S("one\n"));
    output_finish(&f->output);
    output_close(&f->output);
    assert_int_equal(output_open(&f->output, f->dir, "x", false), 0);
    print(f, S("two\n"));
    output_finish(&f->output);
    assert_file(f, S("one\ntwo\n"));
}

int main(void)
{
#define output_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        output_test(whole_lines_only),    output_test(tail_is_the_newest_lines), output_test(a_line_without_end_is_cut),
        output_test(the_file_is_bounded), output_test(the_file_is_continued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
