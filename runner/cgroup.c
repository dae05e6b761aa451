/* cgroup: see cgroup.h. A task has a group with its own limit, below it each container has one:
 * OWN/awssim-BOOT/TASK/CONTAINER. */
#include "runner/cgroup.h"

#include "common/arena.h"
#include "common/err.h"
#include "common/fdio.h"
#include "common/log.h"
#include "runner/runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE = 64 * 1024, SMALLEST_MIB = 4, SMALLEST_SHARES = 2, LARGEST_SHARES = 262144, DEPTH = 3 };

static const char prefix[] = "awssim-";

/* 0, or -errno. */
static int write_text(slice folder, const char *file, slice text)
{
    char path[4096];
    if (snprintf(path, sizeof(path), "%.*s/%s", SLICE_ARG(folder), file) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = write(fd, text.ptr, text.len) == (ssize_t)text.len ? 0 : -errno;
    close(fd);
    return result;
}

/* This process's group of that controller, as a folder; absent when there is none. For the second version the
 * controller is "". */
static slice own_group(struct runner *runner, const char *own, const char *controller)
{
    struct arena *arena = runner->arena;
    slice text, line, number, names, path, name;
    if (fdio_read_file(arena, own, MAX_FILE, &text) != 0)
        return (slice){NULL, 0};
    for (slice rest = text; rest.len > 0;) {
        slice_cut(rest, '\n', &line, &rest);
        slice_cut(line, ':', &number, &line);
        slice_cut(line, ':', &names, &path);
        for (slice list = names; list.ptr;) {
            slice_cut(list, ',', &name, &list);
            if (path.ptr && slice_eq(name, slice_of(controller)))
                return arena_printf(arena, "%s%s%.*s%.*s", runner->groups.root, *controller ? "/" : "",
                                    SLICE_ARG(names), SLICE_ARG(slice_eq(path, S("/")) ? S("") : path));
        }
    }
    return (slice){NULL, 0};
}

/* A group with those below it; one with processes stays. */
static void remove_groups(int at, const char *name, int depth)
{
    int fd = depth > 0 ? openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            remove_groups(fd, entry->d_name, depth - 1);
    }
    if (dir)
        closedir(dir);
    unlinkat(at, name, AT_REMOVEDIR);
}

/* Groups of runners that are gone: one that lives holds a lock on its own. */
static void remove_leftovers(slice own)
{
    char path[4096];
    snprintf(path, sizeof(path), "%.*s", SLICE_ARG(own));
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) != 0)
            continue;
        int fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            remove_groups(dirfd(dir), entry->d_name, DEPTH);
        fdio_cleanup(&fd);
    }
    if (dir)
        closedir(dir);
}

/* A group for this runner; absent when it may not make one. The lock ends with the process. */
static slice make_base(struct runner *runner, slice own)
{
    struct stat st;
    if (!own.ptr || stat(own.ptr, &st) != 0)
        return (slice){NULL, 0};
    remove_leftovers(own);
    slice base = arena_printf(runner->arena, "%.*s/%s%.*s", SLICE_ARG(own), prefix, SLICE_ARG(runner->boot));
    if (mkdir(base.ptr, 0755) != 0)
        return (slice){NULL, 0};
    int fd = open(base.ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && flock(fd, LOCK_SH) == 0 ? base : (slice){NULL, 0};
}

/* Counting processes may be denied where the rest is permitted. */
static bool allow(slice group, bool *counts)
{
    bool allowed = write_text(group, "cgroup.subtree_control", S("+memory +cpu")) == 0;
    if (write_text(group, "cgroup.subtree_control", S("+pids")) != 0)
        *counts = false;
    return allowed;
}

/* In the second version what a group may limit is allowed by the one above it, which must have no processes itself,
 * unless it is the root of all. Beside this process's own group, which is one's to use when a service manager has
 * delegated it, root may use that root, as container engines do. */
static void open_unified(struct runner *runner, slice own)
{
    const slice places[] = {own, slice_of(runner->groups.root)};
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        slice base = make_base(runner, places[i]);
        bool counts = true;
        if (base.ptr && allow(places[i], &counts) && allow(base, &counts)) {
            runner->groups.memory = runner->groups.cpu = base;
            runner->groups.processes = counts ? base : (slice){NULL, 0};
            runner->groups.unified = true;
            return;
        }
        if (base.ptr)
            rmdir(base.ptr);
    }
}

