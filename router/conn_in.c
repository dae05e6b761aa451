/* conn_in: takes whole requests out of a connection's bytes. The common case, requests that arrive whole, is parsed
 * where read has put it and copied nowhere. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/ids.h"
#include "common/loop_watch.h"
#include "router/conn_impl.h"
#include "router/refuse.h"
#include "router/tls.h"

bool conn_in_may_take(const struct conn *conn)
{
    return !conn->closing && !conn_in_hashing(conn) && conn->n_exchanges < LIMIT_HTTP_PIPELINE &&
           conn->out.len - conn->out_at < CONN_OUT_BYTES;
}

bool conn_in_hashing(const struct conn *conn)
{
    return conn->reception && conn->reception->body.hashing;
}

void conn_in_drop_reception(struct conn *conn)
{
    struct reception *reception = conn->reception;
    if (!reception)
        return;
    conn->reception = NULL;
    body_end(&reception->body);
    buf_deinit(&reception->head_bytes);
    free(reception);
}

static struct exchange *begin_exchange(struct conn *conn, const struct http1_request *head)
{
    struct exchange *exchange = conn_exchange_add(conn);
    ids_uuid_to(exchange->request_id);
    exchange->close = true;
    if (!head)
        return exchange;
    exchange->close = !head->keep_alive || conn->set->draining || conn->reserved;
    exchange->http10 = head->http10;
    exchange->head_only = slice_eq(head->method, S("HEAD"));
    exchange->cors = head->known[HTTP1_ORIGIN].ptr != NULL;
    if (exchange->close)
        conn->closing = true;
    return exchange;
}

/* The connection cannot go on: where the next request would begin is unknown. */
static void refuse(struct conn *conn, struct exchange *exchange, const struct http1_request *head,
                   const struct refuse_why *why)
{
    struct conn_config *config = &conn->set->config;
    conn->closing = conn->lingers = exchange->close = true;
    conn->head_at = 0;
    config->on_refused(config->context, exchange, head, why);
}

static void refuse_reception(struct conn *conn, const struct refuse_why *why)
{
    refuse(conn, conn->reception->exchange, &conn->reception->head, why);
    conn_in_drop_reception(conn);
}

void conn_in_timeout(struct conn *conn)
{
    static const struct refuse_why why = {.status = 408, .message = S("The request did not arrive in time.")};
    if (conn->reception)
        refuse_reception(conn, &why);
    else
        refuse(conn, begin_exchange(conn, NULL), NULL, &why);
}

static void hand_over(struct conn *conn, struct exchange *exchange, const struct conn_request *request)
{
    struct conn_config *config = &conn->set->config;
    config->on_request(config->context, exchange, request);
    loop_watch_did_to(request->head->method, request->head->path);
}

/* The body has arrived whole. */
static void finish_reception(struct conn *conn)
{
    struct reception *reception = conn->reception;
    struct exchange *exchange = reception->exchange;
    struct body *body = &reception->body;
    struct conn_request request = {
        .head = &reception->head,
        .head_bytes = buf_slice(&reception->head_bytes),
        .digests = {body->digests, body->digests_len},
        .trailers = buf_slice(&body->chunks.trailers),
        .body_decoded = body->plan.gunzip,
        .unchunked = body->plan.aws_chunked,
        .chunks = (const struct awschunk_mark *)(const void *)body->chunks.marks.ptr,
        .n_chunks = body->chunks.marks.len / sizeof(struct awschunk_mark),
    };
    if (body->name[0]) {
        memcpy(exchange->spooled, body->name, sizeof exchange->spooled);
        body->name[0] = 0;
        request.body_file = slice_of(exchange->spooled);
    } else if (body->length > 0) {
        request.body = buf_slice(&body->bytes);
    }
    hand_over(conn, exchange, &request);
    conn_in_drop_reception(conn);
}

