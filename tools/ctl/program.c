/* program: see program.h. */
#include "tools/ctl/program.h"

#include "common/arena.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

const char *program_find(struct arena *arena, const char *name, const char *build_folder)
{
    /* As installed, in one folder, or in a build tree. */
    const char *places[] = {"../libexec/awssim", ".", arena_printf(arena, "../%s", build_folder).ptr};
    char *self = arena_alloc(arena, PATH_MAX);
    ssize_t len = readlink("/proc/self/exe", self, PATH_MAX - 1);
    const char *end = len > 0 ? memrchr(self, '/', (size_t)len) : NULL;
    if (!end)
        return NULL;
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        slice path = arena_printf(arena, "%.*s/%s/%s", (int)(end - self), self, places[i], name);
        if (access(path.ptr, X_OK) == 0)
            return path.ptr;
    }
    return NULL;
}
