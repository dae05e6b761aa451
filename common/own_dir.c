/* own_dir: see own_dir.h. */
#include "common/own_dir.h"

#include "common/arena.h"
#include "common/err.h"
#include "common/fdio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OTHERS = 077, FOLDER_MODE = 0700, FILE_MODE = 0600 };

/* What versions of awssim have in their state directory, beside NAME.db and what sqlite puts beside that. */
static const slice names[] = {S("content"),   S("ecr"),    S("efs"),  S("ephemeral"), S("images"),
                              S("instances"), S("lambda"), S("lock"), S("log"),       S("parts"),
                              S("run"),       S("runner"), S("s3"),   S("spool"),     S("functions")};

static bool is_own_name(const char *name)
{
    slice text = slice_of(name);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (slice_eq(names[i], text))
            return true;
    }
    return slice_ends(text, S(".db")) || slice_ends(text, S(".db-wal")) || slice_ends(text, S(".db-shm")) ||
           slice_ends(text, S(".db.lock"));
}

static int refuse_owner(struct arena *arena, slice path, const char *what, const char *flag, slice *why)
{
    *why =
        arena_printf(arena, "the %s %.*s belongs to another user; --%s names another one", what, SLICE_ARG(path), flag);
    return BAD_INPUT;
}

int own_dir_check(struct arena *arena, slice path, const char *what, const char *flag, slice *why)
{
    const char *cstr = slice_cstr(arena, path);
    __attribute__((cleanup(fdio_cleanup))) int fd =
        cstr ? open(cstr, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        *why = arena_printf(arena, "the %s %.*s is not a folder of its own: %s; --%s names another one", what,
                            SLICE_ARG(path),
                            errno == ENOTDIR || errno == ELOOP ? "it is a link or a file" : strerror(errno), flag);
        return BAD_INPUT;
    }
    if (st.st_uid != geteuid())
        return refuse_owner(arena, path, what, flag, why);
    if ((st.st_mode & OTHERS) == 0)
        return 0;
    *why = arena_printf(arena, "others may enter the %s %.*s: chmod 700 it; --%s names another one", what,
                        SLICE_ARG(path), flag);
    return BAD_INPUT;
}

/* Closes what is of awssim; whether there is nothing else. */
static bool close_entries(int fd)
{
    bool alone = true;
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = again >= 0 ? fdopendir(again) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        bool own = is_own_name(entry->d_name);
        alone = alone && own;
        if (own && fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(st.st_mode) &&
            (st.st_mode & OTHERS))
            fchmodat(fd, entry->d_name, S_ISDIR(st.st_mode) ? FOLDER_MODE : FILE_MODE, 0);
    }
    if (dir)
        closedir(dir);
    return alone;
}

int own_dir_close(struct arena *arena, slice path, slice *why)
{
    __attribute__((cleanup(fdio_cleanup))) int fd = open(slice_cstr(arena, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        *why = arena_printf(arena, "cannot open the state directory %.*s: %s", SLICE_ARG(path), strerror(errno));
        return BAD_INPUT;
    }
    if (st.st_uid != geteuid())
        return refuse_owner(arena, path, "state directory", "state-dir", why);
    if ((st.st_mode & OTHERS) && close_entries(fd) && fchmod(fd, FOLDER_MODE) != 0) {
        *why = arena_printf(arena, "cannot close the state directory %.*s to others: %s", SLICE_ARG(path),
                            strerror(errno));
        return BAD_INPUT;
    }
    return 0;
}