static void after_body(struct conn *conn, int result)
{
    if (result == 0)
        finish_reception(conn);
    else if (result != BODY_MORE && result != BODY_HASHING)
        refuse_reception(conn, &(struct refuse_why){(uint16_t)result, conn->reception->body.code,
                                                    slice_of(conn->reception->body.why)});
}

void conn_in_hashed(struct conn *conn)
{
    after_body(conn, body_hashed(&conn->reception->body));
    conn_mark_dirty(conn);
}

/* Told at once that the body is welcome: clients wait a second for it. Also told to those whose body is empty or here
 * already, although RFC 9110 would let that be: botocore takes a final answer in its place for the next one's too, and
 * waits for a minute. */
static void say_continue(struct exchange *exchange, const struct http1_request *head)
{
    if (!head->expect_continue)
        return;
    buf_add(conn_out_of(exchange), S("HTTP/1.1 100 Continue\r\n\r\n"));
    conn_mark_dirty(exchange->conn);
}

static void begin_reception(struct conn *conn, slice head_bytes, const struct http1_request *head,
                            const struct body_plan *plan)
{
    struct conn_config *config = &conn->set->config;
    struct reception *reception = calloc(1, sizeof *reception);
    if (!reception)
        abort();
    conn->reception = reception;
    reception->exchange = begin_exchange(conn, head);
    buf_add(&reception->head_bytes, head_bytes);
    http1_parse(buf_slice(&reception->head_bytes), &reception->head);
    int result = body_begin(&reception->body, config->spool, &reception->head, plan);
    body_set_pool(&reception->body, conn->set->pool, conn);
    conn_begin_pace(conn);
    if (result == 0 || result == BODY_MORE)
        say_continue(reception->exchange, &reception->head);
    after_body(conn, result);
}

/* Whether the body's service has to be asked what is to become of it: not for the many requests without one. */
static bool needs_plan(const struct http1_request *head)
{
    return head->chunked || head->content_length > 0 || slice_eq(head->method, S("PUT")) ||
           slice_eq(head->method, S("POST"));
}

/* A body that is here whole and small. */
static void take_whole(struct conn *conn, slice bytes, const struct http1_request *head, unsigned algorithms)
{
    char digests[DIGEST_TEXT_BYTES];
    struct conn_request request = {.head = head, .head_bytes = slice_sub(bytes, 0, head->head_len)};
    struct exchange *exchange = begin_exchange(conn, head);
    slice body = slice_sub(bytes, head->head_len, bytes.len);
    say_continue(exchange, head);
    if (body.len > 0)
        request.body = body;
    if (algorithms) {
        struct digest digest;
        digest_begin(&digest, algorithms);
        digest_add(&digest, body.ptr, body.len);
        request.digests = (slice){digests, digest_end(&digest, digests, 0)};
    }
    hand_over(conn, exchange, &request);
}

/* Whether the request has to be turned away because there are too many connections. */
static bool is_turned_away(struct conn *conn, const struct http1_request *head)
{
    static const struct refuse_why why = {
        .status = 503, .message = S("Too many connections are open, and all of them are at work; try again.")};
    struct conn_config *config = &conn->set->config;
    if (!conn->reserved)
        return false;
    conn->reserved = conn_is_full(conn->set);
    if (!conn->reserved || config->is_urgent(config->context, head))
        return false;
    refuse(conn, begin_exchange(conn, head), head, &why);
    return true;
}

/* With a complete head at the front of bytes. Answers how many of them it took. */
static size_t take_request(struct conn *conn, slice bytes, const struct http1_request *head)
{
    struct conn_config *config = &conn->set->config;
    struct body_plan plan = BODY_PLAN_PLAIN;
    size_t room = bytes.len - head->head_len;
    if (is_turned_away(conn, head))
        return head->head_len;
    if (needs_plan(head))
        config->plan_body(config->context, head, &plan);
    bool plain = !head->chunked && !plan.gunzip && !plan.aws_chunked && head->content_length <= LIMIT_BODY_INLINE_BYTES;
    if (plain && (uint64_t)head->content_length <= room) {
        size_t end = head->head_len + (size_t)head->content_length;
        take_whole(conn, slice_sub(bytes, 0, end), head, plan.algorithms);
        return end;
    }
    size_t head_len = head->head_len;
    begin_reception(conn, slice_sub(bytes, 0, head_len), head, &plan);
    conn_arm(conn);
    return head_len;
}

