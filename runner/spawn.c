/* spawn: starts a container's stub: its plan, its descriptors. A process that has called nng must not fork, so this is
 * posix_spawn, and everything else is the stub's work. */
#include "runner/runner.h"

#include "common/arena.h"
#include "common/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_VOLUMES = 32 };

/* What the container will see as 0 to 4, and our ends. */
struct descriptors {
    int null, plan;
    int out[2], err[2], status[2];
};

static const struct {
    slice name;
    int resource;
} limits[] = {
    {S("core"), RLIMIT_CORE},         {S("cpu"), RLIMIT_CPU},
    {S("data"), RLIMIT_DATA},         {S("fsize"), RLIMIT_FSIZE},
    {S("locks"), RLIMIT_LOCKS},       {S("memlock"), RLIMIT_MEMLOCK},
    {S("msgqueue"), RLIMIT_MSGQUEUE}, {S("nice"), RLIMIT_NICE},
    {S("nofile"), RLIMIT_NOFILE},     {S("nproc"), RLIMIT_NPROC},
    {S("rss"), RLIMIT_RSS},           {S("rtprio"), RLIMIT_RTPRIO},
    {S("rttime"), RLIMIT_RTTIME},     {S("sigpending"), RLIMIT_SIGPENDING},
    {S("stack"), RLIMIT_STACK},
};

static void add(struct buf *plan, slice key, slice value)
{
    buf_add(plan, key);
    buf_add_char(plan, '\0');
    buf_add(plan, value);
    buf_add_char(plan, '\0');
}

static const struct val *list_of(const struct container *container, slice key)
{
    static const struct val none = {.type = VAL_ARRAY};
    const struct val *list = val_get(&container->plan, key);
    return list && list->type == VAL_ARRAY ? list : &none;
}

/* Functions are all alike, and what runs on the host's files has the host's name. */
static bool has_own_name(const struct container *container)
{
    return !container->hooks && (container->image_config || container->mirrors);
}

static slice host_name_of(const struct container *container)
{
    slice given = val_get_string(&container->plan, S("hostname"));
    return given.len > 0 ? given : slice_sub(container->id, 0, 12);
}

static void add_environment(struct container *container, struct buf *plan)
{
    const struct val *list = list_of(container, S("environment"));
    bool has_path = false, has_host = !has_own_name(container);
    for (size_t i = 0; i < list->array.len; i++) {
        const struct val *pair = &list->array.items[i];
        if (pair->type != VAL_ARRAY || pair->array.len != 2 || pair->array.items[0].type != VAL_STRING ||
            pair->array.items[1].type != VAL_STRING)
            continue;
        slice name = pair->array.items[0].string;
        has_path = has_path || slice_eq(name, S("PATH"));
        has_host = has_host || slice_eq(name, S("HOSTNAME"));
        add(plan, S("env"),
            arena_printf(container->arena, "%.*s=%.*s", SLICE_ARG(name), SLICE_ARG(pair->array.items[1].string)));
    }
    const struct runner *runner = container->runner;
    if (!has_path)
        add(plan, S("env"),
            arena_concat(container->arena, S("PATH="), container->mirrors ? runner->fallback.path : runner->host_path));
    if (!has_host)
        add(plan, S("env"), arena_concat(container->arena, S("HOSTNAME="), host_name_of(container)));
}

/* The task's [name, soft, hard] of that name, the last one if there are several. */
static const struct val *find_limit(const struct container *container, slice name)
{
    const struct val *list = list_of(container, S("ulimits")), *found = NULL;
    for (size_t i = 0; i < list->array.len; i++) {
        const struct val *one = &list->array.items[i];
        if (one->type == VAL_ARRAY && one->array.len == 3 && one->array.items[0].type == VAL_STRING &&
            one->array.items[1].type == VAL_INT && one->array.items[2].type == VAL_INT &&
            slice_eq(one->array.items[0].string, name))
            found = one;
    }
    return found;
}

static void add_limit(struct container *container, struct buf *plan, int resource, int64_t soft, int64_t hard)
{
    add(plan, S("limit"), arena_printf(container->arena, "%d %lld %lld", resource, (long long)soft, (long long)hard));
}

