/* awssim-supervisor: prepares the folders, the lock and the table of programs, then supervises. Arguments: those of
 * common/conf.def; the word `background` says that descriptor 3 is a pipe to the starter (see supervisor.h) and that
 * messages belong into a log file. */
#include "supervisor/instance.h"
#include "supervisor/private.h"
#include "supervisor/programs.h"
#include "supervisor/supervisor.h"

#include "common/conf.h"
#include "common/err.h"
#include "common/fdio.h"
#include "common/instances.h"
#include "common/limits.h"
#include "common/listener.h"
#include "common/log.h"
#include "common/own_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STARTER_FD = 3, BAD_USAGE = 2 };

struct session {
    struct arena *arena;
    struct conf conf;   /* the children's: state_dir is where data is */
    slice identity_dir; /* the state directory the user has named */
    bool made_identity_dir;
    struct instance instance;
    struct program_list programs;
    char *const *const *init_argv;
    int listen_fd;
    int starter_fd;
};

static int refuse(const struct session *session, slice why)
{
    if (session->starter_fd >= 0)
        dprintf(session->starter_fd, "failed %.*s\n", SLICE_ARG(why));
    else
        log_error("%.*s", SLICE_ARG(why));
    return 1;
}

static int make_folder(struct session *session, slice path, slice *why)
{
    const char *cstr = slice_cstr(session->arena, path);
    int result = cstr ? fdio_mkdirs(cstr, 0700) : -EINVAL;
    if (result == 0)
        return 0;
    *why = arena_printf(session->arena, "cannot create the folder %.*s: %s; --state-dir names another one",
                        SLICE_ARG(path), strerror(-result));
    return BAD_INPUT;
}

static const char *path_below(struct session *session, slice folder, const char *name)
{
    return arena_printf(session->arena, "%.*s/%s", SLICE_ARG(folder), name).ptr;
}

/* Whoever could put something in its place could talk to our sockets. One that a killed awssim has left behind in /tmp
 * goes first. */
static int make_run_dir(struct session *session, slice *why)
{
    struct conf *conf = &session->conf;
    slice left = instance_left_run_dir(session->arena, &session->instance), ignored;
    if (private_is_run_dir(left) && own_dir_check(session->arena, left, "run directory", "run-dir", &ignored) == 0)
        fdio_remove_tree(left.ptr);
    if (slice_eq(conf->run_dir, S(CONF_TEMPORARY_RUN_DIR))) {
        char *made = arena_copy(session->arena, CONF_TEMPORARY_RUN_DIR, sizeof(CONF_TEMPORARY_RUN_DIR));
        if (!mkdtemp(made)) {
            *why = arena_printf(session->arena, "cannot make a folder for sockets in /tmp: %s; --run-dir names one",
                                strerror(errno));
            return BAD_INPUT;
        }
        conf->run_dir = slice_of(made);
    }
    session->instance.run_dir = conf->run_dir;
    TRY(make_folder(session, conf->run_dir, why));
    return own_dir_check(session->arena, conf->run_dir, "run directory", "run-dir", why);
}

/* What an ephemeral awssim has left behind that was killed goes first. */
static int make_folders(struct session *session, slice *why)
{
    struct conf *conf = &session->conf;
    const char *scratch = path_below(session, session->identity_dir, "ephemeral");
    fdio_remove_tree(scratch);
    private_sweep();
    if (conf->ephemeral)
        conf->state_dir = slice_of(scratch);
    session->instance.log_dir = slice_of(path_below(session, conf->state_dir, "log"));
    TRY(make_folder(session, session->instance.log_dir, why));
    return make_run_dir(session, why);
}

/* Port 0 becomes the one it stands for, in the children's options too. */
static int open_port(struct session *session, slice *why)
{
    struct conf *conf = &session->conf;
    TRY(listener_open(session->arena, conf->listen, conf->port, &session->listen_fd, why));
    conf->port = session->instance.port = listener_port(session->listen_fd);
    session->instance.endpoint = listener_endpoint(session->arena, conf->listen, conf->port);
    return 0;
}

static void log_to_file(struct session *session)
{
    const char *path = path_below(session, session->instance.log_dir, "supervisor.log");
    struct stat st;
    if (stat(path, &st) == 0 && st.st_size > OUTPUT_FILE_BYTES)
        rename(path, path_below(session, session->instance.log_dir, "supervisor.log.1"));
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
}

/* The router alone has some fifty open, before there is a client; what is found wanting later is found by somebody
 * else. */
static int check_descriptors(struct session *session, slice *why)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= LIMIT_DESCRIPTORS)
        return 0;
    if (limit.rlim_max < LIMIT_DESCRIPTORS) {
        *why =
            arena_printf(session->arena,
                         "a process may have only %llu files open here, and awssim needs %d, and two more for each of "
                         "its clients; give it 1024 or more: ulimit -n 1024, LimitNOFILE= in a systemd unit, docker "
                         "run --ulimit nofile=1024",
                         (unsigned long long)limit.rlim_max, LIMIT_DESCRIPTORS);
        return BAD_INPUT;
    }
    limit.rlim_cur = LIMIT_DESCRIPTORS;
    setrlimit(RLIMIT_NOFILE, &limit);
    return 0;
}

