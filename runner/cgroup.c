/* cgroup: see cgroup.h. A task has a group with its own limit, below it each container has one:
 * OWN/awssim-BOOT/TASK/CONTAINER. */
#include "runner/cgroup.h"

#include "common/arena.h"
#include "common/fdio.h"
#include "common/log.h"
#include "runner/runner.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE = 64 * 1024, SMALLEST_MIB = 4, SMALLEST_SHARES = 2, LARGEST_SHARES = 262144, DEPTH = 3 };

static const char prefix[] = "awssim-";

static bool write_text(slice folder, const char *file, slice text)
{
    char path[4096];
    snprintf(path, sizeof(path), "%.*s/%s", SLICE_ARG(folder), file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool written = write(fd, text.ptr, text.len) == (ssize_t)text.len;
    close(fd);
    return written;
}

static bool write_number(slice folder, const char *file, int64_t number)
{
    char text[32];
    int length = snprintf(text, sizeof(text), "%lld", (long long)number);
    return write_text(folder, file, (slice){text, (size_t)length});
}

/* This process's group of that controller, as a folder; absent when there is none. For the second version the
 * controller is "". */
static slice own_group(struct arena *arena, const char *controller)
{
    slice text, line, number, names, path, name;
    if (fdio_read_file(arena, "/proc/self/cgroup", MAX_FILE, &text) != 0)
        return (slice){NULL, 0};
    for (slice rest = text; rest.len > 0;) {
        slice_cut(rest, '\n', &line, &rest);
        slice_cut(line, ':', &number, &line);
        slice_cut(line, ':', &names, &path);
        for (slice list = names; list.ptr;) {
            slice_cut(list, ',', &name, &list);
            if (path.ptr && slice_eq(name, slice_of(controller)))
                return arena_printf(arena, "/sys/fs/cgroup%s%.*s%.*s", *controller ? "/" : "", SLICE_ARG(names),
                                    SLICE_ARG(slice_eq(path, S("/")) ? S("") : path));
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
static bool allow(slice group)
{
    bool allowed = write_text(group, "cgroup.subtree_control", S("+memory +cpu"));
    write_text(group, "cgroup.subtree_control", S("+pids"));
    return allowed;
}

/* In the second version what a group may limit is allowed by the one above it, which must have no processes itself,
 * unless it is the root of all. Beside this process's own group, which is one's to use when a service manager has
 * delegated it, root may use that root, as container engines do. */
static void open_unified(struct runner *runner, slice own)
{
    const slice places[] = {own, S("/sys/fs/cgroup")};
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        slice base = make_base(runner, places[i]);
        if (base.ptr && allow(places[i]) && allow(base)) {
            runner->groups.memory = base;
            runner->groups.unified = true;
            return;
        }
        if (base.ptr)
            rmdir(base.ptr);
    }
}

void cgroup_open(struct runner *runner)
{
    struct groups *groups = &runner->groups;
    slice unified = own_group(runner->arena, "");
    slice memory = own_group(runner->arena, "memory");
    if (memory.ptr) {
        groups->memory = make_base(runner, memory);
        groups->cpu = make_base(runner, own_group(runner->arena, "cpu"));
        groups->processes = make_base(runner, own_group(runner->arena, "pids"));
    } else if (unified.ptr)
        open_unified(runner, unified);
    if (!groups->memory.ptr)
        log_info("memory and cpu limits of tasks are not enforced: control groups cannot be made here");
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

static void limit_memory(const struct container *container, slice group, int64_t mib)
{
    if (mib >= SMALLEST_MIB)
        write_number(group, container->runner->groups.unified ? "memory.max" : "memory.limit_in_bytes",
                     mib * 1024 * 1024);
}

static void share_cpu(const struct container *container, slice group, int64_t units)
{
    if (units < SMALLEST_SHARES || units > LARGEST_SHARES)
        return;
    if (!container->runner->groups.unified)
        write_number(group, "cpu.shares", units);
    else /* from 2…262144 to 1…10000, as container runtimes do it */
        write_number(group, "cpu.weight", 1 + (units - 2) * 9999 / 262142);
}

/* The container's own group, with one of its task around it, where it has to have limits. */
static slice make_groups(struct container *container, slice base)
{
    slice task = task_group(container, base), own = container_group(container, base);
    if (mkdir(task.ptr, 0755) == 0 && container->runner->groups.unified)
        allow(task);
    return mkdir(own.ptr, 0755) == 0 ? own : (slice){NULL, 0};
}

void cgroup_make(struct container *container, void (*add)(void *context, slice path), void *context)
{
    const struct groups *groups = &container->runner->groups;
    int64_t memory = val_get_int(&container->plan, S("memory"), 0),
            of_task = val_get_int(&container->plan, S("taskMemory"), 0),
            cpu = val_get_int(&container->plan, S("cpu"), 0),
            processes = val_get_int(&container->plan, S("processes"), 0);
    bool any = memory > 0 || of_task > 0 || cpu > 0 || processes > 0, apart = !groups->unified;
    const struct {
        slice base;
        bool wanted, memory, cpu, processes;
    } hierarchies[] = {
        {groups->memory, apart ? memory > 0 || of_task > 0 : any, true, !apart, !apart},
        {groups->cpu, cpu > 0, false, true, false},
        {groups->processes, processes > 0, false, false, true},
    };
    for (size_t i = 0; i < sizeof(hierarchies) / sizeof(*hierarchies); i++) {
        slice own = hierarchies[i].base.ptr && hierarchies[i].wanted ? make_groups(container, hierarchies[i].base)
                                                                     : (slice){NULL, 0};
        if (!own.ptr)
            continue;
        if (hierarchies[i].memory) {
            limit_memory(container, task_group(container, hierarchies[i].base), of_task);
            limit_memory(container, own, memory);
        }
        if (hierarchies[i].cpu)
            share_cpu(container, own, cpu);
        if (hierarchies[i].processes && processes > 0)
            write_number(own, "pids.max", processes);
        add(context, arena_concat(container->arena, own, S("/cgroup.procs")));
    }
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
