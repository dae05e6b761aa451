/* sandbox: what an environment finds where, and what it may have. Where this process may make sandboxes the places are
 * AWS's own; elsewhere a function sees the folders of the host. */
#include "runner/functions/functions.h"

#include "common/arena.h"
#include "common/fdio.h"
#include "common/log.h"

#include <glob.h>
#include <limits.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_FILES = 1024,
    MAX_PROCESSES = 1024,
    MIB = 1024 * 1024,
    MAX_HOSTS = 1024 * 1024,
    /* In a range that distributions keep free of users, of systems, of containers and of services. */
    USER_ID = 1879049185
};

#define SANDBOX_HOSTS "127.0.0.1\tsandbox.localdomain sandbox\n"

static const struct val *doc_of(const struct environment *environment)
{
    return &environment->blueprint->doc;
}

static bool is_bare(const struct environment *environment)
{
    return environment->blueprint->functions->bare;
}

slice sandbox_task(const struct environment *environment)
{
    slice code = val_get_string(doc_of(environment), S("code"));
    if (!is_bare(environment))
        return S("/var/task");
    return code.ptr ? code : S("");
}

slice sandbox_runtime(const struct environment *environment)
{
    return is_bare(environment) ? slice_of(environment->blueprint->functions->bootstraps) : S("/var/runtime");
}

static const struct val *layers_of(const struct environment *environment)
{
    static const struct val none = {.type = VAL_ARRAY};
    const struct val *layers = val_get(doc_of(environment), S("layers"));
    return layers && layers->type == VAL_ARRAY ? layers : &none;
}

size_t sandbox_n_layers(const struct environment *environment)
{
    return layers_of(environment)->array.len;
}

slice sandbox_layer_on_host(const struct environment *environment, size_t i)
{
    return layers_of(environment)->array.items[i].string;
}

slice sandbox_layer(const struct environment *environment, size_t i)
{
    return is_bare(environment) ? sandbox_layer_on_host(environment, i) : S("/opt");
}

/* Mounts */

static struct val new_mount(struct environment *environment, slice type, slice target)
{
    struct val mount = val_object();
    val_set(environment->arena, &mount, S("type"), val_string(type));
    val_set(environment->arena, &mount, S("target"), val_string(target));
    return mount;
}

static void add_bind(struct environment *environment, struct val *mounts, slice source, slice target, bool read_only)
{
    struct val mount = new_mount(environment, S("bind"), target);
    if (source.len == 0)
        return;
    val_set(environment->arena, &mount, S("source"), val_string(source));
    val_set(environment->arena, &mount, S("readOnly"), val_bool(read_only));
    val_push(environment->arena, mounts, mount);
}

static void add_tmp(struct environment *environment, struct val *mounts)
{
    struct val mount = new_mount(environment, S("tmpfs"), S("/tmp"));
    val_set(environment->arena, &mount, S("size"), val_int(val_get_int(doc_of(environment), S("storage"), 512) * MIB));
    val_set(environment->arena, &mount, S("options"), val_string(S("mode=1777")));
    val_push(environment->arena, mounts, mount);
}

/* Whether a sandbox shows nothing of what the host has there. */
static bool is_hidden(slice path)
{
    return !fallback_shows(path);
}

static slice parent(slice path)
{
    while (path.len > 0 && path.ptr[path.len - 1] != '/')
        path.len--;
    return slice_sub(path, 0, path.len > 0 ? path.len - 1 : 0);
}

/* An interpreter that a user has installed for himself: the folder with its bin and lib is shown at its own place. */
static bool add_interpreter(struct environment *environment, struct val *mounts, slice program)
{
    slice prefix = parent(parent(program));
    bool own = slice_starts(program, S("/var/task/")) || slice_starts(program, S("/var/runtime/"));
    if (prefix.len == 0 || slice_eq(prefix, S("/var")) || own || !is_hidden(program))
        return false;
    if (slice_starts(program, S("/opt/")))
        return true;
    if (access(slice_cstr(environment->arena, prefix), F_OK) ==
        0) /* else the program is missing, and the start says so */
        add_bind(environment, mounts, prefix, prefix, true);
    return false;
}