/* What its owner says is usual, else the limit that was found. */
static void add_file_limit(struct container *container, struct buf *plan)
{
    const struct rlimit *found = &container->runner->files;
    const struct val *usual = list_of(container, S("files"));
    int64_t soft = (int64_t)found->rlim_cur, hard = (int64_t)found->rlim_max;
    if (usual->array.len == 2) {
        soft = usual->array.items[0].integer;
        hard = usual->array.items[1].integer;
    }
    if (soft > 0)
        add(plan, S("files"), arena_printf(container->arena, "%lld %lld", (long long)soft, (long long)hard));
}

static void add_limits(struct container *container, struct buf *plan)
{
    for (size_t n = 0; n < sizeof(limits) / sizeof(*limits); n++) {
        const struct val *one = find_limit(container, limits[n].name);
        if (one)
            add_limit(container, plan, limits[n].resource, one->array.items[1].integer, one->array.items[2].integer);
        else if (limits[n].resource == RLIMIT_NOFILE)
            add_file_limit(container, plan);
    }
}

/* The source of what is bound, or several that are laid over each other. */
static int add_sources(struct buf *plan, const struct val *mount)
{
    const struct val *list = val_get(mount, S("sources"));
    slice source = val_get_string(mount, S("source")), within = val_get_string(mount, S("within"));
    size_t n = list && list->type == VAL_ARRAY ? list->array.len : 0;
    if (n == 0 && (source.len == 0 || source.ptr[0] != '/'))
        return -EINVAL;
    if (n == 0)
        add(plan, S("source"), source);
    if (n == 0 && within.ptr)
        add(plan, S("within"), within);
    for (size_t i = 0; i < n; i++)
        add(plan, S("source"), list->array.items[i].string);
    return 0;
}

static int add_mount(struct container *container, struct buf *plan, const struct val *mount)
{
    slice target = val_get_string(mount, S("target")), options = val_get_string(mount, S("options"));
    bool in_memory = slice_eq(val_get_string(mount, S("type")), S("tmpfs"));
    int64_t size = val_get_int(mount, S("size"), 0);
    if (target.len == 0)
        return -EINVAL;
    add(plan, S("mount"), target);
    if (val_get_bool(mount, S("readOnly"), false))
        add(plan, S("readonly"), S("true"));
    if (val_get_bool(mount, S("fill"), false))
        add(plan, S("fill"), S("true"));
    if (in_memory) {
        if (size > 0)
            options = arena_printf(container->arena, "size=%lld%s%.*s", (long long)size, options.len > 0 ? "," : "",
                                   SLICE_ARG(options.ptr ? options : S("")));
        if (options.len > 0)
            add(plan, S("options"), options);
        return 0;
    }
    int result = add_sources(plan, mount);
    if (result != 0 || !val_get_bool(mount, S("create"), false))
        return result;
    return fdio_mkdirs(slice_cstr(container->arena, val_get_string(mount, S("source"))), 0755);
}

static int add_mounts(struct container *container, struct buf *plan)
{
    const struct val *list = list_of(container, S("mounts"));
    int result = 0;
    for (size_t i = 0; i < list->array.len && result == 0; i++)
        result = add_mount(container, plan, &list->array.items[i]);
    return result;
}

static void add_group(void *plan, slice path)
{
    add(plan, S("join"), path);
}

static void add_volumes(const struct container *container, struct buf *plan)
{
    const struct val *volumes = val_get(container->image_config, S("Volumes"));
    size_t n = volumes && volumes->type == VAL_OBJECT ? volumes->object.len : 0;
    for (size_t i = 0; i < n && i < MAX_VOLUMES; i++) {
        slice path = volumes->object.items[i].key;
        if (slice_index(path, '\0') == path.len)
            add(plan, S("volume"), path);
    }
}

static bool is_sandboxed(const struct container *container)
{
    return val_get_bool(&container->plan, S("sandbox"), false);
}

/* What a container with a root of its own has, whatever that is made of. */
static void add_root(struct container *container, struct buf *plan)
{
    const struct runner *runner = container->runner;
    slice passwd = val_get_string(&container->plan, S("passwd"));
    bool mirrors = !container->image_config && (container->mirrors || is_sandboxed(container));
    if (!container->image_config && !mirrors)
        return;
    add(plan, S("scratch"),
        arena_printf(container->arena, "%.*s/%.*s/%.*s", SLICE_ARG(runner->state_dir), SLICE_ARG(container->task),
                     SLICE_ARG(container->id)));
    if (passwd.len > 0)
        add(plan, S("passwd"), passwd);
    if (is_sandboxed(container))
        add(plan, S("sandbox"), S("true"));
    if (container->hooks || val_get_bool(&container->plan, S("init"), false))
        add(plan, S("init"), S("true"));
    if (mirrors)
        add(plan, S("mirror"), S("true"));
    for (size_t i = 0; mirrors && i < sizeof(runner->own_dirs) / sizeof(*runner->own_dirs); i++)
        add(plan, S("hide"), runner->own_dirs[i]);
}

