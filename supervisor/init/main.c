/* awssim-init: runs the init scripts of one stage, in order, as LocalStack does: a script that fails is shown and does
 * not keep the others from running. Arguments: those of common/conf.def, and the stage (boot, start, ready, shutdown).
 * The supervisor starts it (supervisor/init_stages.h). What it does is told in RUN_DIR/init/STAGE.json, which the
 * router shows at /_localstack/init. Exit code 1: a script has failed. */
#include "supervisor/init/scripts.h"

#include "common/conf.h"
#include "common/err.h"
#include "common/fdio.h"
#include "common/listener.h"
#include "common/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { BAD_USAGE = 2, MS = 1000, SHUTDOWN_LIMIT_S = 20 };

static const slice stages[] = {S("boot"), S("start"), S("ready"), S("shutdown")};
enum { N_STAGES = sizeof(stages) / sizeof(*stages) };

struct session {
    struct arena *arena;
    struct conf conf;
    slice stage;
    int stop_fd;
};

static slice upper(struct arena *arena, slice text)
{
    char *out = arena_copy(arena, text.ptr, text.len);
    for (size_t i = 0; i < text.len; i++)
        out[i] = (char)(out[i] >= 'a' && out[i] <= 'z' ? out[i] - 'a' + 'A' : out[i]);
    return (slice){out, text.len};
}

static void tell(const struct session *s, slice stage, bool completed, const struct script_list *scripts)
{
    slice path = arena_printf(s->arena, "%.*s/init/%.*s.json", SLICE_ARG(s->conf.run_dir), SLICE_ARG(stage));
    int result =
        fdio_replace_file(path.ptr, scripts_status(s->arena, upper(s->arena, stage), completed, scripts), 0600);
    if (result != 0)
        log_warn("cannot write %s: %s", path.ptr, strerror(-result));
}

static void find(const struct session *s, slice stage, struct script_list *scripts)
{
    scripts_find(s->arena, arena_printf(s->arena, "%.*s/%.*s.d", SLICE_ARG(s->conf.init_dir), SLICE_ARG(stage)),
                 scripts);
}

/* The first stage tells of all, so that nothing of a former start is shown. */
static int tell_of_all(const struct session *s)
{
    int result = fdio_mkdirs(arena_printf(s->arena, "%.*s/init", SLICE_ARG(s->conf.run_dir)).ptr, 0700);
    if (result != 0)
        return result;
    for (size_t i = 0; i < N_STAGES; i++) {
        struct script_list scripts = {0};
        find(s, stages[i], &scripts);
        tell(s, stages[i], false, &scripts);
    }
    return 0;
}

/* Settings of a real account must not reach the clients in scripts. */
static void forget_accounts(void)
{
    for (char **variable = environ; *variable;) {
        slice name, value;
        slice_cut(slice_of(*variable), '=', &name, &value);
        if (slice_starts(name, S("AWS_")) && unsetenv(strndupa(name.ptr, name.len)) == 0)
            variable = environ;
        else
            variable++;
    }
}

/* What AWS clients in scripts need, and `awslocal`, behind the user's own PATH. */
static void set_environment(const struct session *s)
{
    slice endpoint = listener_endpoint(s->arena, s->conf.listen, s->conf.port);
    slice key = S("test"), secret = S("test"), pair, others;
    if (slice_cut(s->conf.root_keys, ',', &pair, &others) || pair.len > 0)
        slice_cut(pair, ':', &key, &secret);
    const struct {
        const char *name;
        slice value;
    } settings[] = {
        {"AWS_ENDPOINT_URL", endpoint},         {"AWS_ACCESS_KEY_ID", key},     {"AWS_SECRET_ACCESS_KEY", secret},
        {"AWS_DEFAULT_REGION", S("us-east-1")}, {"AWS_REGION", S("us-east-1")},
    };
    forget_accounts();
    for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
        setenv(settings[i].name, slice_cstr(s->arena, settings[i].value), 1);
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self));
    const char *path = getenv("PATH"), *end = len > 0 ? memrchr(self, '/', (size_t)len) : NULL;
    if (end)
        setenv("PATH",
               arena_printf(s->arena, "%s:%.*s", path ? path : "/usr/local/bin:/usr/bin:/bin", (int)(end - self), self)
                   .ptr,
               1);
}

/* The end must not take longer than whoever asked for it is ready to wait. */
static int64_t limit_ms(const struct session *s)
{
    int64_t seconds = s->conf.init_timeout;
    bool shorten = slice_eq(s->stage, S("shutdown")) && (seconds == 0 || seconds > SHUTDOWN_LIMIT_S);
    return (shorten ? SHUTDOWN_LIMIT_S : seconds) * MS;
}

static bool is_told_to_end(const struct session *s)
{
    struct pollfd signals = {.fd = s->stop_fd, .events = POLLIN};
    return poll(&signals, 1, 0) > 0;
}

static bool run_all(const struct session *s)
{
    struct script_list scripts = {0};
    bool good = true;
    find(s, s->stage, &scripts);
    list_foreach (script, &scripts) {
        slice why = S("");
        if (is_told_to_end(s))
            return false;
        script->state = SCRIPT_RUNNING;
        tell(s, s->stage, false, &scripts);
        log_info("%.*s script %.*s begins", SLICE_ARG(s->stage), SLICE_ARG(script->name));
        bool done = scripts_run(s->arena, script, limit_ms(s), s->stop_fd, &why);
        script->state = done ? SCRIPT_SUCCESSFUL : SCRIPT_ERROR;
        if (!done)
            log_error("%.*s script %.*s has failed: %.*s", SLICE_ARG(s->stage), SLICE_ARG(script->name),
                      SLICE_ARG(why));
        good = good && done;
    }
    tell(s, s->stage, true, &scripts);
    return good;
}

static int signals_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(int argc, char *argv[])
{
    struct session s = {.arena = arena_open()};
    struct slice_list rest = {0};
    slice why = S("");
    log_init("awssim-init", LOG_INFO);
    int code = BAD_USAGE;
    if (conf_parse(s.arena, argc, argv, &s.conf, &rest, &why) != 0 || rest.len != 1) {
        log_error("%.*s", SLICE_ARG(why.len > 0 ? why : S("one argument is needed: the stage")));
    } else {
        s.stage = rest.items[0];
        s.stop_fd = signals_open();
        set_environment(&s);
        int result = slice_eq(s.stage, S("boot")) ? tell_of_all(&s) : 0;
        if (result != 0)
            log_warn("cannot tell of init scripts in %.*s: %s", SLICE_ARG(s.conf.run_dir), strerror(-result));
        code = run_all(&s) ? 0 : 1;
    }
    arena_close(s.arena);
    return code;
}
