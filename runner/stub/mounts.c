/* mounts: see mounts.h. */
#include "runner/stub/mounts.h"

#include "common/beneath.h"
#include "runner/stub/copy_up.h"
#include "runner/stub/overlay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where a directory in memory is put together. No source can be below it: /proc is the container's own by then. */
#define STAGE "/proc"

static int explain(char *why, size_t size, const char *what, const char *path)
{
    snprintf(why, size, "error mounting \"%s\": %s: %s", path, what, strerror(errno));
    return -1;
}

static int clone_tree(int dir, const char *path)
{
    return open_tree(dir, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
}

static int make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int attach(int tree, const char *path)
{
    return move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH);
}

static int set_attributes(int tree, unsigned wanted)
{
    struct mount_attr attributes = {.attr_set = wanted};
    return wanted == 0 ? 0 : mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof(attributes));
}

int mounts_put(int dir, const char *name, const char *path, unsigned attributes)
{
    int tree = clone_tree(dir, name);
    int result = tree < 0 || set_attributes(tree, attributes) != 0 ? -1 : attach(tree, path);
    int error = errno;
    if (tree >= 0)
        close(tree);
    errno = error;
    return result;
}

int mounts_show(int dir, const char *name, const char *path, unsigned attributes)
{
    char text[PATH_MAX];
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    if (S_ISLNK(st.st_mode)) {
        ssize_t length = readlinkat(dir, name, text, sizeof(text) - 1);
        if (length < 0)
            return -1;
        text[length] = '\0';
        return symlink(text, path);
    }
    if ((S_ISDIR(st.st_mode) ? mkdir(path, 0755) : make_file(path)) != 0)
        return -1;
    return mounts_put(dir, name, path, attributes);
}