static int add_template(struct container *container, struct buf *plan)
{
    if (!container->mirrors)
        return 0;
    container->template = templates_take(&container->runner->templates);
    if (!container->template)
        return -errno;
    add(plan, S("template"), slice_of(template_path(container->template)));
    return 0;
}

/* What makes the image the container's root. */
static void add_layers(struct container *container, struct buf *plan)
{
    add(plan, S("layers"),
        arena_printf(container->arena, "%.*s/images/layers", SLICE_ARG(container->runner->root_dir)));
    list_foreach (layer, &container->image.layers)
        add(plan, S("layer"), *layer);
    if (!is_sandboxed(container))
        add_volumes(container, plan);
    if (val_get_bool(&container->plan, S("privileged"), false))
        add(plan, S("privileged"), S("true"));
}

/* What a container with a root of its own is given besides. Among this machine's programs nothing gives it more rights
 * than others have. */
static void add_own(struct container *container, struct buf *plan)
{
    if (!container->image_config && !container->mirrors)
        return;
    if (container->image_config)
        add_layers(container, plan);
    slice hosts = val_get_string(&container->plan, S("hosts"));
    add(plan, S("host"), host_name_of(container));
    if (hosts.len > 0)
        add(plan, S("hosts"), hosts);
    if (val_get_bool(&container->plan, S("readonlyRoot"), false))
        add(plan, S("sealed"), S("true"));
}

/* What it may do in a root of its own. Among this machine's programs nothing gives it more rights than others have. */
static void add_rights(struct container *container, struct buf *plan)
{
    static const struct {
        slice list, key;
    } changes[] = {{S("capAdd"), S("add")}, {S("capDrop"), S("drop")}};
    for (size_t n = 0; n < 2; n++) {
        if (!container->image_config && slice_eq(changes[n].key, S("add")))
            continue;
        const struct val *names = list_of(container, changes[n].list);
        for (size_t i = 0; i < names->array.len; i++)
            add(plan, changes[n].key, names->array.items[i].string);
    }
    if (val_get_bool(&container->plan, S("noNewPrivileges"), false))
        add(plan, S("nonewprivs"), S("true"));
}

static int write_plan(struct container *container, int *fd)
{
    struct buf plan;
    buf_init(&plan, container->arena);
    const struct val *command = list_of(container, S("command"));
    for (size_t i = 0; i < command->array.len; i++)
        add(&plan, S("arg"), command->array.items[i].type == VAL_STRING ? command->array.items[i].string : S(""));
    add_environment(container, &plan);
    add_limits(container, &plan);
    slice user = val_get_string(&container->plan, S("user")),
          cwd = val_get_string(&container->plan, S("workingDirectory"));
    if (user.len > 0)
        add(&plan, S("user"), user);
    if (cwd.len > 0)
        add(&plan, S("cwd"), cwd);
    add(&plan, S("exit"),
        arena_printf(container->arena, "%.*s/%.*s/%.*s.exit", SLICE_ARG(container->runner->state_dir),
                     SLICE_ARG(container->task), SLICE_ARG(container->id)));
    add_root(container, &plan);
    add_own(container, &plan);
    int result = add_template(container, &plan);
    if (result != 0)
        return result;
    add_rights(container, &plan);
    container->failure = cgroup_make(container, add_group, &plan);
    if (container->failure.ptr)
        return -EIO;
    int64_t processes = cgroup_processes(container);
    if (processes > 0)
        add(&plan, S("processes"), arena_printf(container->arena, "%lld", (long long)processes));
    result = add_mounts(container, &plan);
    if (result != 0)
        return result;
    container->launched = buf_slice(&plan);
    *fd = memfd_create("plan", MFD_CLOEXEC);
    return *fd < 0 ? -errno : fdio_write_all(*fd, buf_slice(&plan));
}

