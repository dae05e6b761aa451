/* scripts: see scripts.h. */
#include "supervisor/init/scripts.h"

#include "common/arena.h"
#include "common/fdio.h"
#include "common/json.h"
#include "common/log.h"
#include "common/time.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_DEPTH = 8, MAX_SCRIPTS = 1000, KILL_AFTER_MS = 5000, NO_PROGRAM = 127 };

static const struct {
    slice suffix;
    const char *interpreter;
} kinds[] = {{S(".sh"), "bash"}, {S(".py"), "python3"}};

static void add(struct arena *arena, slice path, slice name, struct script_list *scripts)
{
    struct script script = {.name = name, .path = path};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (slice_ends(name, kinds[i].suffix))
            script.interpreter = kinds[i].interpreter;
    }
    bool executable = access(path.ptr, X_OK) == 0;
    if (executable)
        script.interpreter = NULL;
    if (executable || script.interpreter)
        *(struct script *)list_add(arena, scripts) = script;
    else
        log_warn("%.*s is left out: it is neither executable nor does it end in .sh or .py", SLICE_ARG(path));
}

/* The folder's text ends with a NUL. */
static void find(struct arena *arena, slice folder, slice prefix, int depth, struct script_list *scripts)
{
    struct dirent **entries = NULL;
    int n = depth < MAX_DEPTH ? scandir(folder.ptr, &entries, NULL, alphasort) : 0;
    for (int i = 0; i < n; i++) {
        struct stat st;
        slice name = arena_printf(arena, "%.*s%s", SLICE_ARG(prefix), entries[i]->d_name);
        slice path = arena_printf(arena, "%.*s/%s", SLICE_ARG(folder), entries[i]->d_name);
        bool usable = entries[i]->d_name[0] != '.' && stat(path.ptr, &st) == 0 && scripts->len < MAX_SCRIPTS;
        if (usable && S_ISDIR(st.st_mode))
            find(arena, path, arena_concat(arena, name, S("/")), depth + 1, scripts);
        else if (usable && S_ISREG(st.st_mode))
            add(arena, path, name, scripts);
        free(entries[i]);
    }
    free(entries);
}

static int by_name(const void *a, const void *b)
{
    return slice_cmp(((const struct script *)a)->name, ((const struct script *)b)->name);
}

void scripts_find(struct arena *arena, slice folder, struct script_list *scripts)
{
    find(arena, arena_printf(arena, "%.*s", SLICE_ARG(folder)), S(""), 0, scripts);
    if (scripts->len > 0)
        qsort(scripts->items, scripts->len, sizeof(*scripts->items), by_name);
}

static _Noreturn void become(const struct script *script, pid_t parent)
{
    umask(022); /* a user's script, not awssim's file */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(NO_PROGRAM);
    closefrom(STDERR_FILENO + 1);
    if (script->interpreter)
        execlp(script->interpreter, script->interpreter, script->path.ptr, (char *)NULL);
    else
        execl(script->path.ptr, script->path.ptr, (char *)NULL);
    log_error("cannot run %s: %s", script->interpreter ? script->interpreter : script->path.ptr, strerror(errno));
    _exit(NO_PROGRAM);
}

/* Until the process ends, the time is over (0: there is no limit) or stop_fd is readable; whether it has ended. */
static bool await(int pidfd, int stop_fd, int64_t limit_ms)
{
    int64_t deadline_ms = time_mono_ms() + limit_ms;
    for (;;) {
        struct pollfd fds[] = {{.fd = pidfd, .events = POLLIN}, {.fd = stop_fd, .events = POLLIN}};
        int64_t left_ms = deadline_ms - time_mono_ms();
        int timeout = limit_ms == 0 ? -1 : left_ms > 0 ? (int)left_ms : 0;
        int n = poll(fds, 2, timeout);
        if (n > 0 && fds[0].revents)
            return true;
        if (n == 0 || (n > 0 && fds[1].revents))
            return false;
    }
}

/* The end of the whole group, gently first. */
static void end_group(pid_t pid, int pidfd)
{
    kill(-pid, SIGTERM);
    await(pidfd, -1, KILL_AFTER_MS);
    kill(-pid, SIGKILL);
    await(pidfd, -1, 0);
}

static slice describe(struct arena *arena, int status)
{
    return WIFSIGNALED(status) ? arena_printf(arena, "killed by signal %d", WTERMSIG(status))
                               : arena_printf(arena, "exit code %d", WEXITSTATUS(status));
}

bool scripts_run(struct arena *arena, const struct script *script, int64_t limit_ms, int stop_fd, slice *why)
{
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become(script, parent);
    __attribute__((cleanup(fdio_cleanup))) int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pidfd < 0) {
        *why = slice_of(strerror(errno));
        return false;
    }
    int64_t began_ms = time_mono_ms();
    bool ended = await(pidfd, stop_fd, limit_ms);
    if (!ended)
        end_group(pid, pidfd);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    *why = describe(arena, status);
    if (!ended)
        *why = arena_printf(arena, "ended after %lld ms, its time limit or awssim's own end",
                            (long long)(time_mono_ms() - began_ms));
    return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

slice scripts_status(struct arena *arena, slice stage, bool completed, const struct script_list *scripts)
{
    static const slice states[] = {S("UNKNOWN"), S("RUNNING"), S("SUCCESSFUL"), S("ERROR")};
    struct json_writer *w = json_writer_open(arena);
    json_object_begin(w);
    json_key(w, S("completed"));
    json_bool(w, completed);
    json_key(w, S("scripts"));
    json_array_begin(w);
    list_foreach (script, scripts) {
        json_object_begin(w);
        json_key(w, S("stage"));
        json_string(w, stage);
        json_key(w, S("name"));
        json_string(w, script->name);
        json_key(w, S("state"));
        json_string(w, states[script->state]);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
    return json_writer_close(w);
}
