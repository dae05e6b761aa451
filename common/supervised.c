/* supervised: see supervised.h. */
#include "common/supervised.h"

#include "common/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READY_FD = 3, CONTROL_FD = 4, LISTENER_FD = 5, PARTS_FD = 6 };

static bool supervised;

void supervised_begin(void)
{
    umask(077); /* what one of awssim's processes writes is nobody else's business */
    supervised = fcntl(READY_FD, F_GETFD) >= 0 && fcntl(CONTROL_FD, F_GETFD) >= 0;
    if (supervised) {
        fcntl(READY_FD, F_SETFD, FD_CLOEXEC);
        fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
        fcntl(LISTENER_FD, F_SETFD, FD_CLOEXEC);
        fcntl(PARTS_FD, F_SETFD, FD_CLOEXEC);
        fdio_set_nonblocking(CONTROL_FD);
        return;
    }
    for (int fd = open("/dev/null", O_RDWR | O_CLOEXEC); fd >= 0 && fd < CONTROL_FD;)
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
}

void supervised_ready(void)
{
    if (supervised)
        fdio_write_all(READY_FD, S("\n"));
}

int supervised_listener(void)
{
    int listens = 0;
    socklen_t size = sizeof listens;
    if (!supervised || getsockopt(LISTENER_FD, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || !listens)
        return -1;
    return LISTENER_FD;
}

int supervised_control(void)
{
    return supervised ? CONTROL_FD : -1;
}

bool supervised_orphaned(void)
{
    char byte;
    ssize_t n = read(CONTROL_FD, &byte, 1);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}