static int prepare(struct session *session, slice *why)
{
    TRY(check_descriptors(session, why));
    session->identity_dir = session->instance.state_dir = session->conf.state_dir;
    session->made_identity_dir = access(path_below(session, session->identity_dir, "."), F_OK) != 0;
    TRY(make_folder(session, session->identity_dir, why));
    TRY(own_dir_close(session->arena, session->identity_dir, why));
    TRY(instance_lock(session->arena, &session->instance, why));
    TRY(make_folders(session, why));
    TRY(open_port(session, why));
    instance_publish(session->arena, &session->instance);
    int result = instances_add(session->arena, session->identity_dir);
    if (result != 0)
        log_info("not entered among the running instances (%s): name this one by --state-dir", strerror(-result));
    TRY(programs_init(session->arena, &session->conf, &session->init_argv, why));
    return programs_list(session->arena, &session->conf, &session->programs, why);
}

/* Whoever reaches awssim can run commands: that is what an ECS task is. */
static const char *warning_of(struct session *session)
{
    const struct conf *conf = &session->conf;
    bool known = conf->verify_signatures && slice_eq(conf->root_keys, S("test:test"));
    if (listener_is_loopback(session->listen_fd))
        return known ? "everybody knows the root key test:test: whoever can connect, a task or a function too, may do "
                       "everything with it. --root-keys names another one."
                     : NULL;
    slice where = arena_printf(session->arena, "%.*s port %lld", SLICE_ARG(conf->listen), (long long)conf->port);
    if (conf->verify_signatures)
        return arena_printf(session->arena,
                            "awssim listens on %.*s, which other machines may reach: whoever has a key (--root-keys, "
                            "IAM) can run commands on this machine as far as IAM lets him.",
                            SLICE_ARG(where))
            .ptr;
    return arena_printf(session->arena,
                        "awssim listens on %.*s, which other machines may reach: whoever can connect can run commands "
                        "on this machine as %s. --listen 127.0.0.1 keeps others out; --verify-signatures --iam enforce "
                        "demands keys and permissions.",
                        SLICE_ARG(where), geteuid() == 0 ? "root" : "awssim's user")
        .ptr;
}

static int supervise(struct session *session)
{
    const char *warning = warning_of(session);
    if (session->starter_fd >= 0)
        log_to_file(session);
    if (session->conf.ephemeral)
        log_warn("EPHEMERAL: nothing will be kept, all state is removed at the end");
    if (warning)
        log_warn("%s", warning);
    struct supervisor_setup setup = {
        .programs = session->programs.items,
        .count = session->programs.len,
        .init_argv = session->init_argv,
        .endpoint = session->instance.endpoint.ptr,
        .state_dir = slice_cstr(session->arena, session->identity_dir),
        .run_dir = slice_cstr(session->arena, session->conf.run_dir),
        .log_dir = session->instance.log_dir.ptr,
        .warning = warning,
        .echo = session->starter_fd < 0,
        .listen_fd = session->listen_fd,
        .parts_fd = session->instance.parts_fd,
        .starter_fd = session->starter_fd,
    };
    return supervisor_run(&setup);
}

/* A folder that somebody has named stays if it was there before, or if it holds a lasting awssim's state. */
static void leave_nothing(struct session *session)
{
    static const char *const own[] = {"ephemeral", "run", "parts", "lock"};
    if (private_is(session->identity_dir)) {
        fdio_remove_tree(slice_cstr(session->arena, session->identity_dir));
        return;
    }
    for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
        fdio_remove_tree(path_below(session, session->identity_dir, own[i]));
    if (session->made_identity_dir)
        rmdir(slice_cstr(session->arena, session->identity_dir));
}

/* A run directory that was not asked for and is not in the state directory. */
static void remove_run_dir(struct session *session)
{
    slice run_dir = session->instance.run_dir, usual = conf_usual_run_dir(session->arena, session->identity_dir);
    slice within = arena_concat(session->arena, session->identity_dir, S("/"));
    if (run_dir.ptr && !slice_starts(run_dir, within) && (private_is_run_dir(run_dir) || slice_eq(run_dir, usual)))
        fdio_remove_tree(slice_cstr(session->arena, run_dir));
}

static void clean_up(struct session *session)
{
    if (session->instance.lock_fd < 0)
        return;
    remove_run_dir(session);
    instances_remove(session->arena, session->identity_dir);
    instance_retract(&session->instance);
    if (session->conf.ephemeral)
        leave_nothing(session);
}

static int read_arguments(struct session *session, int argc, char *argv[], slice *why)
{
    enum log_level level = LOG_INFO;
    struct slice_list rest = {0};
    TRY(conf_parse(session->arena, argc, argv, &session->conf, &rest, why));
    conf_export_secrets(session->arena, &session->conf);
    log_level_parse(session->conf.log_level, &level);
    log_init("awssim-supervisor", level);
    list_foreach (word, &rest) {
        if (!slice_eq(*word, S("background"))) {
            *why = arena_printf(session->arena, "'%.*s' is no option", SLICE_ARG(*word));
            return BAD_INPUT;
        }
        session->starter_fd = STARTER_FD;
        fcntl(STARTER_FD, F_SETFD, FD_CLOEXEC);
        if (chdir("/") != 0)
            log_warn("cannot change to /: %s", strerror(errno));
    }
    return 0;
}

int main(int argc, char *argv[])
{
    struct session session = {
        .arena = arena_open(), .listen_fd = -1, .starter_fd = -1, .instance = {.lock_fd = -1, .parts_fd = -1}};
    slice why = S("");
    umask(077);
    log_init("awssim-supervisor", LOG_INFO);
    int code = BAD_USAGE;
    if (read_arguments(&session, argc, argv, &why) != 0)
        refuse(&session, why);
    else
        code = prepare(&session, &why) == 0 ? supervise(&session) : refuse(&session, why);
    clean_up(&session);
    arena_close(session.arena);
    return code;
}
