/* beneath: see beneath.h. It uses nothing else of common: the stub, which is no program of its libraries, has it too.
 */
#include "common/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel gives up when something is renamed meanwhile, and says so. */
enum { MAX_TRIES = 1000 };

int beneath_open(int root, const char *path, int flags)
{
    struct open_how how = {
        .flags = (unsigned long long)(flags | O_CLOEXEC),
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    long fd = -1;
    for (int i = 0; i < MAX_TRIES; i++) {
        fd = syscall(SYS_openat2, root, *path ? path : "/", &how, sizeof(how));
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return fd >= 0 ? (int)fd : -errno;
}

static void close_quietly(int fd)
{
    int error = errno;
    close(fd);
    errno = error;
}

int beneath_open_in(const char *root, const char *path, int flags)
{
    int fd = open(root, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = beneath_open(fd, path, flags);
    close_quietly(fd);
    return result;
}

/* Makes the folder in its parent, and hands it to the caller's function; as a whole or not at all. */
static int make_one(int parent, const char *name, mode_t mode, beneath_made_fn *made, const void *context)
{
    if (mkdirat(parent, name, mode) != 0)
        return errno == EEXIST ? 0 : -errno;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        unlinkat(parent, name, AT_REMOVEDIR);
        return -error;
    }
    /* The mask of this process is not meant for what others are to use. */
    int result = (mode & 077) && fchmod(fd, mode) != 0 ? -errno : 0;
    if (result == 0 && made)
        result = made(fd, context);
    close_quietly(fd);
    if (result != 0)
        unlinkat(parent, name, AT_REMOVEDIR);
    return result;
}

/* The folder at the end of path[0, length), made if its last name is missing. */
static int enter(int root, char *path, size_t length, mode_t mode, beneath_made_fn *made, const void *context)
{
    char kept = path[length];
    path[length] = '\0';
    int fd = beneath_open(root, path, O_PATH | O_DIRECTORY);
    char *slash = strrchr(path, '/');
    if (fd == -ENOENT) {
        const char *name = slash ? slash + 1 : path;
        bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
        if (slash)
            *slash = '\0';
        int parent = dots ? -EINVAL : beneath_open(root, slash ? path : "/", O_PATH | O_DIRECTORY);
        int result = parent >= 0 ? make_one(parent, name, mode, made, context) : parent;
        if (parent >= 0)
            close_quietly(parent);
        if (slash)
            *slash = '/';
        fd = result == 0 ? beneath_open(root, path, O_PATH | O_DIRECTORY) : result;
    }
    path[length] = kept;
    return fd;
}

int beneath_mkdirs(int root, const char *path, mode_t mode, beneath_made_fn *made, const void *context)
{
    char copy[PATH_MAX];
    size_t length = strlen(path);
    if (length >= sizeof(copy))
        return -ENAMETOOLONG;
    memcpy(copy, path, length + 1);
    int fd = beneath_open(root, "/", O_PATH | O_DIRECTORY);
    for (size_t at = 0; at < length && fd >= 0;) {
        at += strspn(copy + at, "/");
        size_t end = at + strcspn(copy + at, "/");
        if (end == at)
            break;
        close(fd);
        fd = enter(root, copy, end, mode, made, context);
        at = end;
    }
    return fd;
}