void cgroup_open(struct runner *runner, const char *root, const char *own)
{
    struct groups *groups = &runner->groups;
    groups->root = root;
    slice unified = own_group(runner, own, ""), memory = own_group(runner, own, "memory");
    if (memory.ptr) {
        groups->memory = make_base(runner, memory);
        groups->cpu = make_base(runner, own_group(runner, own, "cpu"));
        groups->processes = make_base(runner, own_group(runner, own, "pids"));
    } else if (unified.ptr)
        open_unified(runner, unified);
    const struct {
        slice base;
        const char *what;
    } kinds[] = {{groups->memory, "memory"}, {groups->cpu, "processor"}, {groups->processes, "processes"}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (!kinds[i].base.ptr)
            log_warn("tasks have no limit of %s: control groups for it cannot be made here", kinds[i].what);
    }
}

void cgroup_close(struct runner *runner)
{
    const struct groups *groups = &runner->groups;
    const slice bases[] = {groups->memory, groups->cpu, groups->processes};
    for (size_t i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
        if (bases[i].ptr)
            rmdir(bases[i].ptr);
    }
}

static slice task_group(struct container *container, slice base)
{
    return arena_printf(container->arena, "%.*s/%.*s", SLICE_ARG(base), SLICE_ARG(container->task));
}

static slice container_group(struct container *container, slice base)
{
    return arena_printf(container->arena, "%.*s/%.*s", SLICE_ARG(task_group(container, base)),
                        SLICE_ARG(container->id));
}

/* What is being made for a container, and why it could not be. */
struct making {
    struct container *container;
    slice why;
};

static int refuse(struct making *making, slice group, const char *what, int error)
{
    making->why =
        arena_printf(making->container->arena, "control group %.*s: %s: %s", SLICE_ARG(group), what, strerror(error));
    return -1;
}

/* The kernel may take a number and not keep it; it rounds sizes to whole pages. */
static int set_limit(struct making *making, slice group, const char *file, int64_t number)
{
    struct arena *arena = making->container->arena;
    slice text;
    int64_t kept = -1, page = sysconf(_SC_PAGESIZE);
    int result = write_text(group, file, arena_printf(arena, "%lld", (long long)number));
    if (result != 0)
        return refuse(making, group, file, -result);
    result = fdio_read_file(arena, arena_printf(arena, "%.*s/%s", SLICE_ARG(group), file).ptr, MAX_FILE, &text);
    if (result != 0)
        return refuse(making, group, file, -result);
    if (slice_to_int64(slice_trim(text), &kept) && kept <= number && kept > number - page)
        return 0;
    making->why = arena_printf(arena, "control group %.*s: %s is %.*s, not %lld", SLICE_ARG(group), file,
                               SLICE_ARG(slice_trim(text)), (long long)number);
    return -1;
}

static bool has_file(slice group, const char *file)
{
    char path[4096];
    return snprintf(path, sizeof(path), "%.*s/%s", SLICE_ARG(group), file) < (int)sizeof(path) &&
           access(path, F_OK) == 0;
}

/* What does not fit into memory must not go on in the swap space, where there is one to limit. */
static int limit_memory(struct making *making, slice group, int64_t mib)
{
    bool unified = making->container->runner->groups.unified;
    const char *swap = unified ? "memory.swap.max" : "memory.memsw.limit_in_bytes";
    int64_t bytes = mib * 1024 * 1024;
    if (mib < SMALLEST_MIB)
        return 0;
    TRY(set_limit(making, group, unified ? "memory.max" : "memory.limit_in_bytes", bytes));
    return has_file(group, swap) ? set_limit(making, group, swap, unified ? 0 : bytes) : 0;
}

static int share_cpu(struct making *making, slice group, int64_t units)
{
    units = units < SMALLEST_SHARES ? SMALLEST_SHARES : units > LARGEST_SHARES ? LARGEST_SHARES : units;
    if (!making->container->runner->groups.unified)
        return set_limit(making, group, "cpu.shares", units);
    /* from 2…262144 to 1…10000, as container runtimes do it */
    return set_limit(making, group, "cpu.weight", 1 + (units - 2) * 9999 / 262142);
}

static int make_group(struct making *making, slice path)
{
    return mkdir(path.ptr, 0755) == 0 || errno == EEXIST ? 0 : refuse(making, path, "mkdir", errno);
}

