/* launch: how an environment is started: the command of its runtime, its variables, its place. */
#include "runner/functions/functions.h"

#include "common/arena.h"
#include "common/beneath.h"
#include "common/fdio.h"
#include "common/log.h"
#include "runner/stub/plan.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Interpreters, by the beginning of a runtime's name: the exact one first ("python3.12"), then any. */
static const struct runtime {
    slice prefix;
    bool versioned;   /* the interpreter may be called as the runtime is */
    const char *any;  /* what else it is called */
    const char *file; /* our bootstrap for it */
} runtimes[] = {
    {S("python3"), true, "python3", "bootstrap.py"},
    {S("nodejs"), false, "node", "bootstrap.mjs"},
};

static slice text_of(const struct environment *environment, const char *name)
{
    slice text = val_get_string(&environment->blueprint->doc, slice_of(name));
    return text.ptr ? text : S("");
}

/* One of the function's own variables; absent when it has none of that name. */
static slice variable_of(const struct environment *environment, slice name)
{
    const struct val *given = val_get(&environment->blueprint->doc, S("environment"));
    for (size_t i = 0; given && i < given->array.len; i++) {
        if (slice_eq(given->array.items[i].array.items[0].string, name))
            return given->array.items[i].array.items[1].string;
    }
    return (slice){NULL, 0};
}

static bool is_image(const struct environment *environment)
{
    return text_of(environment, "image").len > 0;
}

