/* bus_wire: the only file that calls nng. nng's callbacks run on its own threads; all they do is put an event on a
 * list and raise an eventfd. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>

#include "common/limits.h"
#include "proto/bus.h"
#include "proto/bus_wire.h"

enum {
    QUEUE_MESSAGES = 256, /* nng's own queues; bus_link's windows keep them far from full */
    REDIAL_MIN_MS = 5,
    REDIAL_MAX_MS = 50,
    CLOSE_WAIT_S = 1,
    URL_BYTES = 128, /* "ipc://" and a socket path, which has at most 107 bytes */
};

struct bus_wire {
    nng_socket socket;
    int receive_fd;
    int wake_fd;
    bool listens;
    nng_dialer dialer;
    pthread_mutex_t lock; /* guards what follows */
    struct bus_wire_event *events;
    size_t head, len, cap;
};

/* nng 1.5 sizes its thread pools by the number of CPUs (13 threads on 2, 39 on 16) and has no option for it; what this
 * process needs is one of each. So while nng starts, and only for the thread that starts it, there is one CPU. */
static _Thread_local bool one_cpu;

long __sysconf(int name);

long sysconf(int name)
{
    return one_cpu && name == _SC_NPROCESSORS_ONLN ? 1 : __sysconf(name);
}

/* nng 1.5 takes EPIPE (the other end closed before the handshake was sent) for the end of its own socket:
 * the listener then never accepts again, and the dialer never dials. After ECONNRESET both go on. */
ssize_t sendmsg(int fd, const struct msghdr *header, int flags)
{
    ssize_t sent = syscall(SYS_sendmsg, fd, header, flags);
    if (sent < 0 && errno == EPIPE)
        errno = ECONNRESET;
    return sent;
}

/* nng 1.5 adds a descriptor to its epoll set before it is connected and before it waits for anything. An unconnected
 * socket is hung up all that time, and nng's thread would be woken without end; once is enough. */
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    if (operation == EPOLL_CTL_ADD && event && event->events == 0)
        event->events = EPOLLONESHOT;
    return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

void bus_process_init(void)
{
    struct sched_param none = {0};
    (void)sched_setscheduler(0, SCHED_BATCH, &none); /* at worst as slow as without */
}

static int wire_errno(int nng_error)
{
    switch (nng_error) {
    case 0:
        return 0;
    case NNG_EAGAIN:
        return -EAGAIN;
    case NNG_ENOMEM:
        return -ENOMEM;
    case NNG_EADDRINUSE:
        return -EADDRINUSE;
    case NNG_EADDRINVAL:
        return -ENAMETOOLONG;
    case NNG_EPERM:
        return -EACCES;
    case NNG_ENOENT:
        return -ENOENT;
    default:
        return nng_error & NNG_ESYSERR ? -(nng_error & ~NNG_ESYSERR) : -EIO;
    }
}

/* On one of nng's threads. */
static void wire_notify(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct bus_wire *wire = context;
    pthread_mutex_lock(&wire->lock);
    if (wire->len == wire->cap) {
        size_t cap = wire->cap ? wire->cap * 2 : 8;
        wire->events = realloc(wire->events, cap * sizeof *wire->events);
        if (!wire->events)
            abort();
        wire->cap = cap;
    }
    wire->events[wire->len++] = (struct bus_wire_event){(uint32_t)nng_pipe_id(pipe), event == NNG_PIPE_EV_ADD_POST};
    pthread_mutex_unlock(&wire->lock);
    uint64_t one = 1;
    (void)!write(wire->wake_fd, &one, sizeof one); /* an eventfd that is full is raised */
}

bool bus_wire_next_event(struct bus_wire *wire, struct bus_wire_event *event)
{
    pthread_mutex_lock(&wire->lock);
    bool found = wire->head < wire->len;
    if (found)
        *event = wire->events[wire->head++];
    if (wire->head == wire->len)
        wire->head = wire->len = 0;
    pthread_mutex_unlock(&wire->lock);
    return found;
}

size_t bus_wire_events(struct bus_wire *wire)
{
    pthread_mutex_lock(&wire->lock);
    size_t n = wire->len - wire->head;
    pthread_mutex_unlock(&wire->lock);
    return n;
}

static int socket_set_up(struct bus_wire *wire)
{
    nng_socket s = wire->socket;
    int e = nng_socket_set_int(s, NNG_OPT_SENDBUF, QUEUE_MESSAGES);
    if (e == 0)
        e = nng_socket_set_int(s, NNG_OPT_RECVBUF, QUEUE_MESSAGES);
    if (e == 0)
        e = nng_socket_set_size(s, NNG_OPT_RECVMAXSZ, LIMIT_MESSAGE_BYTES);
    if (e == 0)
        e = nng_socket_get_int(s, NNG_OPT_RECVFD, &wire->receive_fd);
    if (e == 0)
        e = nng_pipe_notify(s, NNG_PIPE_EV_ADD_POST, wire_notify, wire);
    if (e == 0)
        e = nng_pipe_notify(s, NNG_PIPE_EV_REM_POST, wire_notify, wire);
    return e;
}

