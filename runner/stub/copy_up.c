/* copy_up: see copy_up.h. Everything is opened by name in a folder that is open, and no link is followed. */
#include "runner/stub/copy_up.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { MAX_DEPTH = 128, MAX_ATTRIBUTES = 64 * 1024, MAX_PIECE = 1 << 30 };

static int close_keeping(int fd, int result)
{
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A stream of its own for a folder that stays open. */
static DIR *list(int folder)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir && fd >= 0)
        close(fd);
    return dir;
}

static bool is_empty(int folder)
{
    DIR *dir = list(folder);
    bool empty = dir != NULL;
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry && empty; entry = readdir(dir))
        empty = is_dots(entry->d_name);
    if (dir)
        closedir(dir);
    return empty;
}

/* In a user namespace few owners can be given; there the mode is what counts. */
static bool is_no_fault(int error)
{
    return error == EPERM || error == EINVAL || error == ENOTSUP || error == ENODATA;
}

/* What overlays keep for themselves is not the image's. */
static bool is_of_overlay(const char *name)
{
    return strncmp(name, "trusted.overlay.", sizeof("trusted.overlay.") - 1) == 0 ||
           strncmp(name, "user.overlay.", sizeof("user.overlay.") - 1) == 0;
}

static int copy_attribute(int from, int to, const char *name)
{
    static char value[MAX_ATTRIBUTES];
    ssize_t size = is_of_overlay(name) ? -1 : fgetxattr(from, name, value, sizeof(value));
    if (size < 0)
        return 0;
    return fsetxattr(to, name, value, (size_t)size, 0) == 0 || is_no_fault(errno) ? 0 : -1;
}

/* Of files and folders that are open. The owner first: a change of it takes set-user-ID bits and capabilities away. */
static int copy_attributes(int from, int to, const struct stat *st)
{
    static char names[MAX_ATTRIBUTES];
    const struct timespec times[] = {st->st_atim, st->st_mtim};
    ssize_t size = flistxattr(from, names, sizeof(names));
    if ((fchown(to, st->st_uid, st->st_gid) != 0 && !is_no_fault(errno)) || fchmod(to, st->st_mode & 07777) != 0)
        return -1;
    for (const char *name = names; size > 0 && name < names + size; name += strlen(name) + 1) {
        if (copy_attribute(from, to, name) != 0)
            return -1;
    }
    return futimens(to, times);
}

static int copy_bytes(int from, int to)
{
    ssize_t n;
    do
        n = copy_file_range(from, NULL, to, NULL, MAX_PIECE, 0);
    while (n > 0);
    if (n == 0 || (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS))
        return (int)n;
    do
        n = sendfile(to, from, NULL, MAX_PIECE);
    while (n > 0);
    return (int)n;
}

static int copy_file(int from, int to, const char *name, const struct stat *st)
{
    int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0)
        return -1;
    int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0)
        return close_keeping(in, -1);
    int result = copy_bytes(in, out) == 0 ? copy_attributes(in, out, st) : -1;
    return close_keeping(in, close_keeping(out, result));
}

static int copy_link(int from, int to, const char *name)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(from, name, target, sizeof(target) - 1);
    if (length < 0)
        return -1;
    target[length] = '\0';
    return symlinkat(target, to, name);
}

static int copy_folder(int from, int to, int depth);

static int copy_below(int from, int to, const char *name, const struct stat *st, int depth)
{
    int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0)
        return -1;
    int out = mkdirat(to, name, 0700) == 0 ? openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (out < 0)
        return close_keeping(in, -1);
    int result = copy_folder(in, out, depth + 1) == 0 ? copy_attributes(in, out, st) : -1;
    return close_keeping(in, close_keeping(out, result));
}

/* Links, pipes and devices have no descriptor to be changed by. */
static int copy_other(int from, int to, const char *name, const struct stat *st)
{
    const struct timespec times[] = {st->st_atim, st->st_mtim};
    int result = S_ISLNK(st->st_mode) ? copy_link(from, to, name)
                                      : mknodat(to, name, st->st_mode & (S_IFMT | 07777), st->st_rdev);
    if (result != 0)
        return errno == EPERM && !S_ISLNK(st->st_mode) ? 0 : -1; /* a device, without the right to make one */
    if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) != 0 && !is_no_fault(errno))
        return -1;
    return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW);
}

static int copy_entry(int from, int to, const char *name, int depth)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return -1;
    if (S_ISDIR(st.st_mode))
        return copy_below(from, to, name, &st, depth);
    return S_ISREG(st.st_mode) ? copy_file(from, to, name, &st) : copy_other(from, to, name, &st);
}

static int copy_folder(int from, int to, int depth)
{
    DIR *dir = depth < MAX_DEPTH ? list(from) : NULL;
    int result = 0;
    if (!dir)
        return -1;
    for (struct dirent *entry = readdir(dir); entry && result == 0; entry = readdir(dir)) {
        if (!is_dots(entry->d_name))
            result = copy_entry(from, to, entry->d_name, depth);
    }
    int error = errno;
    closedir(dir);
    errno = error;
    return result;
}

int copy_up(const char *image, int volume)
{
    struct stat st;
    int from = open(image, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
    int result = fstat(from, &st);
    if (result == 0)
        result = flock(volume, LOCK_EX);
    if (result == 0 && is_empty(volume))
        result = copy_folder(from, volume, 0) == 0 ? copy_attributes(from, volume, &st) : -1;
    flock(volume, LOCK_UN);
    return close_keeping(from, result);
}
