/* delivery: batches of telemetry on their way to a listener inside an environment. The listener is a stranger's
 * program: it may be absent, slow or broken, and costs a bounded time and memory. */
#include "runner/functions/telemetry.h"

#include "common/arena.h"
#include "common/fdio.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ATTEMPTS = 4, MAX_ANSWER = 16 * 1024 };

static const double answer_seconds = 5, retry_seconds = 0.1;

enum phase { PHASE_IDLE, PHASE_CONNECTING, PHASE_SENDING, PHASE_HEARING, PHASE_RETRYING };

struct delivery {
    struct delivery_config config;
    enum phase phase;
    ev_io io;       /* fd -1: not connected */
    ev_timer timer; /* of the attempt, or until the next one */
    struct buf out;
    size_t sent;
    char answer[MAX_ANSWER];
    size_t answer_len;
    int attempts;
};

static void attempt(struct delivery *delivery);

static void hang_up(struct delivery *delivery)
{
    ev_io_stop(delivery->config.loop, &delivery->io);
    fdio_cleanup(&delivery->io.fd);
    delivery->io.fd = -1;
}

static void end(struct delivery *delivery, enum delivery_result result)
{
    ev_timer_stop(delivery->config.loop, &delivery->timer);
    delivery->phase = PHASE_IDLE;
    buf_deinit(&delivery->out);
    delivery->out = (struct buf){0};
    if (!delivery->config.tcp || result != DELIVERY_DONE)
        hang_up(delivery);
    else
        ev_io_stop(delivery->config.loop, &delivery->io); /* the connection is kept */
    delivery->config.on_end(delivery->config.context, result);
}

static void set_timer(struct delivery *delivery, double seconds)
{
    ev_timer_stop(delivery->config.loop, &delivery->timer);
    ev_timer_set(&delivery->timer, seconds, 0);
    ev_now_update(delivery->config.loop);
    ev_timer_start(delivery->config.loop, &delivery->timer);
}

/* Each time it waits twice as long. */
static void fail(struct delivery *delivery)
{
    hang_up(delivery);
    if (delivery->attempts >= ATTEMPTS) {
        end(delivery, DELIVERY_FAILED);
        return;
    }
    delivery->phase = PHASE_RETRYING;
    set_timer(delivery, retry_seconds * (1 << delivery->attempts));
}

static void watch(struct delivery *delivery, int events)
{
    int fd = delivery->io.fd;
    ev_io_stop(delivery->config.loop, &delivery->io);
    ev_io_set(&delivery->io, fd, events);
    ev_io_start(delivery->config.loop, &delivery->io);
}

static void send_some(struct delivery *delivery)
{
    slice rest = slice_sub(buf_slice(&delivery->out), delivery->sent, delivery->out.len);
    ssize_t n = send(delivery->io.fd, rest.ptr, rest.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        fail(delivery);
        return;
    }
    delivery->sent += (size_t)n;
    if (delivery->sent < delivery->out.len)
        return;
    if (delivery->config.tcp) {
        end(delivery, DELIVERY_DONE);
        return;
    }
    delivery->phase = PHASE_HEARING;
    watch(delivery, EV_READ);
}

/* The end of the answer's head, behind interim ones; 0 while it is not there. */
static size_t head_end(struct delivery *delivery)
{
    for (;;) {
        slice heard = {delivery->answer, delivery->answer_len};
        ssize_t end = slice_find(heard, S("\r\n\r\n"));
        size_t used = (size_t)end + 4;
        if (end < 0)
            return 0;
        if (used < sizeof("HTTP/1.1 100") || heard.ptr[9] != '1')
            return used;
        memmove(delivery->answer, delivery->answer + used, heard.len - used);
        delivery->answer_len -= used;
    }
}

static bool is_accepted(struct delivery *delivery)
{
    slice heard = {delivery->answer, delivery->answer_len};
    return head_end(delivery) > sizeof("HTTP/1.1 200") && slice_starts(heard, S("HTTP/1.")) && heard.ptr[9] == '2';
}

/* The answer has come to its end, as far as anybody can tell. */
static void conclude(struct delivery *delivery)
{
    if (is_accepted(delivery))
        end(delivery, DELIVERY_DONE);
    else
        fail(delivery);
}