static int bind_entries(DIR *dir, int is_root)
{
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        char path[PATH_MAX];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (is_root && strcmp(entry->d_name, "proc") == 0) {
            if (mkdir(STAGE "/proc", 0555) != 0 ||
                mount("proc", STAGE "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
                return -1;
            continue;
        }
        snprintf(path, sizeof(path), "%s/%s", STAGE, entry->d_name);
        if (mounts_show(dirfd(dir), entry->d_name, path, 0) != 0)
            return -1;
    }
    return 0;
}

/* The stage becomes the root; the former one is left. */
static int become_root(void)
{
    if (chdir(STAGE) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0)
        return -1;
    return chdir("/");
}

static int move_stage(const char *path)
{
    int tree = open_tree(AT_FDCWD, STAGE, OPEN_TREE_CLOEXEC);
    int result = tree < 0 ? -1 : attach(tree, path);
    if (tree >= 0)
        close(tree);
    return result;
}

/* Covers a directory with one in memory that shows the same. */
static int cover(const char *path)
{
    int is_root = strcmp(path, "/") == 0;
    struct stat st;
    DIR *dir = opendir(path);
    if (!dir)
        return -1;
    int result = fstat(dirfd(dir), &st) == 0 ? mount("tmpfs", STAGE, "tmpfs", MS_NODEV, "mode=0755") : -1;
    if (result == 0)
        result = bind_entries(dir, is_root);
    if (result == 0)
        result = chmod(STAGE, st.st_mode & 07777);
    if (result == 0 && getuid() == 0)
        result = chown(STAGE, st.st_uid, st.st_gid);
    if (result == 0)
        result = is_root ? become_root() : move_stage(path);
    int error = errno;
    closedir(dir);
    errno = error;
    return result;
}

/* Only plain absolute paths: what a name leads to must not depend on what is mounted meanwhile. */
static int is_plain(const char *path)
{
    size_t length = strlen(path);
    return path[0] == '/' && path[1] && length < PATH_MAX && !strstr(path, "/../") &&
           (length < 3 || strcmp(path + length - 3, "/..") != 0);
}

/* The length of the part of the path that exists. */
static size_t existing_length(const char *path)
{
    char part[PATH_MAX];
    struct stat st;
    snprintf(part, sizeof(part), "%s", path);
    for (size_t length = strlen(part); length > 1; length--) {
        if (path[length] != '/' && path[length] != '\0')
            continue;
        part[length] = '\0';
        if (stat(part, &st) == 0)
            return length;
    }
    return 1;
}

/* Makes what is missing of the target, which ends as a file or as a directory. */
static int make_target(const char *target, int is_file, int own_root)
{
    char part[PATH_MAX], real[PATH_MAX];
    size_t length = existing_length(target);
    if (!target[length])
        return 0;
    snprintf(part, sizeof(part), "%.*s", (int)length, target);
    if (!own_root && (!realpath(part, real) || cover(real) != 0))
        return -1;
    for (const char *at = target + length; *at; at += strcspn(at, "/")) {
        at += strspn(at, "/");
        const char *end = at + strcspn(at, "/");
        snprintf(part, sizeof(part), "%.*s", (int)(end - target), target);
        int last = end[strspn(end, "/")] == '\0';
        if (end > at && (last && is_file ? make_file(part) : mkdir(part, 0755)) != 0 && errno != EEXIST)
            return -1;
    }
    return 0;
}

/* What a container with a root of its own may make in a volume is no device, and gives nobody's rights to others. */
static int bind_tree(const struct plan *plan, const struct plan_mount *mount, int tree)
{
    unsigned attributes = (mount->read_only ? MOUNT_ATTR_RDONLY : 0U) |
                          (plan_has_root(plan) && !plan->privileged ? MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID : 0U);
    return set_attributes(tree, attributes) == 0 ? attach(tree, mount->target) : -1;
}

/* Some options are flags of the mount, the others the file system's own. */
static int mount_memory(const struct plan_mount *wanted)
{
    static const struct {
        const char *name;
        unsigned long set, clear;
    } flags[] = {
        {"ro", MS_RDONLY, 0},
        {"rw", 0, MS_RDONLY},
        {"nosuid", MS_NOSUID, 0},
        {"suid", 0, MS_NOSUID},
        {"nodev", MS_NODEV, 0},
        {"noexec", MS_NOEXEC, 0},
        {"exec", 0, MS_NOEXEC},
        {"sync", MS_SYNCHRONOUS, 0},
        {"noatime", MS_NOATIME, 0},
        {"defaults", 0, 0},
        {"relatime", MS_RELATIME, 0},
        {"nodiratime", MS_NODIRATIME, 0},
        {"strictatime", MS_STRICTATIME, 0},
    };
    unsigned long all = MS_NOSUID | MS_NODEV | (wanted->read_only ? MS_RDONLY : 0);
    char given[1024], own[1024] = "", *rest = NULL;
    if (snprintf(given, sizeof(given), "%s", wanted->options ? wanted->options : "") >= (int)sizeof(given)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (char *option = strtok_r(given, ",", &rest); option; option = strtok_r(NULL, ",", &rest)) {
        size_t i = 0, n = sizeof(flags) / sizeof(*flags);
        while (i < n && strcmp(flags[i].name, option) != 0)
            i++;
        if (i < n)
            all = (all | flags[i].set) & ~flags[i].clear;
        else
            snprintf(own + strlen(own), sizeof(own) - strlen(own), "%s%s", *own ? "," : "", option);
    }
    return mount("tmpfs", wanted->target, "tmpfs", all, own);
}

/* The image's files are still to be seen at the path. */
static int fill(const struct plan_mount *mount, int tree)
{
    int volume = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = volume < 0 ? -1 : copy_up(mount->target, volume), error = errno;
    if (volume >= 0)
        close(volume);
    errno = error;
    return result;
}

static int apply(const struct plan *plan, const struct plan_mount *mount, int tree, char *why, size_t size)
{
    struct stat st = {.st_mode = S_IFDIR};
    if (tree >= 0 && fstat(tree, &st) != 0)
        return explain(why, size, "source", mount->sources[0]);
    if (make_target(mount->target, !S_ISDIR(st.st_mode), plan_has_root(plan)) != 0)
        return explain(why, size, "making the mount point", mount->target);
    if (mount->fill && tree >= 0 && plan->n_layers > 0 && S_ISDIR(st.st_mode) && fill(mount, tree) != 0)
        return explain(why, size, "copying what the image has there", mount->target);
    if ((tree >= 0 ? bind_tree(plan, mount, tree) : mount_memory(mount)) != 0)
        return explain(why, size, "mount", mount->target);
    return 0;
}

/* Several directories as one, made in the stage and taken from there. */
static int lay_over(const struct plan_mount *mount_of)
{
    char options[OVERLAY_MAX_OPTIONS] = "lowerdir=";
    for (size_t i = mount_of->n_sources; i > 0; i--) {
        if (overlay_add_path(options, mount_of->sources[i - 1]) != 0)
            return -1;
        size_t length = strlen(options);
        if (i > 1)
            snprintf(options + length, sizeof(options) - length, ":");
    }
    if (mount("overlay", STAGE, "overlay", MS_RDONLY | MS_NODEV | MS_NOSUID, options) != 0)
        return -1;
    int tree = open_tree(AT_FDCWD, STAGE, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), error = errno;
    umount2(STAGE, MNT_DETACH);
    errno = error;
    return tree;
}

/* What the name leads to now is what is mounted: nothing looks it up again. */
static int clone_within(const struct plan_mount *mount)
{
    int fd = beneath_open_in(mount->within, mount->sources[0], O_PATH);
    if (fd < 0) {
        errno = -fd;
        return -1;
    }
    int tree = open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH), error = errno;
    close(fd);
    errno = error;
    return tree;
}

static int take(const struct plan_mount *mount)
{
    if (mount->n_sources == 0)
        return -1;
    if (mount->n_sources > 1)
        return lay_over(mount);
    return mount->within ? clone_within(mount) : clone_tree(AT_FDCWD, mount->sources[0]);
}

int mounts_take(const struct plan *plan, struct mounts *mounts, char *why, size_t why_size)
{
    for (size_t i = 0; i < plan->n_mounts; i++) {
        const struct plan_mount *mount = &plan->mounts[i];
        errno = EINVAL;
        if (!is_plain(mount->target))
            return explain(why, why_size, "the path is not absolute, or has ..", mount->target);
        mounts->trees[i] = take(mount);
        if (mount->n_sources > 0 && mounts->trees[i] < 0)
            return explain(why, why_size, "source", mount->sources[0]);
    }
    return 0;
}

int mounts_apply(const struct plan *plan, const struct mounts *mounts, char *why, size_t why_size)
{
    for (size_t i = 0; i < plan->n_mounts; i++) {
        if (apply(plan, &plan->mounts[i], mounts->trees[i], why, why_size) != 0)
            return -1;
        if (mounts->trees[i] >= 0)
            close(mounts->trees[i]);
    }
    return 0;
}
