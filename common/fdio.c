/* fdio: see fdio.h. */
#include "common/fdio.h"

#include "common/arena.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

void fdio_cleanup(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int fdio_read_file(struct arena *arena, const char *path, size_t limit, slice *content)
{
    __attribute__((cleanup(fdio_cleanup))) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return -errno;
    size_t cap = st.st_size > 0 ? (size_t)st.st_size + 1 : 4096, len = 0;
    if (S_ISREG(st.st_mode) && (size_t)st.st_size > limit)
        return -EFBIG;
    char *bytes = arena_alloc(arena, cap);
    for (;;) {
        if (len == cap) { /* /proc files have no size, others may grow */
            bytes = arena_grow(arena, bytes, cap, cap * 2);
            cap *= 2;
        }
        ssize_t n = read(fd, bytes + len, cap - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
        if (len > limit)
            return -EFBIG;
    }
    *content = (slice){bytes, len};
    return 0;
}

int fdio_write_all(int fd, slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        bytes = slice_sub(bytes, (size_t)n, bytes.len);
    }
    return 0;
}

int fdio_replace_file(const char *path, slice content, unsigned mode)
{
    char beside[PATH_MAX];
    if (snprintf(beside, sizeof(beside), "%s.%d.new", path, (int)getpid()) >= (int)sizeof(beside))
        return -ENAMETOOLONG;
    __attribute__((cleanup(fdio_cleanup))) int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    int result = fdio_write_all(fd, content);
    if (result == 0 && rename(beside, path) != 0)
        result = -errno;
    if (result != 0)
        unlink(beside);
    return result;
}

enum { MAX_DEPTH = 32 };

/* The mask of this process is for what nobody else may see; a mode that is asked for is meant. */
static int make_folder(const char *path, unsigned mode)
{
    if (mkdir(path, mode) != 0)
        return errno == EEXIST ? 0 : -errno;
    return (mode & 077) && chmod(path, mode) != 0 ? -errno : 0;
}

int fdio_mkdirs(const char *path, unsigned mode)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(part))
        return -ENAMETOOLONG;
    memcpy(part, path, len + 1);
    for (char *p = part + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        int result = make_folder(part, mode);
        if (result != 0)
            return result;
        *p = '/';
    }
    struct stat st;
    int result = make_folder(part, mode);
    if (result != 0)
        return result;
    return stat(part, &st) != 0 ? -errno : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

static int move_up(int top, int at, const char *name)
{
    static unsigned moved;
    char unique[48];
    snprintf(unique, sizeof(unique), ".removed-%d-%u", (int)getpid(), moved++);
    return renameat(at, name, top, unique) != 0 ? -errno : 0;
}

/* The folder `name`, which its owner may at least read and change from now on. */
static int open_own(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && fchmodat(at, name, 0700, 0) == 0)
        fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && geteuid() != 0)
        fchmod(fd, 0700);
    return fd;
}

/* Removes the entry `name` of the folder at. Each level costs a descriptor: what lies deeper than MAX_DEPTH is moved up
 * into the folder top, where the next round finds it. */
static int remove_at(int top, int at, const char *name, int depth)
{
    if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    if (depth == MAX_DEPTH)
        return move_up(top, at, name);
    int fd = open_own(at, name);
    if (fd < 0)
        return -errno;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return -ENOMEM;
    }
    int result = 0;
    for (struct dirent *entry = readdir(dir); entry && result == 0; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = remove_at(top, dirfd(dir), entry->d_name, depth + 1);
    }
    closedir(dir);
    if (result == 0 && unlinkat(at, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        result = -errno;
    return result;
}

int fdio_remove_tree(const char *path)
{
    __attribute__((cleanup(fdio_cleanup))) int top = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int result;
    do
        result = remove_at(top, AT_FDCWD, path, 0);
    while (result == -ENOTEMPTY && top >= 0);
    return result;
}

int fdio_set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ? -errno : 0;
}

void fdio_reserve(int count)
{
    struct rlimit limit;
    int most = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)count ? (int)limit.rlim_cur : count;
    int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, most - 1);
    if (fd >= 0)
        close(fd);
}

bool fdio_is_shortage(int fault)
{
    static const int errors[] = {EMFILE, ENFILE, ENOMEM, ENOSPC, EDQUOT, EIO, EROFS};
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        if (fault == -errors[i])
            return true;
    }
    return false;
}
