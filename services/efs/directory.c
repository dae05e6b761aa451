/* directory: file systems as directories of the host: made, measured, moved away and removed. */
#include "services/efs/efs.h"

#include "common/beneath.h"
#include "common/conf.h"
#include "common/fdio.h"
#include "common/ids.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MEASURE_ENTRIES = 50000, MEASURE_DEPTH = 64, BLOCK_BYTES = 4096, EMPTY_BYTES = 6144 };
enum { PRIVATE_MODE = 0700, ROOT_MODE = 0755 };

const char *directory_path(struct call *c, slice account, slice region, slice file_system)
{
    return arena_printf(c->arena, "%.*s/efs/%.*s/%.*s/%.*s", SLICE_ARG(c->conf->state_dir), SLICE_ARG(account),
                        SLICE_ARG(region), SLICE_ARG(file_system))
        .ptr;
}

const char *directory_gone(struct call *c)
{
    return arena_printf(c->arena, "%.*s/efs/.gone", SLICE_ARG(c->conf->state_dir)).ptr;
}

int directory_make(struct call *c, slice file_system)
{
    const char *path = directory_path(c, c->account, c->region, file_system);
    TRY(fdio_mkdirs(path, PRIVATE_MODE));
    return chmod(path, ROOT_MODE) == 0 ? 0 : -errno;
}

static int discard(struct call *c, const char *path)
{
    slice name = ids_hex(c->arena, 16);
    const char *gone = directory_gone(c);
    TRY(fdio_mkdirs(gone, PRIVATE_MODE));
    const char *to = arena_printf(c->arena, "%s/%.*s", gone, SLICE_ARG(name)).ptr;
    return rename(path, to) == 0 || errno == ENOENT ? 0 : -errno;
}

int directory_discard(struct call *c, slice account, slice region, slice file_system)
{
    return discard(c, directory_path(c, account, region, file_system));
}

void directory_discard_all(struct call *c)
{
    const char *path = arena_printf(c->arena, "%.*s/efs", SLICE_ARG(c->conf->state_dir)).ptr;
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] != '.')
            discard(c, arena_printf(c->arena, "%s/%s", path, entry->d_name).ptr);
    }
    if (dir)
        closedir(dir);
    call_timer_changed(c);
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A folder for reading, without following a link; NULL when it is none. */
static DIR *open_folder(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && !dir)
        close(fd);
    return dir;
}

/* Moves a folder up beside those that go, under a name that no other one has. */
static void move_up(int from, const char *name, int gone)
{
    struct stat st;
    char own[32];
    fchmodat(from, name, PRIVATE_MODE, 0);
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    snprintf(own, sizeof(own), "inode-%llu", (unsigned long long)st.st_ino);
    renameat(from, name, gone, own);
}

/* Empties one folder: files go, folders are moved up beside it, so that nothing is ever deep. */
static void empty_folder(int gone, const char *name)
{
    fchmodat(gone, name, PRIVATE_MODE, 0);
    DIR *dir = open_folder(gone, name);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!is_dots(entry->d_name) && unlinkat(dirfd(dir), entry->d_name, 0) != 0)
            move_up(dirfd(dir), entry->d_name, gone);
    }
    if (dir)
        closedir(dir);
}

/* One look at what has been moved away; answers how much of it went. */
static size_t remove_once(const char *path)
{
    size_t removed = 0;
    DIR *gone = open_folder(AT_FDCWD, path);
    for (struct dirent *entry; gone && (entry = readdir(gone));) {
        if (is_dots(entry->d_name))
            continue;
        if (unlinkat(dirfd(gone), entry->d_name, 0) != 0) {
            empty_folder(dirfd(gone), entry->d_name);
            if (unlinkat(dirfd(gone), entry->d_name, AT_REMOVEDIR) != 0)
                continue;
        }
        removed++;
    }
    if (gone)
        closedir(gone);
    return removed;
}

size_t directory_remove_gone(const char *gone)
{
    size_t removed = 0, now;
    while ((now = remove_once(gone)) > 0)
        removed += now;
    return removed;
}

bool directory_any_gone(struct call *c)
{
    DIR *gone = open_folder(AT_FDCWD, directory_gone(c));
    struct dirent *entry = gone ? readdir(gone) : NULL;
    while (entry && is_dots(entry->d_name))
        entry = readdir(gone);
    if (gone)
        closedir(gone);
    return entry != NULL;
}

struct meter {
    int64_t bytes;
    int budget;
};

static void measure(int at, const char *name, int depth, struct meter *meter)
{
    DIR *dir = depth < MEASURE_DEPTH ? open_folder(at, name) : NULL;
    struct stat st;
    for (struct dirent *entry; dir && meter->budget > 0 && (entry = readdir(dir));) {
        if (is_dots(entry->d_name) || fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        meter->budget--;
        meter->bytes += (st.st_size + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
        if (S_ISDIR(st.st_mode))
            measure(dirfd(dir), entry->d_name, depth + 1, meter);
    }
    if (dir)
        closedir(dir);
}

int64_t directory_measure(const char *path)
{
    struct meter meter = {.bytes = EMPTY_BYTES, .budget = MEASURE_ENTRIES};
    measure(AT_FDCWD, path, 0, &meter);
    return meter.bytes;
}

static mode_t mode_of(slice permissions)
{
    mode_t mode = 0;
    for (size_t i = 0; i < permissions.len; i++)
        mode = mode * 8 + (mode_t)(permissions.ptr[i] - '0');
    return mode;
}

/* Owners can only be given by root; without, the folder belongs to whoever runs awssim. */
static int own(int fd, const void *context)
{
    const struct efs_creation_info *info = context;
    if (fchown(fd, (uid_t)info->owner_uid.v, (gid_t)info->owner_gid.v) != 0 && errno != EPERM)
        return -errno;
    return fchmod(fd, mode_of(info->permissions)) == 0 ? 0 : -errno;
}

static int open_root(struct call *c, slice file_system)
{
    int fd = open(directory_path(c, c->account, c->region, file_system), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

int directory_make_root(struct call *c, slice file_system, slice path, const struct efs_creation_info *info)
{
    const char *cpath = slice_cstr(c->arena, path);
    __attribute__((cleanup(fdio_cleanup))) int root = cpath ? open_root(c, file_system) : -EINVAL;
    __attribute__((cleanup(fdio_cleanup))) int fd =
        root >= 0 ? beneath_mkdirs(root, cpath, PRIVATE_MODE, own, info) : root;
    return fd >= 0 ? 0 : fd;
}

int directory_find(struct call *c, slice file_system, slice path, slice *root)
{
    const char *cpath = slice_cstr(c->arena, path);
    __attribute__((cleanup(fdio_cleanup))) int top = cpath ? open_root(c, file_system) : -EINVAL;
    __attribute__((cleanup(fdio_cleanup))) int fd = top >= 0 ? beneath_open(top, cpath, O_PATH | O_DIRECTORY) : top;
    *root = slice_of(directory_path(c, c->account, c->region, file_system));
    return fd >= 0 ? 0 : fd;
}