static bool is_executable(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* System folders first: what stands elsewhere may not be readable in the sandbox; version managers' shims are scripts
 * that need their user's home. */
slice launch_find_program(struct arena *arena, const struct runner *runner, slice name)
{
    slice folders = arena_concat(arena, S("/usr/local/bin:/usr/bin:/bin:"), runner->host_path);
    while (folders.ptr) {
        slice folder;
        slice_cut(folders, ':', &folder, &folders);
        if (folder.len == 0 || slice_ends(folder, S("/shims")))
            continue;
        slice path = arena_printf(arena, "%.*s/%.*s", SLICE_ARG(folder), SLICE_ARG(name));
        if (is_executable(path.ptr))
            return path;
    }
    return (slice){NULL, 0};
}

static slice find_program(struct environment *environment, slice name)
{
    return launch_find_program(environment->arena, environment->blueprint->functions->runner, name);
}

static void add_text(struct arena *arena, struct val *list, slice text)
{
    val_push(arena, list, val_string(text));
}

/* A script that the function names starts the runtime, which it gets as arguments. Whether it is there is seen where it
 * runs, and said as AWS's runtimes say it. */
static void add_wrapper(struct environment *environment, struct val *command)
{
    static const char start[] = "[ -f \"$1\" ] || { echo \"$1: does not exist\"; exit 127; }; "
                                "[ -x \"$1\" ] || { echo \"$1: is not an executable\"; exit 126; }; exec \"$@\"";
    slice wrapper = variable_of(environment, S("AWS_LAMBDA_EXEC_WRAPPER"));
    if (wrapper.len == 0)
        return;
    add_text(environment->arena, command, S("/bin/sh"));
    add_text(environment->arena, command, S("-c"));
    add_text(environment->arena, command, slice_of(start));
    add_text(environment->arena, command, S("sh"));
    add_text(environment->arena, command, wrapper);
}

static bool interpreter(struct environment *environment, const struct runtime *runtime, struct val *command,
                        slice *found, slice *why)
{
    slice name = text_of(environment, "runtime");
    slice program = runtime->versioned ? find_program(environment, name) : (slice){NULL, 0};
    if (!program.ptr)
        program = find_program(environment, slice_of(runtime->any));
    if (!program.ptr) {
        *why = arena_printf(environment->arena,
                            "The runtime %.*s needs the interpreter %s, which is not installed on this machine",
                            SLICE_ARG(name), runtime->any);
        return false;
    }
    *found = program;
    add_wrapper(environment, command);
    add_text(environment->arena, command, program);
    add_text(environment->arena, command,
             arena_printf(environment->arena, "%.*s/%s", SLICE_ARG(sandbox_runtime(environment)), runtime->file));
    return true;
}

/* In a folder that others have filled: its links lead nowhere but inside, as they will when it is run. */
static bool is_executable_in(struct environment *environment, slice folder, const char *name)
{
    const char *root = slice_cstr(environment->arena, folder);
    struct stat st;
    __attribute__((cleanup(fdio_cleanup))) int fd = root && *root ? beneath_open_in(root, name, O_PATH) : -1;
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

static bool has_bootstrap(struct environment *environment, slice folder)
{
    return is_executable_in(environment, folder, "bootstrap");
}

/* A bootstrap of the function's own, or of a layer. */
static bool own_bootstrap(struct environment *environment, struct val *command, slice *why)
{
    slice folder = (slice){NULL, 0};
    if (has_bootstrap(environment, text_of(environment, "code")))
        folder = sandbox_task(environment);
    for (size_t i = 0; !folder.ptr && i < sandbox_n_layers(environment); i++) {
        if (has_bootstrap(environment, sandbox_layer_on_host(environment, i)))
            folder = sandbox_layer(environment, i);
    }
    if (!folder.ptr) {
        *why = S("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]");
        return false;
    }
    add_text(environment->arena, command, arena_concat(environment->arena, folder, S("/bootstrap")));
    return true;
}

/* program: the interpreter, if there is one. */
static bool add_command(struct environment *environment, struct val *command, slice *program, slice *why)
{
    slice runtime = text_of(environment, "runtime");
    for (size_t i = 0; i < sizeof(runtimes) / sizeof(*runtimes); i++) {
        if (slice_starts(runtime, runtimes[i].prefix))
            return interpreter(environment, &runtimes[i], command, program, why);
    }
    if (slice_starts(runtime, S("provided")) || slice_starts(runtime, S("go1.")))
        return own_bootstrap(environment, command, why);
    *why = arena_printf(environment->arena, "The runtime %.*s cannot be run on this machine", SLICE_ARG(runtime));
    return false;
}

static bool is_in(const struct val *list, slice text)
{
    for (size_t i = 0; i < list->array.len; i++) {
        if (slice_eq(list->array.items[i].string, text))
            return true;
    }
    return false;
}

static void add_extensions_of(struct environment *environment, size_t layer, struct val *with)
{
    struct arena *arena = environment->arena;
    slice folder = sandbox_layer_on_host(environment, layer);
    int fd = beneath_open_in(slice_cstr(arena, folder), "extensions", O_RDONLY | O_DIRECTORY);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        slice path =
            arena_printf(arena, "%.*s/extensions/%s", SLICE_ARG(sandbox_layer(environment, layer)), entry->d_name);
        const char *name = arena_printf(arena, "extensions/%s", entry->d_name).ptr;
        if (is_in(with, path) || !is_executable_in(environment, folder, name))
            continue;
        add_text(arena, with, path);
        environment->n_expected++;
    }
    if (dir)
        closedir(dir);
}

/* Extensions are started beside the runtime, by a shell that waits for it. Theirs is the container's standard error, so
 * that what they say can be told from what the function says, which has both streams in one. When the environment is
 * ended the shell tells the runtime, and stays until the extensions have ended, too. */
static void add_extensions(struct environment *environment, struct val *command)
{
    static const char start[] =
        "extensions=; while [ \"$1\" != -- ]; do \"$1\" >&2 & extensions=\"$extensions $!\"; shift; done; "
        "shift; ending=; \"$@\" 2>&1 & runtime=$!; trap 'ending=1; kill -TERM $runtime' TERM; "
        "wait $runtime; code=$?; [ -z \"$ending\" ] || { wait $runtime; code=$?; wait $extensions; }; "
        "exit $code";
    struct arena *arena = environment->arena;
    struct val with = val_array();
    add_text(arena, &with, S("/bin/sh"));
    add_text(arena, &with, S("-c"));
    add_text(arena, &with, slice_of(start));
    add_text(arena, &with, S("sh"));
    for (size_t i = 0; i < sandbox_n_layers(environment); i++)
        add_extensions_of(environment, i, &with);
    add_text(arena, &with, S("--"));
    for (size_t i = 0; i < command->array.len; i++)
        add_text(arena, &with, command->array.items[i].string);
    if (environment->n_expected > 0)
        *command = with;
}

static void set(struct environment *environment, struct val *list, slice name, slice value)
{
    struct val pair = val_array();
    for (size_t i = 0; i < list->array.len; i++) {
        if (slice_eq(list->array.items[i].array.items[0].string, name))
            return; /* the function's own */
    }
    add_text(environment->arena, &pair, name);
    add_text(environment->arena, &pair, value);
    val_push(environment->arena, list, pair);
}

/* Where programs, libraries and modules are looked for: a suffix of each layer's folder, after the function's own. In a
 * sandbox all layers are one folder. */
static slice search_path(struct environment *environment, slice first, const char *suffix)
{
    struct buf path;
    slice last = S("");
    buf_init(&path, environment->arena);
    buf_add(&path, first);
    for (size_t i = 0; i < sandbox_n_layers(environment); i++) {
        slice layer = sandbox_layer(environment, i);
        if (!slice_eq(layer, last))
            buf_printf(&path, "%s%.*s%s", path.len > 0 ? ":" : "", SLICE_ARG(layer), suffix);
        last = layer;
    }
    return buf_slice(&path);
}

static void set_paths(struct environment *environment, struct val *list)
{
    struct arena *arena = environment->arena;
    slice task = sandbox_task(environment);
    const struct {
        slice name, first;
        const char *suffix;
    } paths[] = {
        {S("PATH"), environment->blueprint->functions->runner->host_path, "/bin"},
        {S("LD_LIBRARY_PATH"), arena_printf(arena, "%.*s:%.*s/lib", SLICE_ARG(task), SLICE_ARG(task)), "/lib"},
        {S("PYTHONPATH"), S(""), "/python"},
        {S("NODE_PATH"), S(""), "/nodejs/node_modules"},
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        slice path = search_path(environment, paths[i].first, paths[i].suffix);
        if (path.len > 0)
            set(environment, list, paths[i].name, path);
    }
}

static struct val variables(struct environment *environment)
{
    struct arena *arena = environment->arena;
    const struct val *given = val_get(&environment->blueprint->doc, S("environment"));
    struct val list = val_array();
    slice handler = text_of(environment, "handler");
    for (size_t i = 0; given && i < given->array.len; i++)
        val_push(arena, &list, given->array.items[i]);
    set(environment, &list, S("AWS_LAMBDA_RUNTIME_API"), arena_printf(arena, "127.0.0.1:%u", environment->port));
    set(environment, &list, S("AWS_LAMBDA_LOG_STREAM_NAME"), environment->stream);
    set(environment, &list, S("AWS_LAMBDA_INITIALIZATION_TYPE"), S("on-demand"));
    if (is_image(environment))
        return list; /* the image says where it has what */
    if (handler.len > 0)
        set(environment, &list, S("_HANDLER"), handler);
    set(environment, &list, S("LAMBDA_TASK_ROOT"), sandbox_task(environment));
    set(environment, &list, S("LAMBDA_RUNTIME_DIR"), sandbox_runtime(environment));
    set(environment, &list, S("TZ"), S(":UTC"));
    set(environment, &list, S("LANG"), S("en_US.UTF-8"));
    set_paths(environment, &list);
    return list;
}

static struct val log_of(struct environment *environment)
{
    struct arena *arena = environment->arena;
    const struct val *given = val_get(&environment->blueprint->doc, S("log"));
    struct val log = val_object();
    static const slice kept[] = {S("account"), S("region"), S("group")};
    for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
        val_set(arena, &log, kept[i], val_string(val_get_string(given, kept[i])));
    val_set(arena, &log, S("stream"), val_string(environment->stream));
    val_set(arena, &log, S("createGroup"), val_bool(true));
    return log;
}

/* The function's configuration is combined with the image's own; of an image that is nowhere the command may run on the
 * host's files: *program is it, then, when it is named by its path. */
static void set_image(struct environment *environment, struct val *plan, slice *program)
{
    static const slice parts[] = {S("entryPoint"), S("command")}, members[] = {S("entryPoint"), S("arguments")};
    struct arena *arena = environment->arena;
    const struct val *doc = &environment->blueprint->doc, *reference = val_get(doc, S("ecr"));
    struct val command = val_array();
    for (size_t n = 0; n < sizeof(parts) / sizeof(*parts); n++) {
        const struct val *part = val_get(doc, parts[n]);
        if (part && part->type == VAL_ARRAY)
            val_set(arena, plan, members[n], *part);
        for (size_t i = 0; part && part->type == VAL_ARRAY && i < part->array.len; i++)
            add_text(arena, &command, part->array.items[i].string);
    }
    if (reference)
        val_set(arena, plan, S("ecr"), *reference);
    if (command.array.len > 0)
        val_set(arena, plan, S("command"), command);
    if (command.array.len > 0 && !reference && slice_starts(command.array.items[0].string, S("/")))
        *program = command.array.items[0].string;
    val_set(arena, plan, S("image"), val_string(text_of(environment, "image")));
    val_set(arena, plan, S("workingDirectory"), val_string(text_of(environment, "workingDirectory")));
}

/* What it runs; *program is its interpreter. */
static bool set_command(struct environment *environment, struct val *plan, slice *program, slice *why)
{
    struct val command = val_array();
    bool ok = add_command(environment, &command, program, why);
    if (ok)
        add_extensions(environment, &command);
    if (command.array.len > 0)
        val_set(environment->arena, plan, S("command"), command);
    val_set(environment->arena, plan, S("workingDirectory"), val_string(sandbox_task(environment)));
    return ok;
}

bool launch_plan(struct environment *environment, slice *text, slice *why)
{
    struct arena *arena = environment->arena;
    struct val plan = val_object();
    slice program = S(""), id = arena_printf(arena, FUNCTIONS_FOLDER "%.*s-%lld",
                                             SLICE_ARG(environment->blueprint->functions->runner->boot),
                                             (long long)++environment->blueprint->functions->next_environment);
    bool ok = true;
    val_set(arena, &plan, S("task"), val_string(id));
    val_set(arena, &plan, S("container"), val_string(id));
    if (is_image(environment))
        set_image(environment, &plan, &program);
    else
        ok = set_command(environment, &plan, &program, why);
    val_set(arena, &plan, S("environment"), variables(environment));
    val_set(arena, &plan, S("log"), log_of(environment));
    sandbox_add(environment, &plan, program);
    *text = json_text(arena, &plan);
    return ok;
}

/* Failures */

/* What the stub said, without the prefix that tasks need. */
static slice cause_of(slice failure)
{
    static const slice prefix = S("CannotStartContainerError: ");
    return slice_starts(failure, prefix) ? slice_sub(failure, prefix.len, failure.len) : failure;
}

slice launch_failure(struct arena *arena, slice failure, slice *type)
{
    static const slice exec = S("exec: \""), cwd = S("chdir to cwd (\"");
    slice cause = cause_of(failure), name, reason, rest;
    *type = S("Runtime.InvalidEntrypoint");
    if (slice_starts(cause, cwd)) {
        *type = S("Runtime.InvalidWorkingDir");
        slice_cut(slice_sub(cause, cwd.len, cause.len), '"', &name, &rest);
        slice_cut(rest, ':', &rest, &reason);
        return arena_printf(arena, "chdir %.*s:%.*s", SLICE_ARG(name), SLICE_ARG(reason.ptr ? reason : S("")));
    }
    slice_cut(slice_sub(cause, exec.len, cause.len), '"', &name, &reason);
    if (!slice_starts(cause, exec) || slice_index(name, '/') == name.len)
        return cause;
    return arena_printf(arena, "fork/exec %.*s%.*s", SLICE_ARG(name), SLICE_ARG(reason.ptr ? reason : S("")));
}

bool launch_without_sandbox(struct functions *functions, slice failure)
{
    slice cause = cause_of(failure);
    if (functions->bare || !slice_starts(cause, S(PLAN_NO_SANDBOX)) || !fallback_permits_host(functions->runner))
        return false;
    log_warn("functions run on the host's files: %.*s", SLICE_ARG(cause));
    functions->bare = true;
    return true;
}
