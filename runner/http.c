/* http: see http.h. Only the sandbox's own processes can be hurt by what they send; everything is bounded. */
#include "runner/http.h"

#include "common/buf.h"
#include "common/fdio.h"
#include "common/listener.h"
#include "common/loop_watch.h"

#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MAX_HEAD = 64 * 1024,
    KEPT_BYTES = 64 * 1024,
    READ_BYTES = 64 * 1024,
    MAX_CONNS = 256,
    MAX_CHUNK_LINE = 1024,
    ACCEPTED_AT_ONCE = 16
};

/* Strangers take no places from those who may ask. */
enum { MAX_REFUSED = 16 };

enum stage { STAGE_HEAD, STAGE_FIXED, STAGE_CHUNK_SIZE, STAGE_CHUNK, STAGE_CHUNK_END, STAGE_TRAILER, STAGE_GIVEN };

struct http_conn {
    struct http_conn *next;
    struct http_server *server;
    ev_io in, out;
    enum stage stage;
    struct buf bytes; /* received and not used: the head of the request at its front */
    struct buf body;
    struct buf trailers;
    struct buf answer; /* being sent */
    size_t answer_at;  /* so much of it has been */
    size_t head_bytes;
    size_t used;  /* of what is behind the head */
    int64_t left; /* of the body or the chunk */
    bool pieces;  /* the body is taken as it arrives */
    bool close;
    enum http_admission admission;
    struct http_request request;
};

struct http_server {
    struct http_config config;
    ev_io listener;
    int spare; /* of listener_accept */
    struct http_conn *conns;
    size_t n_conns;
    size_t n_refused; /* further ones */
};

static void drop(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    struct http_conn **link = &server->conns;
    while (*link != conn)
        link = &(*link)->next;
    *link = conn->next;
    *(conn->admission == HTTP_REFUSED ? &server->n_refused : &server->n_conns) -= 1;
    ev_io_stop(server->config.loop, &conn->in);
    ev_io_stop(server->config.loop, &conn->out);
    close(conn->in.fd);
    buf_deinit(&conn->bytes);
    buf_deinit(&conn->body);
    buf_deinit(&conn->trailers);
    buf_deinit(&conn->answer);
    free(conn);
}

static void lose(struct http_conn *conn)
{
    if ((conn->stage == STAGE_GIVEN || conn->pieces) && conn->admission != HTTP_REFUSED)
        conn->server->config.on_gone(conn->server->config.context, conn);
    drop(conn);
}

static slice header_in(slice lines, slice name)
{
    while (lines.len > 0) {
        slice line, key, value;
        slice_cut(lines, '\n', &line, &lines);
        slice_cut(line, ':', &key, &value);
        if (value.ptr && slice_eq_nocase(key, name))
            return slice_trim(value);
    }
    return (slice){NULL, 0};
}

slice http_header(const struct http_request *request, slice name)
{
    return header_in(request->headers, name);
}

slice http_trailer(const struct http_request *request, slice name)
{
    return header_in(request->trailers, name);
}

/* The request's slices follow the buffer, which may have moved. */
static void read_head(struct http_conn *conn)
{
    slice head = {conn->bytes.ptr, conn->head_bytes}, line, target, rest;
    slice_cut(head, '\n', &line, &conn->request.headers);
    slice_cut(line, ' ', &conn->request.method, &rest);
    slice_cut(rest, ' ', &target, &rest);
    slice_cut(target, '?', &conn->request.path, &rest);
    conn->request.unproven = conn->admission == HTTP_UNPROVEN;
}

static bool begin_body(struct http_conn *conn)
{
    slice length = header_in(conn->request.headers, S("content-length"));
    slice encoding = header_in(conn->request.headers, S("transfer-encoding"));
    const struct http_config *config = &conn->server->config;
    buf_clear(&conn->body);
    buf_clear(&conn->trailers);
    conn->request.body_bytes = 0;
    conn->left = 0;
    if (conn->admission == HTTP_REFUSED) { /* its body is nothing to keep */
        conn->close = true;
        conn->stage = STAGE_GIVEN;
        return true;
    }
    if (encoding.ptr && !slice_eq_nocase(encoding, S("identity")))
        conn->stage = STAGE_CHUNK_SIZE;
    else {
        if (length.ptr && (!slice_to_int64(length, &conn->left) || conn->left < 0))
            return false;
        conn->stage = STAGE_FIXED;
    }
    if (slice_eq_nocase(header_in(conn->request.headers, S("expect")), S("100-continue")))
        buf_add(&conn->answer, S("HTTP/1.1 100 Continue\r\n\r\n"));
    conn->close = slice_eq_nocase(header_in(conn->request.headers, S("connection")), S("close"));
    conn->pieces = config->on_head && config->on_head(config->context, conn, &conn->request);
    return true;
}

