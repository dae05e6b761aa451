/* stop: ends the running awssim and waits until all of it is gone. */
#include "tools/ctl/commands.h"
#include "tools/ctl/instance.h"
#include "tools/ctl/say.h"

#include "common/err.h"
#include "common/fdio.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* More than router, workers and runner may take one after another. */
enum { STOP_LIMIT_MS = 90 * 1000 };

static int open_process(slice pid)
{
    int64_t number;
    return slice_to_int64(pid, &number) ? (int)syscall(SYS_pidfd_open, (pid_t)number, 0) : -1;
}

/* Its lock is free a moment before the process itself is gone. */
static void await_process(int pidfd)
{
    struct pollfd process = {.fd = pidfd, .events = POLLIN};
    while (pidfd >= 0 && poll(&process, 1, STOP_LIMIT_MS) < 0 && errno == EINTR)
        continue;
}

enum ctl_exit stop_run(struct ctl *ctl)
{
    struct instance instance;
    slice answer = S("");
    instance_find(ctl, &instance);
    __attribute__((cleanup(fdio_cleanup))) int process = open_process(instance.pid);
    int result = instance_ask(ctl, "stop", STOP_LIMIT_MS, &answer);
    if (result == NOT_FOUND && say_other_owner(ctl))
        return CTL_FAILED;
    if (result == NOT_FOUND) {
        printf("awssim is not running (state directory %.*s).\n", SLICE_ARG(ctl->conf.state_dir));
        return CTL_OK;
    }
    if (result == 0 || result == -ECONNRESET) {
        instance_await_end(ctl);
        await_process(process);
        puts("awssim has stopped.");
        return CTL_OK;
    }
    slice why = instance_why(result, answer);
    return say(CTL_FAILED,
               "awssim (pid %.*s) does not stop: %.*s; `kill -9 %.*s` ends it and all of its processes at once",
               SLICE_ARG(instance.pid), SLICE_ARG(why), SLICE_ARG(instance.pid));
}
