/* logs: what awssim's own processes have printed. (What tasks print is in CloudWatch Logs.) */
#include "tools/ctl/commands.h"
#include "tools/ctl/instance.h"
#include "tools/ctl/say.h"

#include "common/buf.h"
#include "common/fdio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, EVENT_BYTES = 4096 };

static const slice suffix = S(".log");

struct source {
    slice name;
    const char *path;
    int fd; /* -1: there is no file yet */
    struct buf partial;
};

struct source_list {
    struct source *items;
    size_t len;
    bool set;
};

struct logs {
    struct arena *arena;
    slice dir;
    slice only; /* absent: all */
    struct source_list sources;
};

static struct source *find(struct logs *logs, slice name)
{
    list_foreach (source, &logs->sources) {
        if (slice_eq(source->name, name))
            return source;
    }
    return NULL;
}

static void add(struct logs *logs, slice file)
{
    slice name = slice_sub(file, 0, file.len - suffix.len);
    if (!slice_ends(file, suffix) || (logs->only.ptr && !slice_eq(name, logs->only)) || find(logs, name))
        return;
    slice path = arena_printf(logs->arena, "%.*s/%.*s", SLICE_ARG(logs->dir), SLICE_ARG(file));
    *(struct source *)list_add(logs->arena, &logs->sources) =
        (struct source){slice_dup(logs->arena, name), path.ptr, -1, {.arena = logs->arena}};
}

static int scan(struct logs *logs)
{
    struct dirent **entries = NULL;
    int n = scandir(slice_cstr(logs->arena, logs->dir), &entries, NULL, alphasort);
    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++) {
        add(logs, slice_of(entries[i]->d_name));
        free(entries[i]);
    }
    free(entries);
    return 0;
}

static void print_lines(const struct logs *logs, const struct source *source, slice lines)
{
    slice line;
    while (lines.len > 0) {
        slice_cut(lines, '\n', &line, &lines);
        if (!logs->only.ptr)
            printf("%-10.*s | ", SLICE_ARG(source->name));
        printf("%.*s\n", SLICE_ARG(line));
    }
}

static void print_rest(const struct logs *logs, struct source *source)
{
    for (;;) {
        ssize_t n = read(source->fd, buf_reserve(&source->partial, READ_BYTES), READ_BYTES);
        if (n <= 0)
            return;
        source->partial.len += (size_t)n;
        slice text = buf_slice(&source->partial);
        const char *end = memrchr(text.ptr, '\n', text.len);
        if (!end)
            continue;
        size_t whole = (size_t)(end + 1 - text.ptr);
        print_lines(logs, source, slice_sub(text, 0, whole));
        buf_consume(&source->partial, whole);
    }
}

/* Whether another file has taken the path since ours was opened. */
static bool was_rotated(const struct source *source)
{
    struct stat ours, newest;
    return fstat(source->fd, &ours) == 0 && stat(source->path, &newest) == 0 && ours.st_ino != newest.st_ino;
}

static void print_new(const struct logs *logs, struct source *source)
{
    if (source->fd < 0)
        source->fd = open(source->path, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0)
        return;
    print_rest(logs, source);
    if (!was_rotated(source))
        return;
    fdio_cleanup(&source->fd);
    print_new(logs, source);
}

static void print_older(const struct logs *logs, struct source *source)
{
    slice path = arena_printf(logs->arena, "%s.1", source->path);
    source->fd = open(path.ptr, O_RDONLY | O_CLOEXEC);
    if (source->fd >= 0)
        print_rest(logs, source);
    fdio_cleanup(&source->fd);
}

static void print_all(struct logs *logs)
{
    list_foreach (source, &logs->sources)
        print_new(logs, source);
    fflush(stdout);
}

static int watch(const struct logs *logs)
{
    int fd = inotify_init1(IN_CLOEXEC);
    if (fd < 0)
        return -errno;
    return inotify_add_watch(fd, slice_cstr(logs->arena, logs->dir), IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0 ? -errno
                                                                                                              : fd;
}

/* Until somebody ends this process, or nobody reads it any more (SIGPIPE). */
static enum ctl_exit follow(struct logs *logs, int watch_fd)
{
    char *events = arena_alloc(logs->arena, EVENT_BYTES);
    while (read(watch_fd, events, EVENT_BYTES) > 0 || errno == EINTR) {
        scan(logs);
        print_all(logs);
    }
    return say(CTL_FAILED, "cannot follow %.*s: %s", SLICE_ARG(logs->dir), strerror(errno));
}

static enum ctl_exit refuse_name(struct logs *logs)
{
    slice wanted = logs->only, names = S("");
    logs->only = (slice){NULL, 0};
    scan(logs);
    list_foreach (source, &logs->sources)
        names = arena_printf(logs->arena, "%.*s %.*s", SLICE_ARG(names), SLICE_ARG(source->name));
    return say(CTL_FAILED, "there is no log of '%.*s'; there are:%.*s", SLICE_ARG(wanted), SLICE_ARG(names));
}

enum ctl_exit logs_run(struct ctl *ctl)
{
    struct instance instance;
    instance_find(ctl, &instance);
    struct logs logs = {.arena = ctl->arena, .dir = instance.log_dir, .only = ctl->argument};
    int watch_fd = ctl->options & CTL_FOLLOW ? watch(&logs) : -1;
    if (scan(&logs) != 0)
        return say(CTL_FAILED, "there are no logs in %.*s: awssim has not run with this state directory",
                   SLICE_ARG(logs.dir));
    if (ctl->argument.ptr && logs.sources.len == 0)
        return refuse_name(&logs);
    list_foreach (source, &logs.sources)
        print_older(&logs, source);
    print_all(&logs);
    return ctl->options & CTL_FOLLOW ? follow(&logs, watch_fd) : CTL_OK;
}