static bool has_nul(const struct val *value)
{
    if (value->type == VAL_STRING)
        return slice_index(value->string, '\0') < value->string.len;
    for (size_t i = 0; value->type == VAL_ARRAY && i < value->array.len; i++) {
        if (has_nul(&value->array.items[i]))
            return true;
    }
    static const slice texts[] = {S("source"), S("within"), S("target"), S("options")}, sources = S("sources");
    for (size_t i = 0; value->type == VAL_OBJECT && i < sizeof(texts) / sizeof(*texts); i++) {
        slice text = val_get_string(value, texts[i]);
        if (text.ptr && slice_index(text, '\0') < text.len)
            return true;
    }
    const struct val *list = value->type == VAL_OBJECT ? val_get(value, sources) : NULL;
    return list && has_nul(list);
}

static int open_descriptors(struct container *container, struct descriptors *fds)
{
    *fds = (struct descriptors){-1, -1, {-1, -1}, {-1, -1}, {-1, -1}};
    fds->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fds->null < 0 || pipe2(fds->out, O_CLOEXEC) != 0 || pipe2(fds->err, O_CLOEXEC) != 0 ||
        pipe2(fds->status, O_CLOEXEC) != 0)
        return -errno;
    return write_plan(container, &fds->plan);
}

static void close_theirs(struct descriptors *fds)
{
    int *theirs[] = {&fds->null, &fds->plan, &fds->out[1], &fds->err[1], &fds->status[1]};
    for (size_t i = 0; i < sizeof(theirs) / sizeof(*theirs); i++)
        fdio_cleanup(theirs[i]);
}

static void close_ours(struct descriptors *fds)
{
    int *ours[] = {&fds->out[0], &fds->err[0], &fds->status[0]};
    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
        fdio_cleanup(ours[i]);
}

static int spawn(struct container *container, const struct descriptors *fds)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t set;
    char *argv[] = {arena_copy(container->arena, "awssim-stub", sizeof("awssim-stub")), NULL}, *envp[] = {NULL};
    const int places[] = {fds->null, fds->out[1], fds->err[1], fds->plan, fds->status[1]};
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    /* Ours are all above 4 (the runner keeps 3 and 4 taken), so no dup2 destroys the source of another. */
    for (int i = 0; i < 5; i++)
        posix_spawn_file_actions_adddup2(&actions, places[i], i);
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&attributes, &set);
    sigfillset(&set);
    posix_spawnattr_setsigdefault(&attributes, &set);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int result = posix_spawn(&container->pid, container->runner->stub, &actions, &attributes, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -result;
}

/* The stub and a descriptor of it; one that could not be watched must not stay. */
static int spawn_watched(struct container *container, const struct descriptors *fds, int *pidfd)
{
    int result = spawn(container, fds);
    if (result != 0)
        return result;
    *pidfd = (int)syscall(SYS_pidfd_open, container->pid, 0);
    if (*pidfd >= 0)
        return 0;
    result = -errno;
    kill(container->pid, SIGKILL);
    waitpid(container->pid, NULL, 0);
    return result;
}

static bool plan_has_nul(const struct container *container)
{
    static const slice members[] = {S("command"),  S("environment"), S("user"),   S("workingDirectory"), S("mounts"),
                                    S("hostname"), S("hosts"),       S("capAdd"), S("capDrop")};
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        const struct val *value = val_get(&container->plan, members[i]);
        if (value && has_nul(value))
            return true;
    }
    return false;
}

static int start(struct container *container)
{
    struct descriptors fds;
    int pidfd = -1;
    if (plan_has_nul(container))
        return -EINVAL;
    int result = open_descriptors(container, &fds);
    if (result == 0)
        result = spawn_watched(container, &fds, &pidfd);
    close_theirs(&fds);
    if (result != 0) {
        close_ours(&fds);
        return result;
    }
    output_watch(container, 0, fds.out[0]);
    output_watch(container, 1, fds.err[0]);
    reap_watch(container, pidfd, fds.status[0]);
    return 0;
}

int spawn_stub(struct container *container)
{
    slice folder = arena_printf(container->arena, "%.*s/%.*s", SLICE_ARG(container->runner->state_dir),
                                SLICE_ARG(container->task));
    int result = fdio_mkdirs(folder.ptr, 0700);
    if (result == 0)
        result = start(container);
    if (result != 0)
        container->failure =
            arena_printf(container->arena, "CannotStartContainerError: %.*s",
                         SLICE_ARG(container->failure.ptr ? container->failure : slice_of(strerror(-result))));
    return result;
}
