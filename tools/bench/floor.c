/* floor: the yardstick of tools/bench/bench: the least that a router and a worker can cost. A bare libev HTTP server
 * forwards each request over nng (raw REQ/REP, as awssim's own bus) to an echo process and answers a constant body;
 * everything collected in one turn of the loop is one nng message, with at most one outstanding. Usage: floor PORT */
#include <arpa/inet.h>
#include <ev.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 1024, BUFFER_BYTES = 16 * 1024, BODY_BYTES = 300, BATCH_BYTES = 1024 * 1024 };

/* One request on the bus: a number, a length, the bytes. */
struct head {
    uint32_t connection;
    uint32_t length;
};

struct connection {
    ev_io io;
    int fd;
    size_t used;
    char bytes[BUFFER_BYTES];
};

static struct connection *connections[MAX_CONNECTIONS];
static struct ev_loop *loop;
static nng_socket bus;
static int outstanding;
static char batch[BATCH_BYTES];
static size_t batch_used;
static char answer[512];
static size_t answer_length;

static void check(int result, const char *what)
{
    if (result == 0)
        return;
    fprintf(stderr, "floor: %s: %s\n", what, nng_strerror(result));
    exit(1);
}

static void be_batch(void)
{
    struct sched_param none = {0};
    sched_setscheduler(0, SCHED_BATCH, &none);
}

static nng_socket open_bus(const char *url, int listens, int *fd)
{
    nng_socket s;
    check(listens ? nng_rep0_open_raw(&s) : nng_req0_open_raw(&s), "open");
    check(nng_socket_set_int(s, NNG_OPT_SENDBUF, 128), "sendbuf");
    check(nng_socket_set_int(s, NNG_OPT_RECVBUF, 128), "recvbuf");
    check(listens ? nng_listen(s, url, NULL, 0) : nng_dial(s, url, NULL, NNG_FLAG_NONBLOCK), url);
    check(nng_socket_get_int(s, NNG_OPT_RECVFD, fd), "recvfd");
    return s;
}

/* The worker: whatever comes goes back. */
static void on_echo(struct ev_loop *own, ev_io *io, int events)
{
    nng_msg *message;
    (void)own;
    (void)io;
    (void)events;
    while (nng_recvmsg(bus, &message, NNG_FLAG_NONBLOCK) == 0)
        check(nng_sendmsg(bus, message, NNG_FLAG_NONBLOCK), "echo");
}

static void run_worker(const char *url)
{
    int fd;
    ev_io io;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    loop = ev_loop_new(EVFLAG_AUTO);
    bus = open_bus(url, 1, &fd);
    ev_io_init(&io, on_echo, fd, EV_READ);
    ev_io_start(loop, &io);
    ev_run(loop, 0);
}

static void hang_up(uint32_t number)
{
    ev_io_stop(loop, &connections[number]->io);
    close(connections[number]->fd);
    free(connections[number]);
    connections[number] = NULL;
}

static void forward(uint32_t number, const char *bytes, size_t length)
{
    struct head head = {number, (uint32_t)length};
    if (batch_used + sizeof(head) + length > BATCH_BYTES)
        exit(1);
    memcpy(batch + batch_used, &head, sizeof(head));
    memcpy(batch + batch_used + sizeof(head), bytes, length);
    batch_used += sizeof(head) + length;
}

/* The length of the first whole request, 0 while it is incomplete. */
static size_t request_length(const char *bytes, size_t used)
{
    const char *end = memmem(bytes, used, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head = (size_t)(end - bytes) + 4, body = 0;
    const char *field = memmem(bytes, head, "\nContent-Length:", 16);
    if (field)
        body = strtoul(field + 16, NULL, 10);
    return head + body <= used ? head + body : 0;
}

static void on_client(struct ev_loop *own, ev_io *io, int events)
{
    uint32_t number = (uint32_t)(uintptr_t)io->data;
    struct connection *c = connections[number];
    (void)own;
    (void)events;
    ssize_t n = read(c->fd, c->bytes + c->used, BUFFER_BYTES - c->used);
    if (n <= 0) {
        hang_up(number);
        return;
    }
    c->used += (size_t)n;
    for (size_t length = request_length(c->bytes, c->used); length > 0; length = request_length(c->bytes, c->used)) {
        forward(number, c->bytes, length);
        c->used -= length;
        memmove(c->bytes, c->bytes + length, c->used);
    }
}

static void on_accept(struct ev_loop *own, ev_io *io, int events)
{
    int one = 1, fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    (void)own;
    (void)events;
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    for (uint32_t i = 0; i < MAX_CONNECTIONS; i++) {
        if (connections[i])
            continue;
        connections[i] = calloc(1, sizeof(**connections));
        if (!connections[i])
            exit(1);
        connections[i]->fd = fd;
        ev_io_init(&connections[i]->io, on_client, fd, EV_READ);
        connections[i]->io.data = (void *)(uintptr_t)i;
        ev_io_start(loop, &connections[i]->io);
        return;
    }
    close(fd);
}

static void on_reply(struct ev_loop *own, ev_io *io, int events)
{
    nng_msg *message;
    (void)own;
    (void)io;
    (void)events;
    while (nng_recvmsg(bus, &message, NNG_FLAG_NONBLOCK) == 0) {
        const char *p = nng_msg_body(message), *end = p + nng_msg_len(message);
        struct head head;
        for (outstanding = 0; p < end; p += sizeof(head) + head.length) {
            memcpy(&head, p, sizeof(head));
            if (connections[head.connection] && write(connections[head.connection]->fd, answer, answer_length) < 0)
                hang_up(head.connection);
        }
        nng_msg_free(message);
    }
}

static void on_flush(struct ev_loop *own, ev_prepare *prepare, int events)
{
    nng_msg *message;
    (void)own;
    (void)prepare;
    (void)events;
    if (outstanding || batch_used == 0)
        return;
    check(nng_msg_alloc(&message, 0), "message");
    check(nng_msg_append(message, batch, batch_used), "append");
    check(nng_msg_header_append_u32(message, 0x80000001u), "header"); /* raw sockets want an id with the top bit */
    if (nng_sendmsg(bus, message, NNG_FLAG_NONBLOCK) != 0) {
        nng_msg_free(message);
        return;
    }
    outstanding = 1;
    batch_used = 0;
}

static int listen_on(uint16_t port)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 512) != 0) {
        perror("floor: listen");
        exit(1);
    }
    return fd;
}

int main(int argc, char *argv[])
{
    char url[64];
    int bus_fd;
    ev_io accepting, replies;
    ev_prepare flush;
    if (argc != 2) {
        fprintf(stderr, "usage: floor PORT\n");
        return 2;
    }
    snprintf(url, sizeof(url), "ipc:///tmp/awssim-floor-%d", (int)getpid());
    be_batch();
    if (fork() == 0) { /* before any nng call */
        run_worker(url);
        return 0;
    }
    loop = ev_loop_new(EVFLAG_AUTO);
    bus = open_bus(url, 0, &bus_fd);
    answer_length = (size_t)snprintf(answer, sizeof(answer),
                                     "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%0*d",
                                     BODY_BYTES, BODY_BYTES, 0);
    ev_io_init(&accepting, on_accept, listen_on((uint16_t)strtoul(argv[1], NULL, 10)), EV_READ);
    ev_io_start(loop, &accepting);
    ev_io_init(&replies, on_reply, bus_fd, EV_READ);
    ev_io_start(loop, &replies);
    ev_prepare_init(&flush, on_flush);
    ev_prepare_start(loop, &flush);
    ev_run(loop, 0);
    return 0;
}
