/* instance: the lock file of a state directory. Readers are in tools/ctl. */
#include "supervisor/instance.h"

#include "common/arena.h"
#include "common/err.h"
#include "common/fdio.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_FILE_BYTES = 16 * 1024 };

/* Whether the path still names the file: an ephemeral awssim removes its lock file before it lets go of it. */
static bool is_still_there(const char *path, int fd)
{
    struct stat named, locked;
    return stat(path, &named) == 0 && fstat(fd, &locked) == 0 && named.st_ino == locked.st_ino &&
           named.st_dev == locked.st_dev;
}

/* Opens the file and locks it; the lock is one of the open file (not of the process, not flock), so others can ask
 * about it without taking it, and it lasts as long as anybody has inherited the descriptor. -1 with errno. */
static int open_and_lock(const char *path, int command)
{
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600), result;
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fd < 0)
        return -1;
    do
        result = fcntl(fd, command, &whole);
    while (result != 0 && errno == EINTR);
    if (result != 0)
        fdio_cleanup(&fd);
    return fd;
}

static int open_locked(const char *path, int command)
{
    int fd = open_and_lock(path, command);
    while (fd >= 0 && !is_still_there(path, fd)) {
        close(fd);
        fd = open_and_lock(path, command);
    }
    return fd;
}

static slice lock_path(struct arena *arena, const struct instance *instance)
{
    return arena_printf(arena, "%.*s/lock", SLICE_ARG(instance->state_dir));
}

static slice field(slice content, slice wanted)
{
    slice line, name, value;
    while (content.len > 0) {
        slice_cut(content, '\n', &line, &content);
        if (slice_cut(line, '=', &name, &value) && slice_eq(name, wanted))
            return value;
    }
    return S("?");
}

static slice who_has_it(struct arena *arena, const struct instance *instance)
{
    slice content = S("");
    fdio_read_file(arena, lock_path(arena, instance).ptr, LOCK_FILE_BYTES, &content);
    slice port = field(content, S("port")), pid = field(content, S("pid"));
    return arena_printf(arena, "awssim is already running on port %.*s (pid %.*s, state directory %.*s)",
                        SLICE_ARG(port), SLICE_ARG(pid), SLICE_ARG(instance->state_dir));
}

int instance_lock(struct arena *arena, struct instance *instance, slice *why)
{
    slice path = lock_path(arena, instance);
    instance->lock_fd = open_locked(path.ptr, F_OFD_SETLK);
    if (instance->lock_fd >= 0) {
        path = arena_printf(arena, "%.*s/parts", SLICE_ARG(instance->state_dir));
        instance->parts_fd = open_locked(path.ptr, F_OFD_SETLKW);
        if (instance->parts_fd >= 0)
            return 0;
    }
    *why = errno == EAGAIN || errno == EACCES
               ? who_has_it(arena, instance)
               : arena_printf(arena, "cannot lock %.*s: %s", SLICE_ARG(path), strerror(errno));
    fdio_cleanup(&instance->lock_fd);
    return BAD_INPUT;
}

slice instance_left_run_dir(struct arena *arena, const struct instance *instance)
{
    slice content = S("");
    fdio_read_file(arena, lock_path(arena, instance).ptr, LOCK_FILE_BYTES, &content);
    return slice_dup(arena, field(content, S("run_dir")));
}

void instance_publish(struct arena *arena, const struct instance *instance)
{
    slice text = arena_printf(arena, "pid=%d\nport=%lld\nendpoint=%.*s\nrun_dir=%.*s\nlog_dir=%.*s\n", (int)getpid(),
                              (long long)instance->port, SLICE_ARG(instance->endpoint), SLICE_ARG(instance->run_dir),
                              SLICE_ARG(instance->log_dir));
    if (ftruncate(instance->lock_fd, 0) == 0)
        fdio_write_all(instance->lock_fd, text);
}

void instance_retract(const struct instance *instance)
{
    if (ftruncate(instance->lock_fd, 0) != 0)
        log_warn("cannot empty the lock file: %s", strerror(errno));
}