/* The container's own group, with one of its task around it. */
static int make_groups(struct making *making, slice base)
{
    const struct groups *groups = &making->container->runner->groups;
    slice task = task_group(making->container, base);
    bool counts = groups->processes.ptr != NULL, wanted = counts;
    TRY(make_group(making, task));
    if (groups->unified && (!allow(task, &counts) || counts != wanted))
        return refuse(making, task, "cgroup.subtree_control", errno);
    return make_group(making, container_group(making->container, base));
}

int64_t cgroup_processes(const struct container *container)
{
    const struct val *limits = val_get(&container->plan, S("ulimits"));
    int64_t processes = container->hooks ? 0 : container->runner->max_processes;
    for (size_t i = 0; limits && limits->type == VAL_ARRAY && i < limits->array.len; i++) {
        const struct val *one = &limits->array.items[i];
        if (one->type == VAL_ARRAY && one->array.len == 3 && one->array.items[2].type == VAL_INT &&
            one->array.items[0].type == VAL_STRING && slice_eq(one->array.items[0].string, S("nproc")))
            processes = one->array.items[2].integer;
    }
    processes = val_get_int(&container->plan, S("processes"), processes);
    return processes > 0 ? processes : 0;
}

static int limit_all(struct making *making, slice base, int64_t memory, int64_t of_task, int64_t processes)
{
    const struct groups *groups = &making->container->runner->groups;
    slice own = container_group(making->container, base);
    int64_t cpu = val_get_int(&making->container->plan, S("cpu"), 0);
    TRY(make_groups(making, base));
    if (base.ptr == groups->memory.ptr) {
        TRY(limit_memory(making, task_group(making->container, base), of_task));
        TRY(limit_memory(making, own, memory));
    }
    if (base.ptr == groups->cpu.ptr && cpu > 0)
        TRY(share_cpu(making, own, cpu));
    if (base.ptr == groups->processes.ptr && processes > 0)
        TRY(set_limit(making, own, "pids.max", processes));
    return 0;
}

slice cgroup_make(struct container *container, void (*add)(void *context, slice path), void *context)
{
    const struct groups *groups = &container->runner->groups;
    struct making making = {.container = container};
    int64_t memory = val_get_int(&container->plan, S("memory"), 0),
            of_task = val_get_int(&container->plan, S("taskMemory"), 0), processes = cgroup_processes(container);
    bool limits_memory = memory > 0 || of_task > 0, shares = val_get_int(&container->plan, S("cpu"), 0) > 0;
    bool any = limits_memory || shares || processes > 0;
    const struct {
        slice base;
        bool wanted;
    } hierarchies[] = {
        {groups->memory, groups->unified ? any : limits_memory},
        {groups->cpu, !groups->unified && shares},
        {groups->processes, !groups->unified && processes > 0},
    };
    for (size_t i = 0; i < sizeof(hierarchies) / sizeof(*hierarchies); i++) {
        slice base = hierarchies[i].base;
        if (!base.ptr || !hierarchies[i].wanted)
            continue;
        if (limit_all(&making, base, memory, of_task, processes) != 0)
            return making.why;
        add(context, arena_concat(container->arena, container_group(container, base), S("/cgroup.procs")));
    }
    return (slice){NULL, 0};
}

bool cgroup_was_out_of_memory(struct container *container)
{
    const struct groups *groups = &container->runner->groups;
    slice text, line;
    int64_t killed = 0;
    if (!groups->memory.ptr)
        return false;
    slice file = arena_printf(container->arena, "%.*s/%s", SLICE_ARG(container_group(container, groups->memory)),
                              groups->unified ? "memory.events" : "memory.oom_control");
    if (fdio_read_file(container->arena, file.ptr, MAX_FILE, &text) != 0)
        return false;
    for (slice rest = text; rest.len > 0;) {
        slice_cut(rest, '\n', &line, &rest);
        if (slice_starts(line, S("oom_kill ")))
            slice_to_int64(slice_sub(line, 9, line.len), &killed);
    }
    return killed > 0;
}

void cgroup_remove(struct container *container)
{
    const struct groups *groups = &container->runner->groups;
    const slice bases[] = {groups->memory, groups->cpu, groups->processes};
    for (size_t i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
        if (!bases[i].ptr)
            continue;
        rmdir(container_group(container, bases[i]).ptr);
        rmdir(task_group(container, bases[i]).ptr); /* with the last container */
    }
}