static int wire_prepare_dial(struct bus_wire *wire, const char *url)
{
    int e = nng_dialer_create(&wire->dialer, wire->socket, url);
    if (e == 0)
        e = nng_dialer_set_ms(wire->dialer, NNG_OPT_RECONNMINT, REDIAL_MIN_MS);
    return e ? e : nng_dialer_set_ms(wire->dialer, NNG_OPT_RECONNMAXT, REDIAL_MAX_MS);
}

int bus_wire_dial(struct bus_wire *wire)
{
    return wire_errno(nng_dialer_start(wire->dialer, NNG_FLAG_NONBLOCK));
}

static int wire_listen(struct bus_wire *wire, const char *url)
{
    nng_listener listener;
    int e = nng_listener_create(&listener, wire->socket, url);
    if (e == 0)
        e = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, 0600);
    return e ? e : nng_listener_start(listener, 0);
}

int bus_wire_open(const char *path, bool listens, int wake_fd, struct bus_wire **out)
{
    char url[URL_BYTES];
    int length = snprintf(url, sizeof url, "ipc://%s", path);
    if (length < 0 || (size_t)length >= sizeof url)
        return -ENAMETOOLONG;
    struct bus_wire *wire = calloc(1, sizeof *wire);
    if (!wire)
        abort();
    wire->listens = listens;
    wire->wake_fd = wake_fd;
    pthread_mutex_init(&wire->lock, NULL);
    one_cpu = true;
    int e = listens ? nng_rep0_open_raw(&wire->socket) : nng_req0_open_raw(&wire->socket);
    one_cpu = false;
    if (e == 0) {
        e = socket_set_up(wire);
        if (e == 0)
            e = listens ? wire_listen(wire, url) : wire_prepare_dial(wire, url);
        if (e != 0)
            nng_close(wire->socket);
    }
    if (e != 0) {
        pthread_mutex_destroy(&wire->lock);
        free(wire->events);
        free(wire);
        return wire_errno(e);
    }
    *out = wire;
    return 0;
}

static void *wire_end(void *context)
{
    const struct bus_wire *wire = context;
    nng_close(wire->socket); /* no callback runs after it */
    return NULL;
}

/* nng 1.5 never finishes to close a pipe that has read the head of a message and not yet its body. Buses are closed
 * when their process ends: then such a socket is left to the kernel. */
void bus_wire_close(struct bus_wire *wire)
{
    static bool stuck;
    pthread_t closer;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLOSE_WAIT_S;
    if (stuck || pthread_create(&closer, NULL, wire_end, wire) != 0)
        return;
    stuck = pthread_timedjoin_np(closer, NULL, &until) != 0;
    if (stuck) {
        pthread_detach(closer);
        return;
    }
    pthread_mutex_destroy(&wire->lock);
    free(wire->events);
    free(wire);
}

int bus_wire_receive_fd(const struct bus_wire *wire)
{
    return wire->receive_fd;
}

int bus_wire_send_fd(const struct bus_wire *wire)
{
    int fd;
    int e = nng_socket_get_int(wire->socket, NNG_OPT_SENDFD, &fd);
    return e ? wire_errno(e) : fd;
}

bool bus_wire_receive(struct bus_wire *wire, struct bus_packet *packet)
{
    nng_msg *message;
    if (nng_recvmsg(wire->socket, &message, NNG_FLAG_NONBLOCK) != 0)
        return false;
    /* The header ends with the request id; before it, on a listening socket, stands the pipe. */
    size_t length = nng_msg_header_len(message);
    uint32_t tag = 0;
    if (length >= sizeof tag)
        memcpy(&tag, (char *)nng_msg_header(message) + length - sizeof tag, sizeof tag);
    *packet = (struct bus_packet){
        .message = message, .pipe = (uint32_t)nng_pipe_id(nng_msg_get_pipe(message)), .tag = ntohl(tag)};
    return true;
}

int bus_wire_send(struct bus_wire *wire, const struct bus_packet *packet)
{
    nng_msg *message = packet->message;
    nng_msg_header_clear(message);
    int e = wire->listens ? nng_msg_header_append_u32(message, packet->pipe) : 0;
    if (e == 0)
        e = nng_msg_header_append_u32(message, packet->tag);
    return wire_errno(e ? e : nng_sendmsg(wire->socket, message, NNG_FLAG_NONBLOCK));
}

void bus_wire_drop(struct bus_wire *wire, uint32_t pipe)
{
    (void)wire;
    nng_pipe_close((nng_pipe){.id = pipe});
}

void bus_packet_new(struct bus_packet *packet, size_t size)
{
    nng_msg *message;
    if (nng_msg_alloc(&message, 0) != 0 || nng_msg_reserve(message, size) != 0)
        abort();
    packet->message = message;
}

void bus_packet_append(struct bus_packet *packet, const void *bytes, size_t size)
{
    if (nng_msg_append(packet->message, bytes, size) != 0)
        abort();
}

slice bus_packet_body(const struct bus_packet *packet)
{
    return (slice){nng_msg_body(packet->message), nng_msg_len(packet->message)};
}

void bus_packet_free(struct bus_packet *packet)
{
    if (packet->message)
        nng_msg_free(packet->message);
    packet->message = NULL;
}
