/* fuzz_zip: deployment packages. Whatever is in them, nothing appears outside the folder they are unpacked to. */
#include "tests/fuzz/fuzz.h"

#include "common/fdio.h"
#include "services/lambda/zip.h"

#include <dirent.h>

static size_t count_entries(const char *path)
{
    size_t n = 0;
    DIR *dir = opendir(path);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
        n += entry->d_name[0] != '.' || entry->d_name[1] != 0;
    if (dir)
        closedir(dir);
    return n; /* ".." is one */
}

static void fuzz_one(struct arena *arena, slice bytes)
{
    char *folder = fuzz_folder(arena);
    slice why = S("");
    zip_unpack(bytes, arena_printf(arena, "%s/out", folder).ptr, &why);
    fuzz_check(count_entries(folder) == 2);
    fdio_remove_tree(folder);
}