/* Where the Pythons of a folder of programs have boto3: the newest, but that of this version first; "" when nowhere. */
static slice packages_beside(struct environment *environment, slice programs, slice version)
{
    struct arena *arena = environment->arena;
    slice above = parent(programs), best = S("");
    /* A version manager's shims stand for the installations beside them. */
    slice pattern = arena_printf(arena, "%.*s%s/lib/python3*/*-packages/boto3", SLICE_ARG(above),
                                 slice_ends(programs, S("/shims")) ? "/versions/*" : "");
    glob_t found = {0};
    if (glob(pattern.ptr, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            slice folder = slice_dup(arena, parent(slice_of(found.gl_pathv[i])));
            if (best.len == 0 || slice_find(folder, version) >= 0 || slice_find(best, version) < 0)
                best = folder;
        }
    }
    globfree(&found);
    return best;
}

/* The SDK that AWS's runtime of Python brings is one that a Python in PATH has (bootstrap.py looks for it). Where the
 * sandbox would not show that one, it is shown at its own place. */
static void add_sdk(struct environment *environment, struct val *mounts)
{
    slice runtime = val_get_string(doc_of(environment), S("runtime"));
    slice version = arena_printf(environment->arena, "/%.*s/", SLICE_ARG(runtime.ptr ? runtime : S("")));
    if (!slice_starts(runtime, S("python3")))
        return;
    for (slice folders = environment->blueprint->functions->runner->host_path; folders.ptr;) {
        slice folder;
        slice_cut(folders, ':', &folder, &folders);
        slice packages = packages_beside(environment, folder, version);
        if (packages.len > 0 && is_hidden(packages))
            add_bind(environment, mounts, packages, packages, true);
        if (packages.len > 0)
            return;
    }
}

/* The layers at /opt, the last one uppermost; at the bottom what the host has there, when the interpreter is there. */
static void add_layers(struct environment *environment, struct val *mounts, bool with_host)
{
    struct arena *arena = environment->arena;
    struct val mount = new_mount(environment, S("bind"), S("/opt")), sources = val_array();
    if (with_host)
        val_push(arena, &sources, val_string(S("/opt")));
    for (size_t i = 0; i < sandbox_n_layers(environment); i++)
        val_push(arena, &sources, val_string(sandbox_layer_on_host(environment, i)));
    val_set(arena, &mount, S("sources"), sources);
    val_set(arena, &mount, S("readOnly"), val_bool(true));
    if (sources.array.len > 0)
        val_push(arena, mounts, mount);
}

/* Name servers are often known to a file below /run only. */
static void add_resolver(struct environment *environment, struct val *mounts)
{
    char real[PATH_MAX];
    if (realpath("/etc/resolv.conf", real) && is_hidden(slice_of(real)))
        add_bind(environment, mounts, slice_dup(environment->arena, slice_of(real)),
                 slice_dup(environment->arena, slice_of(real)), true);
}

/* A file that has the content already stays: a stub that has opened it cannot mount it once another has its name. */
static int write_once(struct arena *arena, const char *path, slice content)
{
    slice found;
    if (fdio_read_file(arena, path, MAX_HOSTS, &found) == 0 && slice_eq(found, content))
        return 0;
    int result = fdio_replace_file(path, content, 0644);
    return result == 0 && chmod(path, 0644) != 0 ? -errno : result; /* whatever this process's umask is */
}

/* Listeners of the Telemetry API are named so: this machine's /etc/hosts, and their name, at its place. */
static void add_hosts(struct environment *environment, struct val *mounts)
{
    struct arena *arena = environment->arena;
    const struct runner *runner = environment->blueprint->functions->runner;
    const char *own = arena_printf(arena, "%.*s/functions.hosts", SLICE_ARG(runner->state_dir)).ptr;
    slice hosts;
    if (fdio_read_file(arena, "/etc/hosts", MAX_HOSTS, &hosts) != 0)
        return; /* a machine without it */
    if (hosts.len > 0 && hosts.ptr[hosts.len - 1] != '\n')
        hosts = arena_concat(arena, hosts, S("\n"));
    int result = write_once(arena, own, arena_concat(arena, hosts, S(SANDBOX_HOSTS)));
    if (result == 0)
        add_bind(environment, mounts, slice_of(own), S("/etc/hosts"), true);
    else
        log_warn("sandbox.localdomain is not known to a function: %s", strerror(-result));
}

static void add_file_system(struct environment *environment, struct val *mounts)
{
    const struct val *system = val_get(doc_of(environment), S("fileSystem"));
    slice root = val_get_string(system, S("root"));
    if (!system)
        return;
    add_bind(environment, mounts, val_get_string(system, S("path")), val_get_string(system, S("target")), false);
    if (root.ptr && mounts->array.len > 0)
        val_set(environment->arena, &mounts->array.items[mounts->array.len - 1], S("within"), val_string(root));
}

