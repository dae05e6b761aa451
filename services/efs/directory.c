/* directory: file systems as directories of the host: made, measured, moved away and removed a slice at a time. */
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

enum { MEASURE_ENTRIES = 50000, MEASURE_DEPTH = 64, SWEEP_ENTRIES = 2000, BLOCK_BYTES = 4096, EMPTY_BYTES = 6144 };
enum { PRIVATE_MODE = 0700, ROOT_MODE = 0755 };

static const char *path_of(struct call *c, slice account, slice region, slice file_system)
{
    return arena_printf(c->arena, "%.*s/efs/%.*s/%.*s/%.*s", SLICE_ARG(c->conf->state_dir), SLICE_ARG(account),
                        SLICE_ARG(region), SLICE_ARG(file_system))
        .ptr;
}

static const char *gone_path(struct call *c)
{
    return arena_printf(c->arena, "%.*s/efs/.gone", SLICE_ARG(c->conf->state_dir)).ptr;
}

int directory_make(struct call *c, slice file_system)
{
    const char *path = path_of(c, c->account, c->region, file_system);
    TRY(fdio_mkdirs(path, PRIVATE_MODE));
    return chmod(path, ROOT_MODE) == 0 ? 0 : -errno;
}

static int discard(struct call *c, const char *path)
{
    slice name = ids_hex(c->arena, 16);
    const char *gone = gone_path(c);
    TRY(fdio_mkdirs(gone, PRIVATE_MODE));
    const char *to = arena_printf(c->arena, "%s/%.*s", gone, SLICE_ARG(name)).ptr;
    return rename(path, to) == 0 || errno == ENOENT ? 0 : -errno;
}

int directory_discard(struct call *c, slice account, slice region, slice file_system)
{
    return discard(c, path_of(c, account, region, file_system));
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

/* Empties one folder: files go, folders are moved up beside it, so that nothing is ever deep. False when the budget
 * ran out first. */
static bool empty_folder(struct call *c, int gone, const char *name, int *budget)
{
    fchmodat(gone, name, PRIVATE_MODE, 0);
    DIR *dir = open_folder(gone, name);
    for (struct dirent *entry; dir && *budget > 0 && (entry = readdir(dir));) {
        if (is_dots(entry->d_name))
            continue;
        --*budget;
        if (unlinkat(dirfd(dir), entry->d_name, 0) == 0)
            continue;
        fchmodat(dirfd(dir), entry->d_name, PRIVATE_MODE, 0);
        renameat(dirfd(dir), entry->d_name, gone, ids_hex(c->arena, 16).ptr);
    }
    if (dir)
        closedir(dir);
    return *budget > 0;
}

/* One look at what has been moved away. True when something went. */
static bool sweep_once(struct call *c, int *budget)
{
    bool removed = false;
    DIR *gone = open_folder(AT_FDCWD, gone_path(c));
    for (struct dirent *entry; gone && *budget > 0 && (entry = readdir(gone));) {
        if (is_dots(entry->d_name))
            continue;
        --*budget;
        if (unlinkat(dirfd(gone), entry->d_name, 0) == 0 || (empty_folder(c, dirfd(gone), entry->d_name, budget) &&
                                                             unlinkat(dirfd(gone), entry->d_name, AT_REMOVEDIR) == 0))
            removed = true;
    }
    if (gone)
        closedir(gone);
    return removed;
}

bool directory_sweep(struct call *c)
{
    int budget = SWEEP_ENTRIES;
    while (budget > 0 && sweep_once(c, &budget))
        ;
    return budget <= 0;
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

int64_t directory_measure(struct call *c, slice account, slice region, slice file_system)
{
    struct meter meter = {.bytes = EMPTY_BYTES, .budget = MEASURE_ENTRIES};
    measure(AT_FDCWD, path_of(c, account, region, file_system), 0, &meter);
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
    int fd = open(path_of(c, c->account, c->region, file_system), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
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
    *root = slice_of(path_of(c, c->account, c->region, file_system));
    return fd >= 0 ? 0 : fd;
}
