/* logs: what awssim's own processes have printed, in order of time. (What tasks print is in CloudWatch Logs.) Each
 * process has a file of its own and an older one (supervisor/output.h); they are merged by the date that begins each
 * line. A line without a date belongs to the one before it. */
#include "tools/ctl/commands.h"
#include "tools/ctl/instance.h"
#include "tools/ctl/say.h"

#include "common/buf.h"
#include "common/fdio.h"
#include "common/time.h"

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
    int fd;       /* -1: no file is open */
    bool started; /* the older file has been opened, or is not there */
    struct buf text;
    size_t used; /* bytes of text that have been taken */
    slice line;  /* the next one, in text */
    bool has_line;
    int64_t ms; /* of the line, or of the last one that had a date */
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
    bool colours;
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
    struct source *source = list_add(logs->arena, &logs->sources);
    *source = (struct source){.name = slice_dup(logs->arena, name), .path = path.ptr, .fd = -1};
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

/* Whether another file has taken the path since ours was opened. */
static bool was_rotated(const struct source *source)
{
    struct stat ours, newest;
    return fstat(source->fd, &ours) == 0 && stat(source->path, &newest) == 0 && ours.st_ino != newest.st_ino;
}

/* Opens the file behind the one that has been read to its end: first the older one, then the newest. */
static bool open_next(const struct logs *logs, struct source *source)
{
    if (!source->started) {
        source->started = true;
        source->fd = open(arena_printf(logs->arena, "%s.1", source->path).ptr, O_RDONLY | O_CLOEXEC);
        if (source->fd >= 0)
            return true;
    }
    if (source->fd >= 0 && !was_rotated(source))
        return false;
    fdio_cleanup(&source->fd);
    source->fd = open(source->path, O_RDONLY | O_CLOEXEC);
    return source->fd >= 0;
}

static bool read_more(const struct logs *logs, struct source *source)
{
    buf_consume(&source->text, source->used);
    source->used = 0;
    ssize_t n = source->fd >= 0 ? read(source->fd, buf_reserve(&source->text, READ_BYTES), READ_BYTES) : 0;
    source->text.len += n > 0 ? (size_t)n : 0;
    return n > 0 || open_next(logs, source);
}

/* Whether there is a next line; it stays in place until the call after the next one. */
static bool fetch(const struct logs *logs, struct source *source)
{
    slice rest, date, behind;
    if (source->has_line)
        return true;
    for (;;) {
        rest = slice_sub(buf_slice(&source->text), source->used, source->text.len);
        if (slice_index(rest, '\n') < rest.len)
            break;
        if (!read_more(logs, source))
            return false;
    }
    slice_cut(rest, '\n', &source->line, &rest);
    source->used += source->line.len + 1;
    source->has_line = true;
    int64_t ms;
    if (slice_cut(source->line, ' ', &date, &behind) && slice_ends(date, S("Z")) && time_parse(date, &ms))
        source->ms = ms;
    return true;
}

/* The source whose next line is the oldest; NULL when none has one. */
static struct source *first(struct logs *logs)
{
    struct source *oldest = NULL;
    list_foreach (source, &logs->sources) {
        if (fetch(logs, source) && (!oldest || source->ms < oldest->ms))
            oldest = source;
    }
    return oldest;
}

/* The terminal's colour of a line by its level. */
static const char *colour_of(slice line)
{
    static const struct {
        slice mark;
        const char *colour;
    } levels[] = {{S(" error: "), "\033[31m"}, {S(" warn: "), "\033[33m"}, {S(" debug: "), "\033[2m"}};
    for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
        if (memmem(line.ptr, line.len, levels[i].mark.ptr, levels[i].mark.len))
            return levels[i].colour;
    }
    return "";
}

static void print_line(const struct logs *logs, const struct source *source)
{
    const char *colour = logs->colours ? colour_of(source->line) : "", *end = *colour ? "\033[0m" : "";
    if (!logs->only.ptr)
        printf(logs->colours ? "\033[36m%-10.*s\033[0m | " : "%-10.*s | ", SLICE_ARG(source->name));
    printf("%s%.*s%s\n", colour, SLICE_ARG(source->line), end);
}

static void print_all(struct logs *logs)
{
    for (struct source *source = first(logs); source; source = first(logs)) {
        print_line(logs, source);
        source->has_line = false;
    }
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
    struct logs logs = {
        .arena = ctl->arena, .dir = instance.log_dir, .only = ctl->argument, .colours = say_in_colours(STDOUT_FILENO)};
    int watch_fd = ctl->options & CTL_FOLLOW ? watch(&logs) : -1;
    if (scan(&logs) != 0)
        return say_other_owner(ctl)
                   ? CTL_FAILED
                   : say(CTL_FAILED, "there are no logs in %.*s: awssim has not run with this state directory",
                         SLICE_ARG(logs.dir));
    if (ctl->argument.ptr && logs.sources.len == 0)
        return refuse_name(&logs);
    print_all(&logs);
    enum ctl_exit code = ctl->options & CTL_FOLLOW ? follow(&logs, watch_fd) : CTL_OK;
    list_foreach (source, &logs.sources)
        buf_deinit(&source->text);
    return code;
}
