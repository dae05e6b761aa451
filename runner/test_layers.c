/* Which unpacked layers a runner process keeps, with an ecr played by the test. */
#include "runner/test_bench.h"

#include "common/arena.h"
#include "common/fdio.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct bus *ecr;

/* 64 digits, all the same. */
static const char *hex_of(char digit)
{
    char *hex = arena_alloc(bench.arena, 65);
    memset(hex, digit, 64);
    return hex;
}

static const char *layer_path(const char *name)
{
    return arena_printf(bench.arena, "%s/state/images/layers/%s", bench.dir, name).ptr;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static const char *blob_path(const char *hex)
{
    return arena_printf(bench.arena, "%s/state/ecr/blobs/sha256/%.2s/%s", bench.dir, hex, hex).ptr;
}

static void make_blob(const char *hex, const char *text)
{
    assert_int_equal(fdio_mkdirs(arena_printf(bench.arena, "%s/state/ecr/blobs/sha256/%.2s", bench.dir, hex).ptr, 0755),
                     0);
    assert_int_equal(fdio_replace_file(blob_path(hex), slice_of(text), 0644), 0);
}

/* As the unpacker leaves one, last used so many seconds after 1970. */
static void make_layer(char digit, long long gigabytes, time_t used)
{
    const char *hex = hex_of(digit), *size = arena_printf(bench.arena, "%s.size", layer_path(hex)).ptr;
    struct timespec times[2] = {{used, 0}, {used, 0}};
    slice bytes = arena_printf(bench.arena, "%lld", gigabytes << 30);
    assert_int_equal(fdio_mkdirs(arena_printf(bench.arena, "%s/etc", layer_path(hex)).ptr, 0755), 0);
    assert_int_equal(fdio_replace_file(size, bytes, 0644), 0);
    assert_int_equal(utimensat(AT_FDCWD, size, times, 0), 0);
}

static void restart_runner(int signal_number)
{
    bench_signal_runner(signal_number);
    bench_runner_end();
    bench_start_runner();
    bench_wait_runner_up();
}

/* Neither a layer in half nor one that is being removed. */
static bool none_hidden(const void *context)
{
    bool none = true;
    DIR *dir = opendir(layer_path(""));
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        none = none && (entry->d_name[0] != '.' || !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."));
    closedir(dir);
    (void)context;
    return none;
}

static void on_change(struct ev_loop *loop, ev_io *io, int events)
{
    char changes[4096];
    (void)loop;
    (void)events;
    while (read(io->fd, changes, sizeof(changes)) > 0)
        continue;
}

static void wait_none_hidden(void)
{
    ev_io io;
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    assert_true(inotify_add_watch(fd, layer_path(""), IN_DELETE | IN_MOVED_FROM) >= 0);
    ev_io_init(&io, on_change, fd, EV_READ);
    ev_io_start(bench.loop, &io);
    bench_wait(none_hidden, NULL);
    ev_io_stop(bench.loop, &io);
    close(fd);
}

static void test_kept_at_start(void **state)
{
    (void)state;
    static const char used_longest_ago = '1', used_later = '2', used_last = '3', without_blob = '4';
    const char *half = arena_printf(bench.arena, ".%s", hex_of('5')).ptr;
    make_layer(used_longest_ago, 9, 1000);
    make_layer(used_later, 9, 2000);
    make_layer(used_last, 9, 3000);
    make_layer(without_blob, 0, 4000);
    for (char digit = '1'; digit < '4'; digit++)
        make_blob(hex_of(digit), "");
    const char *folder = arena_printf(bench.arena, "%s/etc/deep", layer_path(half)).ptr;
    assert_int_equal(fdio_mkdirs(folder, 0755), 0);
    assert_int_equal(chmod(arena_printf(bench.arena, "%s/etc", layer_path(half)).ptr, 0500), 0);
    assert_int_equal(fdio_mkdirs(layer_path(".gone-x"), 0755), 0);
    restart_runner(SIGKILL);
    assert_false(exists(layer_path(hex_of(used_longest_ago))));
    assert_false(exists(arena_printf(bench.arena, "%s.size", layer_path(hex_of(used_longest_ago))).ptr));
    assert_true(exists(layer_path(hex_of(used_later))));
    assert_true(exists(layer_path(hex_of(used_last))));
    assert_false(exists(layer_path(hex_of(without_blob))));
    wait_none_hidden();
}

/* The tag of the image is the digit of its only layer. */
static void on_ecr(void *context, const struct bus_item *items, size_t count)
{
    (void)context;
    for (size_t i = 0; i < count; i++) {
        if (items[i].msg.kind != MSG_REQUEST)
            continue;
        ssize_t at = slice_find(items[i].msg.body, S("\"imageTag\":\""));
        assert_true(at > 0);
        char digit = items[i].msg.body.ptr[at + 12];
        slice manifest =
            arena_printf(bench.arena,
                         "{\\\"config\\\":{\\\"digest\\\":\\\"sha256:%s\\\"},\\\"layers\\\":[{\\\"digest\\\":"
                         "\\\"sha256:%s\\\"}]}",
                         hex_of('c'), hex_of(digit));
        struct msg answer = {.status = 200,
                             .body = arena_printf(bench.arena,
                                                  "{\"images\":[{\"imageId\":{\"imageDigest\":\"d\"},"
                                                  "\"imageManifest\":\"%.*s\"}]}",
                                                  SLICE_ARG(manifest))};
        bus_answer(ecr, &items[i].from, &answer);
    }
}

static void open_ecr(void)
{
    struct bus_config config = {.loop = bench.loop,
                                .run_dir = arena_printf(bench.arena, "%s/run", bench.dir).ptr,
                                .self = "ecr",
                                .on_batch = on_ecr};
    assert_int_equal(bus_open(&config, &ecr), 0);
    make_blob(hex_of('c'), "{\"config\":{\"Cmd\":[\"/none\"]}}");
}

/* Its command cannot start; it is there all the same until its task is removed. */
static void run_image(char digit)
{
    make_blob(hex_of(digit), "");
    bench_send(
        "StartContainer",
        "{'task': 'T%c', 'container': '%c', 'name': 'main', 'image': 'i', 'ecr': {'account': '1', 'region': 'r', "
        "'repository': 'i', 'tag': '%c'}}",
        digit, digit, digit);
    bench_report("ContainerStopped", arena_printf(bench.arena, "%c", digit).ptr);
    assert_true(exists(layer_path(hex_of(digit))));
    assert_true(exists(arena_printf(bench.arena, "%s.size", layer_path(hex_of(digit))).ptr));
}

static void test_kept_while_used(void **state)
{
    (void)state;
    open_ecr();
    run_image('1');
    unlink(blob_path(hex_of('1')));
    run_image('2');
    assert_true(exists(layer_path(hex_of('1'))));
    assert_int_equal(bench_command("RemoveTask", "{'task': 'T1'}"), 200);
    run_image('3');
    assert_false(exists(layer_path(hex_of('1'))));
    assert_true(exists(layer_path(hex_of('2'))));
    assert_int_equal(bench_command("Reset", "{}"), 200);
    assert_false(exists(layer_path(hex_of('2'))));
    assert_false(exists(layer_path(hex_of('3'))));
    wait_none_hidden();
    bus_close(ecr);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, bench_setup, bench_teardown)

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {TEST(kept_at_start), TEST(kept_while_used)};
    if (argc < 2)
        return 2;
    bench_use(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
