/* mirror: see mirror.h. */
#include "runner/stub/mirror.h"

#include "runner/stub/mounts.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nothing that is shown lies below it: /proc is the container's own. */
#define STAGE "/proc"

static const unsigned sealed = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

static const char *const empty[] = MIRROR_EMPTY;

/* What root.c and the mounts put there. */
static const char *const made[] = {"dev", "proc", "sys", "var"};
static const char *const made_in_var[] = {"runtime", "task", "tmp"};

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static bool is_shown(const char *name, bool in_var)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    if (in_var)
        return !is_one_of(name, made_in_var, sizeof(made_in_var) / sizeof(*made_in_var));
    return !is_one_of(name, empty, sizeof(empty) / sizeof(*empty)) &&
           !is_one_of(name, made, sizeof(made) / sizeof(*made));
}

/* The entries of a folder of the host, in a folder below the working directory. */
static int show(const char *from, const char *to)
{
    DIR *dir = opendir(from);
    int result = dir ? 0 : -1;
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry && result == 0; entry = readdir(dir)) {
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%s/%s", to, entry->d_name);
        if (is_shown(entry->d_name, strcmp(to, "var") == 0))
            result = mounts_show(dirfd(dir), entry->d_name, path, sealed);
    }
    int error = errno;
    if (dir)
        closedir(dir);
    errno = error;
    return result;
}

/* A folder that the host shows elsewhere, or not at all, needs no cover. */
static int hide(const char *path)
{
    if (mount("tmpfs", path + 1, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0000") == 0)
        return 0;
    return errno == ENOENT ? 0 : -1;
}

int mirror_make(const struct plan *plan)
{
    if (mount("tmpfs", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0 || chdir(STAGE) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++) {
        if (mkdir(empty[i], 0755) != 0)
            return -1;
    }
    if (show("/", ".") != 0 || mkdir("var", 0755) != 0 || mkdir("var/tmp", 0755) != 0 || show("/var", "var") != 0)
        return -1;
    for (size_t i = 0; i < plan->n_hidden; i++) {
        if (plan->hidden[i][0] != '/' || hide(plan->hidden[i]) != 0)
            return -1;
    }
    return 0;
}
