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

bool private_is_run_dir(slice run_dir)
{
    slice name = S(CONF_TEMPORARY_RUN_DIR);
    return run_dir.len == name.len && slice_starts(run_dir, slice_sub(name, 0, name.len - strlen("XXXXXX"))) &&
           slice_index(slice_sub(run_dir, strlen("/tmp/"), run_dir.len), '/') == run_dir.len - strlen("/tmp/");
}

/* Others may put what they like into /tmp, links too. Its supervisor has had the lock, and has it no more. The file is
 * filled while it is held (instance.h). */
static bool is_left_behind(const char *folder)
{
    __attribute__((cleanup(fdio_cleanup))) int at = open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    __attribute__((cleanup(fdio_cleanup))) int fd =
        at >= 0 ? openat(at, "lock", O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat st;
    return fd >= 0 && fstat(at, &st) == 0 && st.st_uid == geteuid() && fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
           S_ISREG(st.st_mode) && st.st_size > 0 && fcntl(fd, F_OFD_SETLK, &whole) == 0;
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
        if (private_is(path) && is_left_behind(path.ptr))
            fdio_remove_tree(path.ptr);
    }
    if (dir)
        closedir(dir);
    arena_close(arena);
}
