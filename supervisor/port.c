/* port: see port.h. Ports the user names are the router's business alone. */
#include "supervisor/port.h"

#include "common/arena.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* A name instead of a number gets a port that is free everywhere in IPv4. */
static socklen_t parse(struct arena *arena, slice text, union address *address)
{
    const char *cstr = slice_cstr(arena, text);
    *address = (union address){.v6 = {.sin6_family = AF_INET6}};
    if (cstr && inet_pton(AF_INET6, cstr, &address->v6.sin6_addr) == 1)
        return sizeof(address->v6);
    *address = (union address){.v4 = {.sin_family = AF_INET}};
    if (!cstr || inet_pton(AF_INET, cstr, &address->v4.sin_addr) != 1)
        address->v4.sin_addr.s_addr = htonl(INADDR_ANY);
    return sizeof(address->v4);
}

static int bind_free(int fd, const union address *address, socklen_t size, int64_t *port)
{
    int yes = 1;
    union address bound = {0};
    socklen_t bound_size = sizeof(bound);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 || bind(fd, &address->any, size) != 0 ||
        getsockname(fd, &bound.any, &bound_size) != 0)
        return -errno;
    *port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
    return fd;
}

int port_reserve(struct arena *arena, slice address, int64_t *port)
{
    union address parsed;
    socklen_t size = parse(arena, address, &parsed);
    int fd = socket(parsed.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int result = bind_free(fd, &parsed, size, port);
    if (result < 0)
        close(fd);
    return result;
}

slice port_endpoint(struct arena *arena, slice address, int64_t port)
{
    if (slice_eq(address, S("0.0.0.0")))
        address = S("127.0.0.1");
    if (slice_eq(address, S("::")))
        address = S("::1");
    bool v6 = slice_index(address, ':') < address.len;
    return arena_printf(arena, "http://%s%.*s%s:%lld", v6 ? "[" : "", SLICE_ARG(address), v6 ? "]" : "",
                        (long long)port);
}