static bool take_head(struct http_conn *conn, bool *more)
{
    ssize_t end = slice_find(buf_slice(&conn->bytes), S("\r\n\r\n"));
    *more = end < 0;
    if (end < 0)
        return conn->bytes.len < MAX_HEAD;
    conn->head_bytes = (size_t)end + 4;
    read_head(conn);
    return begin_body(conn);
}

static slice unused(const struct http_conn *conn)
{
    return slice_sub(buf_slice(&conn->bytes), conn->head_bytes + conn->used, conn->bytes.len);
}

/* Takes what has been used out from behind the head. */
static void compact(struct http_conn *conn)
{
    slice rest = unused(conn);
    memmove(conn->bytes.ptr + conn->head_bytes, rest.ptr, rest.len);
    conn->bytes.len = conn->head_bytes + rest.len;
    conn->used = 0;
}

static void take_content(struct http_conn *conn)
{
    const struct http_config *config = &conn->server->config;
    slice bytes = unused(conn);
    bytes.len = (int64_t)bytes.len < conn->left ? bytes.len : (size_t)conn->left;
    conn->request.body_bytes += (int64_t)bytes.len;
    conn->left -= (int64_t)bytes.len;
    conn->used += bytes.len;
    if (!conn->pieces)
        buf_add(&conn->body, slice_sub(bytes, 0, config->body_limit - conn->body.len));
    else if (bytes.len > 0)
        config->on_piece(config->context, conn, bytes);
}

/* Uses one line behind the head; false when it is not there yet. */
static bool take_line(struct http_conn *conn, slice *line)
{
    slice bytes = unused(conn), rest;
    if (!slice_cut(bytes, '\n', line, &rest))
        return false;
    conn->used += line->len + 1;
    *line = slice_trim(*line);
    return true;
}

static bool chunk_size(struct http_conn *conn, slice line)
{
    char *end;
    char text[20] = "";
    if (line.len == 0 || line.len >= sizeof(text))
        return false;
    memcpy(text, line.ptr, line.len);
    conn->left = strtoll(text, &end, 16);
    return end != text && (*end == 0 || *end == ';') && conn->left >= 0;
}

/* One step of the chunked framing. */
static bool take_chunk(struct http_conn *conn, bool *more)
{
    slice line;
    size_t waiting = unused(conn).len;
    if (!take_line(conn, &line)) {
        *more = true;
        return waiting < (conn->stage == STAGE_TRAILER ? MAX_HEAD : MAX_CHUNK_LINE);
    }
    if (conn->stage == STAGE_CHUNK_SIZE) {
        if (!chunk_size(conn, line))
            return false;
        conn->stage = conn->left > 0 ? STAGE_CHUNK : STAGE_TRAILER;
    } else if (conn->stage == STAGE_CHUNK_END)
        conn->stage = STAGE_CHUNK_SIZE;
    else if (line.len == 0)
        conn->stage = STAGE_GIVEN;
    else if (conn->trailers.len < MAX_HEAD) {
        buf_add(&conn->trailers, line);
        buf_add_char(&conn->trailers, '\n');
    }
    return true;
}

static bool advance_far(struct http_conn *conn)
{
    bool more = false;
    while (!more && conn->stage != STAGE_GIVEN) {
        bool ok = true;
        if (conn->stage == STAGE_HEAD)
            ok = take_head(conn, &more);
        else if (conn->stage == STAGE_FIXED || conn->stage == STAGE_CHUNK) {
            take_content(conn);
            more = conn->left > 0;
            if (!more)
                conn->stage = conn->stage == STAGE_FIXED ? STAGE_GIVEN : STAGE_CHUNK_END;
        } else
            ok = take_chunk(conn, &more);
        if (!ok)
            return false;
    }
    return true;
}

/* Goes on with what has been received; false when it is no HTTP. */
static bool advance(struct http_conn *conn)
{
    bool ok = advance_far(conn);
    compact(conn);
    return ok;
}

static void give(struct http_conn *conn)
{
    if (conn->admission == HTTP_REFUSED) {
        http_answer(conn, 403, (slice){NULL, 0}, S("application/json"),
                    S("{\"errorMessage\":\"Access denied: this is for the processes of one environment only\","
                      "\"errorType\":\"AccessDenied\"}"));
        return;
    }
    conn->request.body = buf_slice(&conn->body);
    conn->request.trailers = buf_slice(&conn->trailers);
    conn->server->config.on_request(conn->server->config.context, conn, &conn->request);
}