static struct val mounts_of(struct environment *environment, slice program)
{
    struct val mounts = val_array();
    slice code = val_get_string(doc_of(environment), S("code"));
    char real[PATH_MAX];
    bool with_host = false;
    add_tmp(environment, &mounts);
    if (program.len > 0) {
        with_host = add_interpreter(environment, &mounts, program);
        if (realpath(slice_cstr(environment->arena, program), real) && !slice_eq(slice_of(real), program))
            with_host |= add_interpreter(environment, &mounts, slice_dup(environment->arena, slice_of(real)));
    }
    if (code.len > 0) {
        add_bind(environment, &mounts, code, S("/var/task"), true);
        add_bind(environment, &mounts, slice_of(environment->blueprint->functions->bootstraps), S("/var/runtime"),
                 true);
    }
    if (val_get_string(doc_of(environment), S("image")).len == 0) {
        add_layers(environment, &mounts, with_host);
        add_sdk(environment, &mounts);
        add_resolver(environment, &mounts);
        add_hosts(environment, &mounts);
    }
    add_file_system(environment, &mounts);
    return mounts;
}

/* Rights */

/* As root, a user that nobody else is; at an access point, the one whose files it has. Else the user of this process,
 * the only one there is in a sandbox of its. */
static void add_user(struct environment *environment, struct val *plan)
{
    struct arena *arena = environment->arena;
    const struct val *system = val_get(doc_of(environment), S("fileSystem"));
    int64_t uid = geteuid(), gid = getegid();
    if (uid == 0) {
        int64_t of_system = system ? val_get_int(system, S("uid"), 0) : 0;
        uid = of_system > 0 ? of_system : USER_ID;
        gid = of_system > 0 ? val_get_int(system, S("gid"), USER_ID) : USER_ID;
    }
    slice ids = arena_printf(arena, "%lld:%lld", (long long)uid, (long long)gid);
    val_set(arena, plan, S("user"), val_string(ids));
    val_set(arena, plan, S("passwd"),
            val_string(arena_printf(arena,
                                    "root:x:0:0:root:/root:/sbin/nologin\n"
                                    "sbx_user1051:x:%.*s::/home/sbx_user1051:/sbin/nologin\n",
                                    SLICE_ARG(ids))));
}

static void add_limit(struct environment *environment, struct val *limits, slice name, int64_t value)
{
    struct val limit = val_array();
    val_push(environment->arena, &limit, val_string(name));
    val_push(environment->arena, &limit, val_int(value));
    val_push(environment->arena, &limit, val_int(value));
    val_push(environment->arena, limits, limit);
}

/* Root's processes are counted by control groups: what all environments have together would be one user's. */
static void add_limits(struct environment *environment, struct val *plan)
{
    struct arena *arena = environment->arena;
    struct val limits = val_array();
    add_limit(environment, &limits, S("nofile"), MAX_FILES);
    if (geteuid() != 0)
        add_limit(environment, &limits, S("nproc"), MAX_PROCESSES);
    val_set(arena, plan, S("ulimits"), limits);
    val_set(arena, plan, S("processes"), val_int(MAX_PROCESSES));
}

void sandbox_add(struct environment *environment, struct val *plan, slice program)
{
    struct arena *arena = environment->arena;
    const struct val *doc = doc_of(environment);
    int64_t memory = val_get_int(doc, S("memory"), 128);
    bool image = val_get(doc, S("ecr")) != NULL;
    if (is_bare(environment) && !image) {
        struct val mounts = val_array();
        add_file_system(environment, &mounts); /* which cannot be mounted, and the stub says so */
        val_set(arena, plan, S("memory"), val_int(memory));
        val_set(arena, plan, S("mounts"), mounts);
        return;
    }
    /* The kernel counts what is in /tmp as memory. */
    val_set(arena, plan, S("memory"), val_int(memory + val_get_int(doc, S("storage"), 512)));
    val_set(arena, plan, S("sandbox"), val_bool(true));
    val_set(arena, plan, S("hosts"), val_string(S(SANDBOX_HOSTS)));
    val_set(arena, plan, S("mounts"), mounts_of(environment, program));
    add_user(environment, plan);
    add_limits(environment, plan);
}
