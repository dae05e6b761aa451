/* instance: finds the running awssim by its lock file and talks to its control socket. The file is written by the
 * supervisor. */
#include "tools/ctl/instance.h"

#include "tools/ctl/http.h"

#include "common/buf.h"
#include "common/err.h"
#include "common/fdio.h"
#include "common/listener.h"
#include "common/time.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    LOCK_FILE_BYTES = 16 * 1024,
    ANSWER_BYTES = 64 * 1024,
    DIAL_LIMIT_MS = 5000, /* from the lock to the control socket at the start */
    NAP_US = 1000,
    HEALTH_CALL_MS = 1000,
};

static const char *lock_path(const struct ctl *ctl)
{
    return arena_printf(ctl->arena, "%.*s/lock", SLICE_ARG(ctl->conf.state_dir)).ptr;
}

static bool is_held(int fd)
{
    struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    return fd >= 0 && fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

static void set_field(struct instance *instance, slice name, slice value)
{
    const struct {
        slice name;
        slice *field;
    } fields[] = {
        {S("pid"), &instance->pid},
        {S("endpoint"), &instance->endpoint},
        {S("run_dir"), &instance->run_dir},
        {S("log_dir"), &instance->log_dir},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        if (slice_eq(fields[i].name, name))
            *fields[i].field = value;
    }
}

static void guess(const struct ctl *ctl, struct instance *instance)
{
    const struct conf *conf = &ctl->conf;
    *instance = (struct instance){
        .pid = S("?"),
        .endpoint = listener_endpoint(ctl->arena, conf->listen, conf->port),
        .run_dir = conf->run_dir,
        .log_dir = arena_concat(ctl->arena, conf->state_dir, S("/log")),
    };
}

bool instance_find(const struct ctl *ctl, struct instance *instance)
{
    guess(ctl, instance);
    __attribute__((cleanup(fdio_cleanup))) int fd = open(lock_path(ctl), O_RDONLY | O_CLOEXEC);
    slice content, line, name, value;
    if (!is_held(fd))
        return false;
    if (fdio_read_file(ctl->arena, lock_path(ctl), LOCK_FILE_BYTES, &content) != 0)
        return true;
    while (content.len > 0) {
        slice_cut(content, '\n', &line, &content);
        if (slice_cut(line, '=', &name, &value))
            set_field(instance, name, value);
    }
    return true;
}

slice instance_private_endpoint(const struct ctl *ctl, const struct instance *instance)
{
    return arena_concat(ctl->arena, instance->run_dir, S("/admin"));
}

void instance_await_end(const struct ctl *ctl)
{
    __attribute__((cleanup(fdio_cleanup))) int fd = open(lock_path(ctl), O_RDONLY | O_CLOEXEC);
    struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    while (fd >= 0 && fcntl(fd, F_OFD_SETLKW, &whole) != 0 && errno == EINTR)
        continue;
}

/* Only who has the state directory may have the socket: nobody else is told anything. */
static bool is_owners(const struct ctl *ctl, slice run_dir)
{
    struct stat lock, dir;
    const char *path = slice_cstr(ctl->arena, run_dir);
    return path && lstat(path, &dir) == 0 && S_ISDIR(dir.st_mode) && stat(lock_path(ctl), &lock) == 0 &&
           dir.st_uid == lock.st_uid;
}

static int dial(const struct ctl *ctl, const struct instance *instance)
{
    if (!is_owners(ctl, instance->run_dir))
        return -ENOENT;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    slice path = arena_concat(ctl->arena, instance->run_dir, S("/control"));
    if (path.len >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path.ptr, path.len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

/* A supervisor that has just begun has the lock before it has the socket. */
static int dial_patiently(const struct ctl *ctl, int *fd)
{
    struct instance instance;
    int64_t deadline_ms = time_mono_ms() + DIAL_LIMIT_MS;
    while (instance_find(ctl, &instance)) {
        *fd = dial(ctl, &instance);
        if (*fd >= 0)
            return 0;
        if (time_mono_ms() >= deadline_ms)
            return *fd;
        usleep(NAP_US);
    }
    return NOT_FOUND;
}

static int read_answer(struct arena *arena, int fd, int64_t timeout_ms, slice *answer)
{
    struct buf text;
    buf_init(&text, arena);
    int64_t deadline_ms = time_mono_ms() + timeout_ms;
    ssize_t n = 1;
    while (n > 0 && text.len < ANSWER_BYTES) {
        int64_t left_ms = deadline_ms - time_mono_ms();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, left_ms > 0 ? (int)left_ms : 0) == 0)
            return -ETIMEDOUT;
        n = read(fd, buf_reserve(&text, ANSWER_BYTES), ANSWER_BYTES);
        text.len += n > 0 ? (size_t)n : 0;
    }
    *answer = buf_slice(&text);
    return 0;
}

int instance_ask(const struct ctl *ctl, const char *line, int64_t timeout_ms, slice *answer)
{
    __attribute__((cleanup(fdio_cleanup))) int fd = -1;
    TRY(dial_patiently(ctl, &fd));
    slice words = arena_printf(ctl->arena, "%s\n", line);
    if (send(fd, words.ptr, words.len, MSG_NOSIGNAL) != (ssize_t)words.len)
        return -ECONNRESET;
    TRY(read_answer(ctl->arena, fd, timeout_ms, answer));
    if (slice_empty(*answer))
        return -ECONNRESET;
    bool ok = slice_starts(*answer, S("ok"));
    *answer = slice_trim(slice_sub(*answer, strlen(ok ? "ok" : "error"), answer->len));
    return ok ? 0 : BAD_INPUT;
}

slice instance_why(int result, slice answer)
{
    if (result == NOT_FOUND)
        return S("it is not running");
    if (result == -ETIMEDOUT)
        return S("no answer in time");
    if (result == -ECONNRESET)
        return S("awssim has ended meanwhile");
    return result < 0 ? slice_of(strerror(-result)) : answer;
}

bool instance_await_health(const struct ctl *ctl, slice endpoint, int64_t timeout_ms, slice *last)
{
    int64_t deadline_ms = time_mono_ms() + timeout_ms;
    *last = S("no answer");
    for (;;) {
        struct http_answer answer = {0};
        int result =
            http_call(ctl->arena, &(struct http_request){endpoint, "GET", S("/health"), HEALTH_CALL_MS}, &answer);
        if (result == 0 && answer.status == 200)
            return true;
        if (result == 0)
            *last = answer.body;
        if (time_mono_ms() >= deadline_ms)
            return false;
        usleep(NAP_US);
    }
}