static bool is_whole(struct delivery *delivery)
{
    size_t body = head_end(delivery);
    slice lines = {delivery->answer, body}, line, name, value;
    int64_t length = INT64_MAX; /* until the connection's end */
    while (lines.len > 0) {
        slice_cut(lines, '\n', &line, &lines);
        slice_cut(line, ':', &name, &value);
        if (slice_eq_nocase(name, S("content-length")) && !slice_to_int64(slice_trim(value), &length))
            length = 0;
    }
    return body > 0 && (int64_t)(delivery->answer_len - body) >= length;
}

static void hear(struct delivery *delivery)
{
    ssize_t n =
        recv(delivery->io.fd, delivery->answer + delivery->answer_len, MAX_ANSWER - delivery->answer_len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    delivery->answer_len += n > 0 ? (size_t)n : 0;
    if (n <= 0 || is_whole(delivery) || delivery->answer_len == MAX_ANSWER)
        conclude(delivery);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct delivery *delivery = timer->data;
    (void)loop;
    (void)events;
    if (delivery->phase == PHASE_RETRYING)
        attempt(delivery);
    else
        conclude(delivery);
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct delivery *delivery = io->data;
    int error = 0;
    socklen_t length = sizeof(error);
    (void)loop;
    (void)events;
    if (delivery->phase == PHASE_CONNECTING) {
        if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0) {
            fail(delivery);
            return;
        }
        delivery->phase = PHASE_SENDING;
    }
    if (delivery->phase == PHASE_SENDING)
        send_some(delivery);
    else
        hear(delivery);
}

static bool dial(struct delivery *delivery)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(delivery->config.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    if (delivery->io.fd >= 0) /* the one that was kept */
        return true;
    if (!delivery->config.admits(delivery->config.context))
        return false;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS) {
        close(fd);
        return false;
    }
    delivery->io.fd = fd;
    return true;
}

static void attempt(struct delivery *delivery)
{
    delivery->attempts++;
    delivery->sent = 0;
    delivery->answer_len = 0;
    delivery->phase = PHASE_CONNECTING;
    if (!dial(delivery)) {
        fail(delivery);
        return;
    }
    set_timer(delivery, answer_seconds);
    watch(delivery, EV_WRITE);
}

struct delivery *delivery_open(const struct delivery_config *config)
{
    struct delivery *delivery = arena_alloc(config->arena, sizeof(*delivery));
    delivery->config = *config;
    ev_init(&delivery->io, on_io);
    ev_init(&delivery->timer, on_timer);
    delivery->io.fd = -1;
    delivery->io.data = delivery->timer.data = delivery;
    return delivery;
}

void delivery_close(struct delivery *delivery)
{
    ev_timer_stop(delivery->config.loop, &delivery->timer);
    hang_up(delivery);
    buf_deinit(&delivery->out);
    delivery->out = (struct buf){0};
    delivery->phase = PHASE_IDLE;
}

bool delivery_is_busy(const struct delivery *delivery)
{
    return delivery->phase != PHASE_IDLE;
}

/* Lines become the elements of an array; no JSON text has a line break in it. */
static void add_array(struct buf *out, slice items)
{
    size_t at = out->len;
    buf_add_char(out, '[');
    buf_add(out, items);
    for (size_t i = at; i < out->len; i++)
        out->ptr[i] = out->ptr[i] == '\n' ? ',' : out->ptr[i];
    out->ptr[out->len - 1] = ']';
}

void delivery_send(struct delivery *delivery, slice items)
{
    struct buf *out = &delivery->out;
    delivery->attempts = 0;
    if (delivery->config.tcp)
        buf_add(out, items);
    else {
        buf_printf(out,
                   "POST %.*s HTTP/1.1\r\nHost: sandbox.localdomain:%u\r\nContent-Type: application/json\r\n"
                   "Connection: close\r\nContent-Length: %zu\r\n\r\n",
                   SLICE_ARG(delivery->config.path), delivery->config.port, items.len + 1);
        add_array(out, items);
    }
    attempt(delivery);
}
