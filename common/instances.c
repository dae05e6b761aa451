/* instances: see instances.h. One file an entry, named by the hash of the state directory, whose path it holds. */
#include "common/instances.h"

#include "common/arena.h"
#include "common/fdio.h"
#include "common/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder belongs where the system keeps what runs, or else beside the user's state; NULL when he has neither. A
 * root's login and a service of root's are to find each other. */
static const char *folder(struct arena *arena)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (runtime && *runtime && strcmp(runtime, "/run/user/0") != 0)
        return arena_printf(arena, "%s/awssim/instances", runtime).ptr;
    if (geteuid() == 0)
        return "/run/awssim/instances";
    if (state && *state)
        return arena_printf(arena, "%s/awssim/instances", state).ptr;
    return home && *home ? arena_printf(arena, "%s/.local/state/awssim/instances", home).ptr : NULL;
}

static bool is_private(int fd)
{
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* The open folder; -1 with errno when there is none, or when others may write into it. */
static int open_folder(const char *path)
{
    int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd >= 0 && !is_private(fd)) {
        fdio_cleanup(&fd);
        errno = EPERM;
    }
    return fd;
}

static const char *entry_name(struct arena *arena, slice state_dir)
{
    return arena_printf(arena, "%016llx", (unsigned long long)hash_bytes(state_dir)).ptr;
}

/* Entries of folders that are gone with their awssim, which was killed. */
static void sweep(struct arena *arena, int fd)
{
    struct slice_list entered = {0};
    instances_list(arena, &entered);
    list_foreach (state_dir, &entered) {
        if (access(arena_printf(arena, "%.*s/lock", SLICE_ARG(*state_dir)).ptr, F_OK) != 0 && errno == ENOENT)
            unlinkat(fd, entry_name(arena, *state_dir), 0);
    }
}

int instances_add(struct arena *arena, slice state_dir)
{
    const char *path = folder(arena);
    if (!path)
        return -ENOENT;
    int result = fdio_mkdirs(path, 0700);
    __attribute__((cleanup(fdio_cleanup))) int fd = result == 0 ? open_folder(path) : -1;
    if (fd < 0)
        return result != 0 ? result : -errno;
    sweep(arena, fd);
    const char *file = arena_printf(arena, "%s/%s", path, entry_name(arena, state_dir)).ptr;
    return fdio_replace_file(file, arena_concat(arena, state_dir, S("\n")), 0600);
}

void instances_remove(struct arena *arena, slice state_dir)
{
    __attribute__((cleanup(fdio_cleanup))) int fd = open_folder(folder(arena));
    if (fd >= 0)
        unlinkat(fd, entry_name(arena, state_dir), 0);
}

static void add_entry(struct arena *arena, const char *path, const char *name, struct slice_list *state_dirs)
{
    slice content;
    if (name[0] == '.' || fdio_read_file(arena, arena_printf(arena, "%s/%s", path, name).ptr, PATH_MAX, &content) != 0)
        return;
    slice state_dir = slice_trim(content);
    if (slice_starts(state_dir, S("/")) && strcmp(name, entry_name(arena, state_dir)) == 0)
        *list_add(arena, state_dirs) = state_dir;
}

void instances_list(struct arena *arena, struct slice_list *state_dirs)
{
    const char *path = folder(arena);
    __attribute__((cleanup(fdio_cleanup))) int fd = open_folder(path);
    struct dirent **entries = NULL;
    int n = fd >= 0 ? scandir(path, &entries, NULL, alphasort) : 0;
    for (int i = 0; i < n; i++) {
        add_entry(arena, path, entries[i]->d_name, state_dirs);
        free(entries[i]);
    }
    free(entries);
}