static bool send_some(struct http_conn *conn)
{
    while (conn->answer.len > 0) {
        ssize_t n = send(conn->in.fd, conn->answer.ptr + conn->answer_at, conn->answer.len - conn->answer_at,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        conn->answer_at += (size_t)n;
        if (conn->answer_at == conn->answer.len) {
            conn->answer_at = 0;
            buf_clear_to(&conn->answer, KEPT_BYTES);
        }
    }
    return true;
}

/* Sends, and watches for room when not everything went out. False: the connection is gone. */
static bool flush(struct http_conn *conn)
{
    if (!send_some(conn) || (conn->close && conn->answer.len == 0 && conn->stage == STAGE_HEAD)) {
        lose(conn);
        return false;
    }
    if (conn->answer.len > 0)
        ev_io_start(conn->server->config.loop, &conn->out);
    else
        ev_io_stop(conn->server->config.loop, &conn->out);
    return true;
}

static void on_writable(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    flush(io->data);
    loop_watch_did(S("writing to the Runtime API"));
}

static void read_more(struct http_conn *conn)
{
    char *room = buf_reserve(&conn->bytes, READ_BYTES);
    ssize_t n = read(conn->in.fd, room, READ_BYTES);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        conn->bytes.len += (size_t)n;
    /* Behind an unanswered request nothing more is read than this: an end would be noticed. */
    if (n <= 0 || conn->bytes.len > conn->server->config.body_limit + MAX_HEAD + READ_BYTES) {
        lose(conn);
        return;
    }
    if (conn->stage == STAGE_GIVEN) {
        read_head(conn);
        return;
    }
    if (conn->stage != STAGE_HEAD)
        read_head(conn);
    if (!advance(conn))
        lose(conn);
    else if (conn->answer.len > 0 && !flush(conn))
        return;
    else if (conn->stage == STAGE_GIVEN)
        give(conn);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    read_more(io->data);
    loop_watch_did(S("reading from the Runtime API"));
}

void http_answer(struct http_conn *conn, int status, slice headers, slice content_type, slice body)
{
    buf_printf(&conn->answer, "HTTP/1.1 %d %s\r\n", status, status < 300 ? "OK" : "Error");
    buf_add(&conn->answer, headers.ptr ? headers : S(""));
    if (content_type.len > 0)
        buf_printf(&conn->answer, "Content-Type: %.*s\r\n", SLICE_ARG(content_type));
    buf_printf(&conn->answer, "Content-Length: %zu\r\n\r\n", body.len);
    buf_reserve(&conn->answer, body.len);
    buf_add(&conn->answer, body);
    buf_consume(&conn->bytes, conn->head_bytes);
    buf_clear_to(&conn->body, KEPT_BYTES);
    conn->head_bytes = 0;
    conn->stage = STAGE_HEAD;
    conn->pieces = false;
    conn->request = (struct http_request){0};
    if (!flush(conn))
        return;
    /* A pipelined request. */
    if (conn->bytes.len > 0 && advance(conn) && conn->stage == STAGE_GIVEN)
        give(conn);
}

static void take_connection(struct http_server *server, int fd)
{
    int one = 1;
    const struct http_config *config = &server->config;
    enum http_admission admission = config->admits ? config->admits(config->context, fd) : HTTP_ADMITTED;
    bool refused = admission == HTTP_REFUSED;
    bool room = refused ? server->n_refused < MAX_REFUSED : server->n_conns < MAX_CONNS;
    struct http_conn *conn = room ? calloc(1, sizeof(*conn)) : NULL;
    if (!conn) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    conn->server = server;
    conn->admission = admission;
    conn->next = server->conns;
    server->conns = conn;
    *(refused ? &server->n_refused : &server->n_conns) += 1;
    ev_io_init(&conn->in, on_readable, fd, EV_READ);
    ev_io_init(&conn->out, on_writable, fd, EV_WRITE);
    conn->in.data = conn->out.data = conn;
    ev_io_start(server->config.loop, &conn->in);
}

static void on_connection(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    struct http_server *server = io->data;
    for (int n = 0; n < ACCEPTED_AT_ONCE; n++) {
        int fd = listener_accept(io->fd, &server->spare);
        if (fd < 0)
            return;
        take_connection(server, fd);
    }
}

struct http_server *http_open(const struct http_config *config, uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, SOMAXCONN) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        fdio_cleanup(&fd);
        return NULL;
    }
    struct http_server *server = calloc(1, sizeof(*server));
    if (!server)
        abort();
    server->config = *config;
    server->spare = LISTENER_NO_SPARE;
    *port = ntohs(address.sin_port);
    ev_io_init(&server->listener, on_connection, fd, EV_READ);
    server->listener.data = server;
    ev_io_start(config->loop, &server->listener);
    return server;
}

void http_close(struct http_server *server)
{
    while (server->conns)
        drop(server->conns);
    fdio_cleanup(&server->spare);
    ev_io_stop(server->config.loop, &server->listener);
    close(server->listener.fd);
    free(server);
}
