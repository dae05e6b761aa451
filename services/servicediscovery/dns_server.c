/* dns_server: see dns_server.h. */
#include "services/servicediscovery/dns_server.h"

#include "common/conf.h"
#include "common/fdio.h"
#include "common/log.h"
#include "common/loop_watch.h"
#include "services/servicediscovery/dns.h"
#include "services/servicediscovery/dns_tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 64, QUERIES_A_TURN = 64, TRIES = 20, MAX_PORT = 65535 };

struct dns_server {
    struct worker *worker;
    struct ev_loop *loop;
    int udp;
    int listener;
    ev_io asked;
    struct dns_tcp *tcp;
    char bytes[DNS_QUERY_BYTES]; /* of the query being read */
};

struct endpoint {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
    socklen_t size;
};

struct datagram {
    const struct dns_server *server;
    slice query;
    struct sockaddr_storage from;
    socklen_t from_size;
};

static int answer(struct call *c, void *context)
{
    const struct datagram *datagram = context;
    slice reply;
    TRY(dns_answer(c, datagram->query, true, &reply));
    if (reply.ptr)
        sendto(datagram->server->udp, reply.ptr, reply.len, MSG_DONTWAIT, (const struct sockaddr *)&datagram->from,
               datagram->from_size);
    return 0;
}

static void on_asked(struct ev_loop *loop, ev_io *io, int events)
{
    struct dns_server *server = io->data;
    (void)loop;
    (void)events;
    for (int i = 0; i < QUERIES_A_TURN; i++) {
        struct datagram datagram = {.server = server, .from_size = sizeof(datagram.from)};
        ssize_t n = recvfrom(server->udp, server->bytes, sizeof(server->bytes), MSG_DONTWAIT,
                             (struct sockaddr *)&datagram.from, &datagram.from_size);
        if (n < 0)
            return;
        datagram.query = (slice){server->bytes, (size_t)n};
        worker_run(server->worker, answer, &datagram);
        loop_watch_did(S("a DNS question"));
    }
}

static void set_port(struct endpoint *endpoint, int64_t port)
{
    if (endpoint->at.any.sa_family == AF_INET)
        endpoint->at.v4.sin_port = htons((uint16_t)port);
    else
        endpoint->at.v6.sin6_port = htons((uint16_t)port);
}

/* "4553", "127.0.0.1:4553" or "[::1]:4553"; without address the one awssim listens on. */
static bool parse(struct arena *arena, const struct conf *conf, struct endpoint *endpoint, int64_t *port)
{
    slice address = conf->listen, number = conf->dns;
    for (size_t i = number.len; i > 0; i--) {
        if (conf->dns.ptr[i - 1] != ':')
            continue;
        address = slice_sub(conf->dns, 0, i - 1);
        number = slice_sub(conf->dns, i, conf->dns.len);
        break;
    }
    if (slice_starts(address, S("[")) && slice_ends(address, S("]")))
        address = slice_sub(address, 1, address.len - 1);
    const char *text = slice_eq(address, S("localhost")) ? "127.0.0.1" : slice_cstr(arena, address);
    if (!text || !slice_to_int64(number, port) || *port < 0 || *port > MAX_PORT)
        return false;
    *endpoint = (struct endpoint){.size = sizeof(endpoint->at.v4)};
    endpoint->at.v4.sin_family = AF_INET;
    if (inet_pton(AF_INET, text, &endpoint->at.v4.sin_addr) == 1)
        return true;
    endpoint->at.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
    endpoint->size = sizeof(endpoint->at.v6);
    return inet_pton(AF_INET6, text, &endpoint->at.v6.sin6_addr) == 1;
}

static int bind_one(const struct endpoint *endpoint, int type)
{
    const int on = 1;
    int fd = socket(endpoint->at.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, &endpoint->at.any, endpoint->size) != 0 || (type == SOCK_STREAM && listen(fd, BACKLOG) != 0)) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

