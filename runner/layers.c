/* layers: see layers.h. A layer is given up by a rename, and removed by a process of its own. */
#include "runner/layers.h"

#include "common/arena.h"
#include "common/fdio.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/loop_watch.h"
#include "common/map.h"
#include "runner/runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEX_DIGITS = 64, MAX_SIZE_BYTES = 32 };

struct layer {
    slice hex;
    int64_t bytes;
    struct timespec used;
    bool unneeded; /* no image has it any more */
};

struct layer_list {
    struct layer *items;
    size_t len;
    bool set;
};

static slice path_of(struct runner *runner, struct arena *arena, slice name)
{
    return arena_printf(arena, "%.*s/images/layers/%.*s", SLICE_ARG(runner->root_dir), SLICE_ARG(name));
}

static slice size_path(struct runner *runner, struct arena *arena, slice hex)
{
    return path_of(runner, arena, arena_concat(arena, hex, S(".size")));
}

bool layers_use(struct runner *runner, slice hex)
{
    struct arena *arena = arena_open();
    bool there = access(path_of(runner, arena, hex).ptr, F_OK) == 0;
    if (there)
        utimensat(AT_FDCWD, size_path(runner, arena, hex).ptr, NULL, 0);
    arena_close(arena);
    return there;
}

static void remove_beside(struct runner *runner);

static void on_removed(struct ev_loop *loop, ev_io *io, int events)
{
    struct runner *runner = io->data;
    (void)events;
    if (waitpid(runner->layers.remover, NULL, WNOHANG) != runner->layers.remover)
        return;
    ev_io_stop(loop, io);
    close(io->fd);
    runner->layers.remover = 0;
    if (runner->layers.again)
        remove_beside(runner);
    loop_watch_did(S("removed layers"));
}

/* One process at a time; it takes what it finds when it starts. */
static void remove_beside(struct runner *runner)
{
    struct layers *layers = &runner->layers;
    struct arena *arena = arena_open();
    char *envp[] = {NULL};
    char *argv[] = {arena_copy(arena, "awssim-unpack", sizeof("awssim-unpack")),
                    arena_copy(arena, "--remove", sizeof("--remove")),
                    (char *)(uintptr_t)path_of(runner, arena, S("")).ptr, NULL};
    layers->again = layers->remover != 0;
    int result = layers->again ? 0 : posix_spawn(&layers->remover, runner->unpacker, NULL, NULL, argv, envp);
    arena_close(arena);
    if (layers->again)
        return;
    int pidfd = result == 0 ? (int)syscall(SYS_pidfd_open, layers->remover, 0) : -1;
    if (pidfd < 0) {
        log_error("cannot remove unused layers: %s", strerror(result != 0 ? result : errno));
        return;
    }
    ev_io_init(&layers->pidfd, on_removed, pidfd, EV_READ);
    layers->pidfd.data = runner;
    ev_io_start(runner->loop, &layers->pidfd);
}

/* From now on it is not there. One that a former runner gave up and that is still being removed stays as long. */
static bool give_up(struct runner *runner, struct arena *arena, slice name)
{
    slice gone = path_of(runner, arena, arena_concat(arena, S(".gone-"), name));
    if (rename(path_of(runner, arena, name).ptr, gone.ptr) != 0)
        return false;
    unlink(size_path(runner, arena, name).ptr);
    return true;
}

static bool is_needed(struct runner *runner, struct arena *arena, slice hex)
{
    slice blob =
        arena_printf(arena, "%.*s/ecr/blobs/sha256/%.2s/%.*s", SLICE_ARG(runner->root_dir), hex.ptr, SLICE_ARG(hex));
    return access(blob.ptr, F_OK) == 0;
}

static struct layer read_layer(struct runner *runner, struct arena *arena, slice hex)
{
    struct layer layer = {.hex = hex, .unneeded = !is_needed(runner, arena, hex)};
    const char *path = size_path(runner, arena, hex).ptr;
    struct stat st;
    slice text;
    if (stat(path, &st) == 0)
        layer.used = st.st_mtim;
    if (fdio_read_file(arena, path, MAX_SIZE_BYTES, &text) == 0)
        slice_to_int64(text, &layer.bytes);
    return layer;
}

/* The digests of all layers of all containers. */
static struct map *used_layers(struct runner *runner)
{
    struct map *used = map_open();
    size_t position = 0;
    slice key;
    void *value;
    while (map_next(runner->containers, &position, &key, &value)) {
        const struct container *container = value;
        list_foreach (hex, &container->image.layers)
            map_set(used, *hex, runner);
    }
    return used;
}

static int by_use(const void *a, const void *b)
{
    const struct layer *left = a, *right = b;
    if (left->unneeded != right->unneeded)
        return left->unneeded ? -1 : 1;
    if (left->used.tv_sec != right->used.tv_sec)
        return left->used.tv_sec < right->used.tv_sec ? -1 : 1;
    return left->used.tv_nsec < right->used.tv_nsec ? -1 : left->used.tv_nsec > right->used.tv_nsec;
}

/* Those no container uses, the first to go first. *total: the bytes of all, used ones included. */
static struct layer_list unused_layers(struct runner *runner, struct arena *arena, int64_t *total)
{
    struct layer_list unused = {0};
    struct map *used = used_layers(runner);
    DIR *dir = opendir(path_of(runner, arena, S("")).ptr);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        slice name = slice_dup(arena, slice_of(entry->d_name));
        if (name.len != HEX_DIGITS || name.ptr[0] == '.')
            continue;
        struct layer layer = read_layer(runner, arena, name);
        *total += layer.bytes;
        if (!map_get(used, name))
            *list_add(arena, &unused) = layer;
    }
    if (dir)
        closedir(dir);
    map_close(used);
    if (unused.len > 1)
        qsort(unused.items, unused.len, sizeof(*unused.items), by_use);
    return unused;
}

void layers_tidy(struct runner *runner, int64_t limit_bytes)
{
    struct arena *arena = arena_open();
    int64_t total = 0;
    size_t given_up = 0;
    struct layer_list unused = unused_layers(runner, arena, &total);
    list_foreach (layer, &unused) {
        if (!layer->unneeded && total <= limit_bytes)
            break;
        if (!give_up(runner, arena, layer->hex))
            continue;
        total -= layer->bytes;
        given_up++;
    }
    if (given_up > 0) {
        log_info("%zu unused layers of images are removed", given_up);
        remove_beside(runner);
    }
    arena_close(arena);
}

/* What has a dot was being unpacked or removed. */
static bool find_halves(struct runner *runner, struct arena *arena)
{
    bool found = false;
    DIR *dir = opendir(path_of(runner, arena, S("")).ptr);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        slice name = slice_of(entry->d_name);
        if (name.ptr[0] != '.' || slice_eq(name, S(".")) || slice_eq(name, S("..")))
            continue;
        found = true;
        if (!slice_starts(name, S(".gone-")))
            give_up(runner, arena, name);
    }
    if (dir)
        closedir(dir);
    return found;
}

void layers_open(struct runner *runner)
{
    struct arena *arena = arena_open();
    if (find_halves(runner, arena))
        remove_beside(runner);
    arena_close(arena);
    layers_tidy(runner, LIMIT_UNPACKED_LAYERS_BYTES);
}

void layers_close(struct runner *runner)
{
    if (runner->layers.remover > 0) {
        ev_io_stop(runner->loop, &runner->layers.pidfd);
        close(runner->layers.pidfd.fd);
    }
}
