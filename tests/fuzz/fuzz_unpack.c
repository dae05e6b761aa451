/* fuzz_unpack: the layers of images. Whatever is in one, nothing appears outside the folder it is unpacked to. Root
 * keeps it in by a root directory of its own, others by names: every other input is unpacked as nobody. */
#include "tests/fuzz/fuzz.h"

#include "common/fdio.h"
#include "runner/unpack/unpack.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOBODY = 65534 };

static size_t count_entries(const char *path)
{
    size_t n = 0;
    DIR *dir = opendir(path);
    fuzz_check(dir != NULL);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return n;
}

/* Directories of nobody's, one of them watched. The layer is a file: it is still there after a crash. */
static void make_folders(struct arena *arena, const char *folder, slice layer)
{
    static const char *const names[] = {"out", "watched", "watched/kept"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        slice path = arena_printf(arena, "%s/%s", folder, names[i]);
        fuzz_check(mkdir(path.ptr, 0700) == 0 && (geteuid() != 0 || chown(path.ptr, NOBODY, NOBODY) == 0));
    }
    fuzz_check(chmod(folder, 0755) == 0);
    fuzz_check(fdio_replace_file(arena_printf(arena, "%s/layer", folder).ptr, layer, 0644) == 0);
}

static void unpack(struct arena *arena, const char *folder, bool as_nobody)
{
    static int root = -1;
    char why[1024] = "";
    if (root < 0)
        root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = open(arena_printf(arena, "%s/layer", folder).ptr, O_RDONLY | O_CLOEXEC);
    mode_t mask = umask(0);
    bool is_root = geteuid() == 0;
    fuzz_check(root >= 0 && back >= 0 && fd >= 0);
    fuzz_check(!is_root || !as_nobody || seteuid(NOBODY) == 0);
    int result = unpack_layer(fd, arena_printf(arena, "%s/out", folder).ptr, why, sizeof(why));
    fuzz_check(!is_root || (seteuid(0) == 0 && fchdir(root) == 0 && chroot(".") == 0));
    fuzz_check(fchdir(back) == 0);
    umask(mask);
    close(fd);
    close(back);
    fuzz_check(result == 0 || why[0] != '\0');
}

static void fuzz_one(struct arena *arena, slice bytes)
{
    char folder[] = "/tmp/fuzz-unpack-XXXXXX";
    if (bytes.len == 0)
        return;
    fuzz_check(mkdtemp(folder) != NULL);
    make_folders(arena, folder, slice_sub(bytes, 1, bytes.len));
    unpack(arena, folder, bytes.ptr[0] & 1);
    fuzz_check(count_entries(folder) == 3); /* out, watched, layer */
    fuzz_check(count_entries(arena_printf(arena, "%s/watched", folder).ptr) == 1);
    fuzz_check(count_entries(arena_printf(arena, "%s/watched/kept", folder).ptr) == 0);
    fdio_remove_tree(folder);
}
