/* programs: the table of awssim's processes. */
#include "supervisor/programs.h"

#include "supervisor/init_stages.h"
#include "supervisor/workers.h"

#include "common/conf.h"
#include "common/err.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

enum { START_LIMIT_MS = 20 * 1000, STOP_LIMIT_MS = 10 * 1000, RUNNER_STOP_LIMIT_MS = 35 * 1000 };

static int own_folder(struct arena *arena, slice *folder, slice *why)
{
    char *path = arena_alloc(arena, PATH_MAX);
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
    if (len <= 0) {
        *why = arena_printf(arena, "cannot find out where awssim's programs are: /proc/self/exe: %s", strerror(errno));
        return BAD_INPUT;
    }
    *folder = slice_sub((slice){path, (size_t)len}, 0, (size_t)((char *)memrchr(path, '/', (size_t)len) - path));
    return 0;
}

/* build_folder: where meson puts it, seen from the supervisor's folder. */
static int find(struct arena *arena, slice folder, const char *name, const char *build_folder, slice *path, slice *why)
{
    *path = arena_printf(arena, "%.*s/awssim-%s", SLICE_ARG(folder), name);
    if (access(path->ptr, X_OK) == 0)
        return 0;
    *path = arena_printf(arena, "%.*s/../%s/awssim-%s", SLICE_ARG(folder), build_folder, name);
    if (access(path->ptr, X_OK) == 0)
        return 0;
    *why = arena_printf(arena, "the program awssim-%s is neither in %.*s nor in its folder of a build tree", name,
                        SLICE_ARG(folder));
    return BAD_INPUT;
}

/* These verify what roots have signed. */
static bool needs_secrets(const char *name)
{
    return strcmp(name, "router") == 0 || strcmp(name, "s3") == 0;
}

static void add(struct arena *arena, const struct conf *conf, struct program_list *programs,
                const struct child_program *program, slice path)
{
    struct child_program *added = list_add(arena, programs);
    *added = *program;
    added->argv = conf_argv(arena, conf, path.ptr);
    added->without = needs_secrets(program->name) ? NULL : conf_secret_variables;
}

int programs_init(struct arena *arena, const struct conf *conf, char *const *const **argv, slice *why)
{
    static const char *const stages[INIT_STAGES] = {"boot", "start", "ready", "shutdown"};
    slice folder, path;
    *argv = NULL;
    if (conf->init_dir.len == 0)
        return 0;
    TRY(own_folder(arena, &folder, why));
    TRY(find(arena, folder, "init", "supervisor", &path, why));
    char *const **all = arena_array(arena, INIT_STAGES, sizeof(*all));
    for (size_t i = 0; i < INIT_STAGES; i++)
        all[i] = conf_argv_and(arena, conf, path.ptr, stages[i]);
    *argv = all;
    return 0;
}

int programs_list(struct arena *arena, const struct conf *conf, struct program_list *programs, slice *why)
{
    static const struct child_program fixed[] = {
        {"router", NULL, CHILD_STOPS_FIRST, START_LIMIT_MS, STOP_LIMIT_MS, .listens = true},
        {"runner", NULL, CHILD_STOPS_LAST, START_LIMIT_MS, RUNNER_STOP_LIMIT_MS, .listens = false},
    };
    static const char *const workers[] = {WORKERS_NAMES};
    slice folder, path;
    TRY(own_folder(arena, &folder, why));
    for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
        TRY(find(arena, folder, fixed[i].name, fixed[i].name, &path, why));
        add(arena, conf, programs, &fixed[i], path);
    }
    for (size_t i = 0; i < sizeof(workers) / sizeof(*workers); i++) {
        struct child_program worker = {workers[i],     NULL,          CHILD_STOPS_NEXT,
                                       START_LIMIT_MS, STOP_LIMIT_MS, .listens = false};
        TRY(find(arena, folder, workers[i], "services", &path, why));
        add(arena, conf, programs, &worker, path);
    }
    return 0;
}