/* Parsing again is worth it when a line has been completed or a limit may have been passed. */
static bool worth_parsing(const struct conn *conn, slice bytes)
{
    enum { URI_END = LIMIT_HTTP_URI_BYTES + 64 /* with the method */ };
    return conn->tried == 0 || memchr(bytes.ptr + conn->tried, '\n', bytes.len - conn->tried) ||
           bytes.len > LIMIT_HTTP_HEAD_BYTES || (conn->tried <= URI_END && bytes.len > URI_END);
}

static size_t take_head(struct conn *conn, slice bytes)
{
    struct http1_request *head = &conn->set->head;
    if (bytes.len >= 2 && bytes.ptr[0] == '\r' && bytes.ptr[1] == '\n')
        return 2;
    if (!worth_parsing(conn, bytes))
        return 0;
    int r = http1_parse(bytes, head);
    if (r == HTTP1_MORE) {
        conn->tried = bytes.len;
        return 0;
    }
    conn->tried = 0;
    conn->head_at = 0;
    if (r == 0)
        return take_request(conn, bytes, head);
    /* Who expects too much has at least been understood. */
    const struct http1_request *understood = r == 417 ? head : NULL;
    refuse(conn, begin_exchange(conn, understood), understood,
           &(struct refuse_why){.status = (uint16_t)r, .message = slice_of(head->why)});
    return 0;
}

static size_t take_body(struct conn *conn, slice bytes)
{
    size_t used;
    after_body(conn, body_feed(&conn->reception->body, bytes, &used));
    return used;
}

static bool receives_body(const struct conn *conn)
{
    return conn->reception && !conn->reception->body.hashing;
}

/* Takes what whole requests and parts of bodies there are. Answers how many bytes are done with. */
static size_t consume(struct conn *conn, slice bytes)
{
    size_t used = 0;
    while (used < bytes.len && (receives_body(conn) || conn_in_may_take(conn))) {
        slice rest = slice_sub(bytes, used, bytes.len);
        size_t n = conn->reception ? take_body(conn, rest) : take_head(conn, rest);
        used += n;
        if (n == 0)
            break;
    }
    return used;
}

/* What has been left over waits in conn->in. */
static void keep_rest(struct conn *conn, slice bytes, size_t used)
{
    if (conn->closing && !conn->reception) {
        conn->lingers = conn->lingers || used < bytes.len;
        conn_buf_give(conn->set, &conn->in);
        return;
    }
    if (bytes.ptr == conn->in.ptr)
        buf_consume(&conn->in, used);
    else if (used < bytes.len) {
        if (!conn->in.ptr)
            conn->in = conn_buf_take(conn->set);
        buf_add(&conn->in, slice_sub(bytes, used, bytes.len));
    }
    if (conn->in.len == 0 && conn->in.ptr)
        conn_buf_give(conn->set, &conn->in);
}

static void process(struct conn *conn, slice bytes)
{
    struct ev_loop *loop = conn->set->config.loop;
    keep_rest(conn, bytes, consume(conn, bytes));
    bool blocked = !receives_body(conn) && !conn_in_may_take(conn);
    if (blocked && !conn->paused) {
        conn->paused = true;
        ev_io_stop(loop, &conn->reader);
        conn_mark_dirty(conn);
    }
    if (conn->in.len > 0 && !blocked && conn->head_at <= 0) {
        conn->head_at = ev_now(loop);
        conn_arm(conn);
    }
    if (conn->in.ptr || conn->reception)
        conn_count_held(conn);
}

