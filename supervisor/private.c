/* private: see private.h. */
#include "supervisor/private.h"

#include "common/arena.h"
#include "common/conf.h"
#include "common/fdio.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool private_is(slice state_dir)
{
    return slice_starts(state_dir, S(CONF_PRIVATE_DIR));
}

/* Its supervisor has had the lock, and has it no more. The file is filled while it is held (instance.h). */
static bool is_left_behind(struct arena *arena, const char *folder)
{
    __attribute__((cleanup(fdio_cleanup))) int fd =
        open(arena_printf(arena, "%s/lock", folder).ptr, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && st.st_size > 0 &&
           fcntl(fd, F_OFD_SETLK, &whole) == 0;
}

void private_sweep(void)
{
    slice prefix = S(CONF_PRIVATE_DIR);
    size_t parent = prefix.len;
    while (prefix.ptr[parent - 1] != '/')
        parent--;
    struct arena *arena = arena_open();
    DIR *dir = opendir(arena_printf(arena, "%.*s", (int)parent, prefix.ptr).ptr);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        slice path = arena_printf(arena, "%.*s%s", (int)parent, prefix.ptr, entry->d_name);
        if (private_is(path) && is_left_behind(arena, path.ptr))
            fdio_remove_tree(path.ptr);
    }
    if (dir)
        closedir(dir);
    arena_close(arena);
}
