/* exec_spawn: see exec_spawn.h. A process that has called nng must not fork, so this is posix_spawn. */
#include "runner/exec_spawn.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/fdio.h"
#include "common/json.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N_DESCRIPTORS = 5, MAX_PIECE = 1 << 24 };

int exec_spawn_seal(const char *program)
{
    __attribute__((cleanup(fdio_cleanup))) int from = open(program, O_RDONLY | O_CLOEXEC);
    int copy = from < 0 ? -1 : memfd_create("awssim-stub", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ssize_t n = copy < 0 ? -1 : 1;
    while (n > 0)
        n = sendfile(copy, from, NULL, MAX_PIECE);
    if (n == 0 && fchmod(copy, 0500) == 0 &&
        fcntl(copy, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
        return copy;
    int error = errno;
    fdio_cleanup(&copy);
    errno = error;
    return -1;
}

static void add(struct buf *plan, slice key, slice value)
{
    buf_add(plan, key);
    buf_add_char(plan, '\0');
    buf_add(plan, value);
    buf_add_char(plan, '\0');
}

static size_t count(const struct val *list)
{
    return list && list->type == VAL_ARRAY ? list->array.len : 0;
}

static bool is_text(const struct val *value)
{
    return value->type == VAL_STRING && slice_index(value->string, '\0') == value->string.len;
}

static bool is_variable(const struct val *pair)
{
    return count(pair) == 2 && is_text(&pair->array.items[0]) && is_text(&pair->array.items[1]);
}

static bool is_replaced(const struct val *environment, slice variable)
{
    slice name, value;
    slice_cut(variable, '=', &name, &value);
    for (size_t i = 0; i < count(environment); i++) {
        const struct val *pair = &environment->array.items[i];
        if (is_variable(pair) && slice_eq(pair->array.items[0].string, name))
            return true;
    }
    return false;
}

/* The container's own plan, without its command. Its mounts are there already. */
static bool add_container(struct buf *plan, slice own, const struct val *environment)
{
    bool has_terminal_type = false;
    for (slice rest = own; rest.len > 0;) {
        slice key, value;
        slice_cut(rest, '\0', &key, &rest);
        slice_cut(rest, '\0', &value, &rest);
        bool skipped = slice_eq(key, S("arg")) || (slice_eq(key, S("env")) && is_replaced(environment, value));
        if (slice_eq(key, S("mount")))
            break;
        has_terminal_type = has_terminal_type || (slice_eq(key, S("env")) && slice_starts(value, S("TERM=")));
        if (!skipped)
            add(plan, key, value);
    }
    return has_terminal_type;
}

static int write_plan(struct arena *arena, const struct exec_target *target, const struct val *wish, int *fd)
{
    static const slice texts[][2] = {{S("user"), S("user")}, {S("workingDirectory"), S("cwd")}};
    const struct val *command = val_get(wish, S("command")), *environment = val_get(wish, S("environment"));
    struct buf plan;
    buf_init(&plan, arena);
    if (count(command) == 0)
        return -EINVAL;
    for (size_t i = 0; i < count(command); i++) {
        if (!is_text(&command->array.items[i]))
            return -EINVAL;
        add(&plan, S("arg"), command->array.items[i].string);
    }
    bool has_type = add_container(&plan, target->plan, environment);
    for (size_t i = 0; i < count(environment); i++) {
        const struct val *pair = &environment->array.items[i];
        if (!is_variable(pair))
            return -EINVAL;
        has_type = has_type || slice_eq(pair->array.items[0].string, S("TERM"));
        add(&plan, S("env"),
            arena_printf(arena, "%.*s=%.*s", SLICE_ARG(pair->array.items[0].string),
                         SLICE_ARG(pair->array.items[1].string)));
    }
    if (!has_type && val_get_bool(wish, S("terminal"), false))
        add(&plan, S("env"), S("TERM=xterm"));
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        slice text = val_get_string(wish, texts[i][0]);
        if (text.len > 0 && slice_index(text, '\0') < text.len)
            return -EINVAL;
        if (text.len > 0)
            add(&plan, texts[i][1], text);
    }
    *fd = memfd_create("plan", MFD_CLOEXEC);
    return *fd < 0 ? -errno : fdio_write_all(*fd, buf_slice(&plan));
}

/* theirs: what the stub has as 0 to 4. */
static int open_descriptors(const struct val *wish, int theirs[N_DESCRIPTORS], struct exec_spawned *made)
{
    bool terminal = val_get_bool(wish, S("terminal"), false);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return -errno;
    made->status = pair[0];
    theirs[4] = pair[1];
    for (int i = 0; i < 2 && !terminal; i++) {
        if (pipe2(pair, O_CLOEXEC) != 0)
            return -errno;
        made->outputs[i] = pair[0];
        theirs[1 + i] = pair[1];
    }
    if (terminal || !val_get_bool(wish, S("input"), false)) {
        for (int i = 0; i < 3; i++) {
            if (theirs[i] < 0 && (theirs[i] = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
                return -errno;
        }
        return 0;
    }
    if (pipe2(pair, O_CLOEXEC) != 0)
        return -errno;
    theirs[0] = pair[0];
    made->input = pair[1];
    return 0;
}

static int spawn(struct arena *arena, int program, const char *mode, const struct exec_target *target,
                 const int theirs[N_DESCRIPTORS], pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t set;
    slice path = arena_printf(arena, "/proc/self/fd/%d", program), number = arena_printf(arena, "%d", target->stub);
    char *argv[] = {arena_copy(arena, "awssim-stub", sizeof("awssim-stub")), arena_copy(arena, "exec", sizeof("exec")),
                    arena_copy(arena, number.ptr, number.len + 1), arena_copy(arena, mode, strlen(mode) + 1), NULL};
    char *envp[] = {NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (int i = 0; i < N_DESCRIPTORS; i++)
        posix_spawn_file_actions_adddup2(&actions, theirs[i], i);
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&attributes, &set);
    sigfillset(&set);
    posix_spawnattr_setsigdefault(&attributes, &set);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int result = posix_spawn(pid, path.ptr, &actions, &attributes, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -result;
}

static int start(struct arena *arena, int program, const char *mode, const struct exec_target *target,
                 const int theirs[N_DESCRIPTORS], struct exec_spawned *made)
{
    int result = spawn(arena, program, mode, target, theirs, &made->pid);
    if (result != 0)
        return result;
    made->pidfd = (int)syscall(SYS_pidfd_open, made->pid, 0);
    if (made->pidfd >= 0)
        return 0;
    result = -errno;
    kill(made->pid, SIGKILL);
    waitpid(made->pid, NULL, 0);
    return result;
}

int exec_spawn(struct arena *arena, int program, const struct exec_target *target, const struct val *wish,
               struct exec_spawned *made)
{
    int theirs[N_DESCRIPTORS] = {-1, -1, -1, -1, -1};
    const char *mode = "pipes";
    if (val_get_bool(wish, S("terminal"), false))
        mode = arena_printf(arena, "terminal %hu %hu", (uint16_t)val_get_int(wish, S("rows"), 0),
                            (uint16_t)val_get_int(wish, S("columns"), 0))
                   .ptr;
    *made = (struct exec_spawned){0, -1, -1, {-1, -1}, -1};
    int result = write_plan(arena, target, wish, &theirs[3]);
    if (result == 0)
        result = open_descriptors(wish, theirs, made);
    if (result == 0)
        result = start(arena, program, mode, target, theirs, made);
    for (int i = 0; i < N_DESCRIPTORS; i++)
        fdio_cleanup(&theirs[i]);
    if (result == 0)
        return 0;
    int *ours[] = {&made->input, &made->outputs[0], &made->outputs[1], &made->status};
    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
        fdio_cleanup(ours[i]);
    return result;
}

ssize_t exec_spawn_receive(int fd, char *bytes, size_t size, int *descriptor)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {bytes, size};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    *descriptor = -1;
    ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
        head->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(descriptor, CMSG_DATA(head), sizeof(int));
    return n;
}