void conn_in_resume(struct conn *conn)
{
    struct ev_loop *loop = conn->set->config.loop;
    conn->paused = false;
    if (!conn->eof)
        ev_io_start(loop, &conn->reader);
    if (conn->in.len > 0)
        process(conn, buf_slice(&conn->in));
    /* Decrypted bytes in the session do not make the socket readable. */
    if (!conn->paused && conn->tls && tls_waiting(conn->tls) > 0)
        ev_feed_event(loop, &conn->reader, EV_READ);
}

static ssize_t read_some(struct conn *conn, void *into, size_t size)
{
    if (conn->tls)
        return tls_read(conn->tls, into, size);
    ssize_t n = recv(conn->fd, into, size, 0);
    return n < 0 ? -errno : n;
}

/* Reads behind what is there. Answers as read_some; *bytes is all that waits. */
static ssize_t receive(struct conn *conn, slice *bytes)
{
    enum { MORE_BYTES = 16 * 1024 };
    if (conn->in.len == 0) {
        ssize_t n = read_some(conn, conn->set->scratch, CONN_READ_BYTES);
        *bytes = (slice){conn->set->scratch, n > 0 ? (size_t)n : 0};
        return n;
    }
    char *into = buf_reserve(&conn->in, MORE_BYTES);
    ssize_t n = read_some(conn, into, MORE_BYTES);
    if (n > 0)
        conn->in.len += (size_t)n;
    *bytes = buf_slice(&conn->in);
    return n;
}

/* The client has sent its last byte; it may still wait for answers. */
static void end_of_input(struct conn *conn)
{
    static const struct refuse_why incomplete = {
        .status = 400,
        .code = S("IncompleteBody"),
        .message = S("You did not provide the number of bytes specified by the Content-Length HTTP header")};
    conn->eof = true;
    conn->closing = true;
    conn->head_at = 0;
    conn->active_at = ev_now(conn->set->config.loop);
    ev_io_stop(conn->set->config.loop, &conn->reader);
    if (conn->reception)
        refuse_reception(conn, &incomplete);
    if (conn->first)
        conn_arm(conn);
    conn_mark_dirty(conn);
}

/* Plain or TLS; false: no byte yet, or the connection is gone. */
static bool recognize(struct conn *conn)
{
    enum { TLS_HANDSHAKE = 0x16 };
    unsigned char first;
    ssize_t n = recv(conn->fd, &first, 1, MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    conn->unknown = false;
    if (n == 1 && first == TLS_HANDSHAKE)
        conn->tls = tls_begin(conn->set->config.tls, conn->fd);
    if (conn->tls) {
        conn->handshake = true;
        conn->head_at = ev_now(conn->set->config.loop);
        conn_arm(conn);
    }
    return true;
}

/* Once the handshake is over, the time for a head begins with its first byte. */
static void note_handshake(struct conn *conn)
{
    if (!conn->handshake || !tls_is_established(conn->tls))
        return;
    conn->handshake = false;
    conn->head_at = 0;
    conn->active_at = ev_now(conn->set->config.loop);
}

static void throw_away(struct conn *conn)
{
    ssize_t n = recv(conn->fd, conn->set->scratch, CONN_READ_BYTES, 0);
    if (n > 0)
        conn->active_at = ev_now(conn->set->config.loop);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        conn_destroy(conn);
}

void conn_in_ready(struct conn *conn)
{
    struct ev_loop *loop = conn->set->config.loop;
    if (conn->lingering) {
        throw_away(conn);
        return;
    }
    if (conn->unknown && !recognize(conn))
        return;
    do {
        slice bytes;
        ssize_t n = receive(conn, &bytes);
        note_handshake(conn);
        if (n > 0) {
            conn_note_progress(conn, (size_t)n);
            process(conn, bytes);
            continue;
        }
        if (n == 0)
            end_of_input(conn);
        else if (n != -EAGAIN && n != -EINTR)
            conn_destroy(conn);
        else if (conn->tls && tls_wants_write(conn->tls))
            ev_io_start(loop, &conn->writer);
        return;
    } while (conn->tls && tls_waiting(conn->tls) > 0 && !conn->paused);
}
