/* listener: see listener.h. */
#include "common/listener.h"

#include "common/arena.h"
#include "common/err.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

static int open_socket(const struct addrinfo *at)
{
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

int listener_open(struct arena *arena, slice host, int64_t port, int *fd, slice *why)
{
    const char *node = slice_cstr(arena, host), *service = arena_printf(arena, "%lld", (long long)port).ptr;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int r = node ? getaddrinfo(node, service, &hints, &found) : EAI_NONAME;
    if (r != 0) {
        *why = arena_printf(arena, "cannot listen on '%.*s': %s", SLICE_ARG(host), gai_strerror(r));
        return BAD_INPUT;
    }
    *fd = -EADDRNOTAVAIL;
    for (struct addrinfo *at = found; at && *fd < 0; at = at->ai_next)
        *fd = open_socket(at);
    freeaddrinfo(found);
    if (*fd >= 0)
        return 0;
    if (*fd == -EADDRINUSE)
        *why = arena_printf(arena, "port %d on %.*s is in use: another program (or another awssim) listens there",
                            (int)port, SLICE_ARG(host));
    else
        *why = arena_printf(arena, "cannot listen on %.*s port %d: %s", SLICE_ARG(host), (int)port, strerror(-*fd));
    return BAD_INPUT;
}

int listener_port(int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t length = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &length) != 0)
        return 0;
    if (name.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)(void *)&name)->sin6_port);
    return name.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)(void *)&name)->sin_port) : 0;
}

slice listener_endpoint(struct arena *arena, slice host, int64_t port)
{
    if (slice_eq(host, S("0.0.0.0")))
        host = S("127.0.0.1");
    if (slice_eq(host, S("::")))
        host = S("::1");
    bool v6 = slice_index(host, ':') < host.len;
    return arena_printf(arena, "http://%s%.*s%s:%lld", v6 ? "[" : "", SLICE_ARG(host), v6 ? "]" : "", (long long)port);
}

bool listener_is_loopback(int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t length = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &length) != 0)
        return false;
    if (name.ss_family == AF_INET)
        return ntohl(((struct sockaddr_in *)(void *)&name)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    const struct in6_addr *six = &((struct sockaddr_in6 *)(void *)&name)->sin6_addr;
    bool mapped = IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == IN_LOOPBACKNET;
    return name.ss_family == AF_INET6 && (IN6_IS_ADDR_LOOPBACK(six) || mapped);
}

static void keep_spare(int *spare)
{
    if (*spare < 0)
        *spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int listener_accept(int fd, int *spare)
{
    keep_spare(spare);
    int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0 || (errno != EMFILE && errno != ENFILE) || *spare < 0)
        return accepted;
    close(*spare);
    *spare = -1;
    int unwanted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (unwanted >= 0)
        close(unwanted);
    keep_spare(spare);
    return -1;
}