/* Both sockets on one port; *port becomes it. */
static int bind_both(struct dns_server *server, struct endpoint *endpoint, int64_t *port)
{
    struct endpoint bound = *endpoint;
    set_port(endpoint, *port);
    server->udp = bind_one(endpoint, SOCK_DGRAM);
    if (server->udp < 0)
        return server->udp;
    getsockname(server->udp, &bound.at.any, &bound.size);
    server->listener = bind_one(&bound, SOCK_STREAM);
    if (server->listener < 0) {
        close(server->udp);
        return server->listener;
    }
    *port = ntohs(bound.at.any.sa_family == AF_INET ? bound.at.v4.sin_port : bound.at.v6.sin6_port);
    return 0;
}

/* The port asked for, else any free one. */
static int bind_somewhere(struct dns_server *server, struct endpoint *endpoint, int64_t *port)
{
    int64_t wanted = *port;
    int result = bind_both(server, endpoint, port);
    for (int i = 0; result == -EADDRINUSE && i < TRIES; i++) {
        *port = 0;
        result = bind_both(server, endpoint, port);
    }
    if (result == 0 && wanted > 0 && *port != wanted)
        log_warn("DNS: port %lld is taken, answering on %lld instead", (long long)wanted, (long long)*port);
    return result;
}

static const char *file_of(struct arena *arena, const struct conf *conf)
{
    return arena_printf(arena, "%.*s/dns", SLICE_ARG(conf->run_dir)).ptr;
}

static void publish(struct arena *arena, const struct conf *conf, const struct endpoint *endpoint, int64_t port)
{
    char text[INET6_ADDRSTRLEN] = "";
    bool v4 = endpoint->at.any.sa_family == AF_INET;
    const void *address = v4 ? (const void *)&endpoint->at.v4.sin_addr : (const void *)&endpoint->at.v6.sin6_addr;
    inet_ntop(endpoint->at.any.sa_family, address, text, sizeof(text));
    slice line = arena_printf(arena, v4 ? "%s:%lld\n" : "[%s]:%lld\n", text, (long long)port);
    fdio_replace_file(file_of(arena, conf), line, 0644);
}

static bool listen_on(struct dns_server *server, struct arena *arena, const struct conf *conf)
{
    struct endpoint endpoint;
    int64_t port;
    if (slice_eq(conf->dns, S("off")) || conf->dns.len == 0)
        return false;
    if (!parse(arena, conf, &endpoint, &port)) {
        log_error("--dns is PORT, ADDRESS:PORT or off, not '%.*s': there is no DNS", SLICE_ARG(conf->dns));
        return false;
    }
    int result = bind_somewhere(server, &endpoint, &port);
    if (result != 0) {
        log_warn("cannot listen on '%.*s' (%s): there is no DNS", SLICE_ARG(conf->dns), strerror(-result));
        return false;
    }
    publish(arena, conf, &endpoint, port);
    return true;
}

void *dns_server_open(struct worker *worker, struct ev_loop *loop, const struct conf *conf)
{
    struct arena *arena = arena_open();
    struct dns_server *server = calloc(1, sizeof(*server));
    if (!server)
        abort();
    *server = (struct dns_server){.worker = worker, .loop = loop};
    unlink(file_of(arena, conf));
    bool on = listen_on(server, arena, conf);
    arena_close(arena);
    if (!on) {
        free(server);
        return NULL;
    }
    ev_io_init(&server->asked, on_asked, server->udp, EV_READ);
    server->asked.data = server;
    ev_io_start(loop, &server->asked);
    server->tcp = dns_tcp_open(worker, loop, server->listener);
    return server;
}

void dns_server_close(void *opened)
{
    struct dns_server *server = opened;
    if (!server)
        return;
    dns_tcp_close(server->tcp);
    ev_io_stop(server->loop, &server->asked);
    close(server->udp);
    close(server->listener);
    free(server);
}
