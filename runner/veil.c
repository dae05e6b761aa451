/* veil: see veil.h. */
#include "runner/veil.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { MAX_DEPTH = 24 };

struct walk {
    const char *from, *upper;
    char below[PATH_MAX]; /* where the walk is */
};

static int give(const char *path, const struct stat *st)
{
    /* In a user namespace few owners can be given; there the mode is all that counts. */
    if (lchown(path, st->st_uid, st->st_gid) != 0 && errno != EPERM && errno != EINVAL)
        return -1;
    return chmod(path, st->st_mode & 07777);
}

int veil_attributes(const char *from, const char *upper)
{
    struct stat st;
    return stat(from, &st) == 0 ? give(upper, &st) : -1;
}

static int join(char path[PATH_MAX], const char *folder, const char *name)
{
    errno = ENAMETOOLONG;
    return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX ? 0 : -1;
}

/* Folders above what is hidden, as the host has them. */
static int make_parents(const struct walk *walk)
{
    char part[PATH_MAX], path[PATH_MAX], original[PATH_MAX];
    struct stat st;
    for (const char *slash = strchr(walk->below, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof(part), "%.*s", (int)(slash - walk->below), walk->below);
        if (join(path, walk->upper, part) != 0 || join(original, walk->from, part) != 0)
            return -1;
        if (mkdir(path, 0700) == 0 ? stat(original, &st) != 0 || give(path, &st) != 0 : errno != EEXIST)
            return -1;
    }
    return 0;
}

static int cover(const struct walk *walk)
{
    char path[PATH_MAX];
    if (make_parents(walk) != 0 || join(path, walk->upper, walk->below) != 0)
        return -1;
    return mknod(path, S_IFCHR, makedev(0, 0));
}

static bool is_private(mode_t mode)
{
    mode_t wanted = S_ISDIR(mode) ? S_IROTH | S_IXOTH : S_IROTH;
    return !S_ISLNK(mode) && (mode & wanted) != wanted;
}

static int walk_folder(struct walk *walk, int fd, int depth);

static int walk_entry(struct walk *walk, int dir, const char *name, int depth)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : -1;
    if (is_private(st.st_mode) || (S_ISDIR(st.st_mode) && depth == MAX_DEPTH))
        return cover(walk);
    if (!S_ISDIR(st.st_mode))
        return 0;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? walk_folder(walk, fd, depth + 1) : cover(walk);
}

/* Closes the descriptor. */
static int walk_folder(struct walk *walk, int fd, int depth)
{
    size_t length = strlen(walk->below);
    int result = 0;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return -1;
    }
    for (struct dirent *entry = readdir(dir); entry && result == 0; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || entry->d_type == DT_LNK)
            continue;
        int n =
            snprintf(walk->below + length, sizeof(walk->below) - length, "%s%s", length > 0 ? "/" : "", entry->d_name);
        errno = ENAMETOOLONG;
        result = n < (int)(sizeof(walk->below) - length) ? walk_entry(walk, dirfd(dir), entry->d_name, depth) : -1;
        walk->below[length] = '\0';
    }
    int error = errno;
    closedir(dir);
    errno = error;
    return result;
}

int veil_private(const char *from, const char *below, const char *upper)
{
    struct walk walk = {.from = from, .upper = upper};
    char path[PATH_MAX];
    snprintf(walk.below, sizeof(walk.below), "%s", below);
    if (join(path, from, below) != 0)
        return -1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    struct stat st;
    if (*below && (fd < 0 || (fstat(fd, &st) == 0 && is_private(st.st_mode)))) {
        int result = cover(&walk);
        if (fd >= 0)
            close(fd);
        return result;
    }
    return fd < 0 ? -1 : walk_folder(&walk, fd, 0);
}
