/* conn_out: answers in the order of their requests, written when the loop's turn is over, so that the answers of one
 * bus batch share a write. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hashpool.h"
#include "proto/segments.h"
#include "router/conn_impl.h"
#include "router/follow.h"
#include "router/respond.h"
#include "router/tls.h"

enum {
    FILE_STEP_BYTES = 256 * 1024, /* of one file before others have their turn */
    PIECE_BYTES = 64 * 1024,      /* of one file in memory */
};

struct buf *conn_out_of(struct exchange *exchange)
{
    struct conn *conn = exchange->conn;
    struct buf *out = exchange == conn->first ? &conn->out : &exchange->out;
    if (!out->ptr)
        *out = conn_buf_take(conn->set);
    return out;
}

bool conn_out_pending(const struct conn *conn)
{
    return conn->out_at < conn->out.len || (conn->first && conn->first->file >= 0 && !conn->first->grows);
}

void conn_out_close_file(struct exchange *exchange)
{
    if (exchange->grows)
        follow_remove(exchange->conn->set->follow, exchange->watch);
    if (exchange->file >= 0)
        hashpool_dispose(exchange->conn->set->pool, exchange->file);
    if (exchange->lease >= 0)
        close(exchange->lease);
    exchange->file = exchange->lease = -1;
    exchange->grows = false;
    buf_deinit(&exchange->segments);
}

/* Lets finished exchanges go and queues what the new first one has already said. */
static void advance(struct conn *conn)
{
    while (conn->first && conn->first->answered && conn->first->file < 0) {
        conn_exchange_remove_first(conn);
        struct exchange *first = conn->first;
        if (first && first->out.len > 0) {
            slice said = buf_slice(&first->out);
            buf_add(conn_out_of(first), said);
            conn_buf_give(conn->set, &first->out);
        }
    }
}

/* A spool file's name, or "../FOLDER/NAME": nothing outside the state directory. */
static bool is_inside(slice name)
{
    slice part, rest = slice_starts(name, S("../")) ? slice_sub(name, 3, name.len) : name;
    while (rest.ptr) {
        slice_cut(rest, '/', &part, &rest);
        if (part.len == 0 || slice_eq(part, S("..")) || slice_eq(part, S(".")))
            return false;
    }
    return true;
}

/* The file of that name, or -1. A spool file is the answer's alone, and leaves the folder. */
static int open_named(struct spool *spool, slice wanted)
{
    char name[4096];
    if (wanted.len >= sizeof name || !is_inside(wanted) || memchr(wanted.ptr, 0, wanted.len))
        return -1;
    memcpy(name, wanted.ptr, wanted.len);
    name[wanted.len] = 0;
    int fd = openat(spool->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && !memchr(name, '/', wanted.len))
        spool_remove(spool, name);
    return fd;
}

/* Takes the wanted part of the file; false when it is shorter than said. */
static bool take_part(struct exchange *exchange, int fd, const struct msg *reply)
{
    struct stat st;
    int64_t size = fstat(fd, &st) == 0 ? st.st_size : -1;
    int64_t left = reply->file_length < 0 ? size - reply->file_offset : reply->file_length;
    if (reply->file_offset < 0 || left < 0 || reply->file_offset > size - left)
        return false;
    exchange->file = fd;
    exchange->file_at = reply->file_offset;
    exchange->file_left = left;
    return true;
}

static bool take_growing(struct exchange *exchange, int fd)
{
    exchange->watch = follow_add(exchange->conn->set->follow, fd, exchange);
    if (exchange->watch < 0)
        return false;
    exchange->file = fd;
    exchange->file_at = 0;
    exchange->grows = true;
    exchange->close = exchange->close || exchange->http10;
    return true;
}

/* The next of the answer's segments in place of the file before. False when its file is not there or too short. */
static bool open_segment(struct exchange *exchange)
{
    struct segment next;
    slice text = buf_slice(&exchange->segments), rest = slice_sub(text, exchange->segments_at, text.len);
    if (!segments_next(&rest, &next))
        return false;
    exchange->segments_at = text.len - rest.len;
    int fd = open_named(exchange->conn->set->config.spool, next.name);
    int before = exchange->file;
    const struct msg part = {.file_offset = next.offset, .file_length = next.length};
    if (fd < 0 || !take_part(exchange, fd, &part)) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    if (before >= 0)
        close(before);
    return true;
}

static bool has_more(const struct exchange *exchange)
{
    return exchange->segments_at < exchange->segments.len;
}

/* The lock that keeps the segments in place. The lock file is the owner's; without it nothing would. */
static bool take_lease(struct exchange *exchange, slice lease)
{
    slice name;
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1};
    if (!segments_lease(lease, &lock.l_start, &name))
        return false;
    exchange->lease = open_named(exchange->conn->set->config.spool, name);
    return exchange->lease >= 0 && fcntl(exchange->lease, F_OFD_SETLK, &lock) == 0;
}

/* False when the segments are not there or not as they should be. */
static bool open_segments(struct exchange *exchange, const struct msg *reply)
{
    if (segments_length(reply->segments) != reply->file_length || reply->file_length <= 0)
        return false;
    buf_add(&exchange->segments, reply->segments);
    exchange->segments_at = 0;
    if (take_lease(exchange, reply->lease) && open_segment(exchange))
        return true;
    conn_out_close_file(exchange);
    return false;
}

/* Opens the file of the answer; false when it is not there or not as it should be. */
static bool open_file(struct exchange *exchange, const struct msg *reply)
{
    if (reply->segments.len > 0)
        return open_segments(exchange, reply);
    int fd = open_named(exchange->conn->set->config.spool, reply->body_file);
    if (fd < 0)
        return false;
    bool taken = reply->flags & MSG_FLAG_GROWING ? take_growing(exchange, fd) : take_part(exchange, fd, reply);
    if (!taken)
        close(fd);
    return taken;
}

static void add_answer(struct exchange *exchange, const struct msg *reply)
{
    struct buf *out = conn_out_of(exchange);
    bool content = respond_has_content(exchange, reply);
    bool announced = exchange->head_only && reply->file_length > 0 && reply->body.len == 0;
    uint64_t length = announced ? (uint64_t)reply->file_length : reply->body.len;
    if (exchange->file >= 0)
        length = exchange->grows      ? RESPOND_UNKNOWN_LENGTH
                 : has_more(exchange) ? (uint64_t)reply->file_length
                                      : (uint64_t)exchange->file_left;
    respond_head(out, exchange, reply, length);
    if (exchange->file < 0 && content && reply->body.len > 0)
        buf_add(out, reply->body);
    if (!content || (exchange->file_left == 0 && !exchange->grows))
        conn_out_close_file(exchange);
}

void conn_answer(struct exchange *exchange, const struct msg *reply)
{
    struct conn *conn = exchange->conn;
    assert(!exchange->answered);
    exchange->close = exchange->close || conn->set->draining;
    if ((reply->body_file.len > 0 || reply->segments.len > 0) && !open_file(exchange, reply))
        add_answer(exchange, &(struct msg){.status = 500});
    else
        add_answer(exchange, reply);
    exchange->answered = true;
    exchange->on_gone = NULL;
    if (exchange->close)
        conn->closing = true;
    advance(conn);
    conn_mark_dirty(conn);
}

static ssize_t write_some(struct conn *conn)
{
    const char *from = conn->out.ptr + conn->out_at;
    size_t n = conn->out.len - conn->out_at;
    if (conn->tls)
        return tls_write(conn->tls, from, n);
    ssize_t written = send(conn->fd, from, n, MSG_NOSIGNAL);
    return written < 0 ? -errno : written;
}

/* Everything in conn->out. Answers 0, -EAGAIN or an error. */
static int write_out(struct conn *conn)
{
    while (conn->out_at < conn->out.len) {
        ssize_t n = write_some(conn);
        if (n == -EINTR)
            continue;
        if (n < 0)
            return (int)n;
        conn->out_at += (size_t)n;
        conn_note_progress(conn, (size_t)n);
    }
    conn->out_at = 0;
    conn_buf_give(conn->set, &conn->out);
    return 0;
}

/* A piece of the file through memory: TLS has to see the bytes, and chunks stand around them. */
static ssize_t read_piece(struct conn *conn, struct exchange *exchange, size_t n)
{
    size_t size = n < PIECE_BYTES ? n : PIECE_BYTES;
    char *into = buf_reserve(conn_out_of(exchange), size);
    ssize_t got = pread(exchange->file, into, size, exchange->file_at);
    if (got > 0)
        conn->out.len += (size_t)got;
    return got;
}

/* Some of the first exchange's file. Answers 0, -EAGAIN or an error (a file that has become shorter is one). */
static int write_file(struct conn *conn)
{
    struct exchange *exchange = conn->first;
    size_t n = exchange->file_left < FILE_STEP_BYTES ? (size_t)exchange->file_left : FILE_STEP_BYTES;
    off_t at = exchange->file_at;
    ssize_t sent = conn->tls ? read_piece(conn, exchange, n) : sendfile(conn->fd, exchange->file, &at, n);
    if (sent < 0)
        return errno == EINTR ? 0 : -errno;
    if (sent == 0)
        return -EIO;
    conn_note_progress(conn, (size_t)sent);
    exchange->file_at += sent;
    exchange->file_left -= sent;
    if (exchange->file_left > 0)
        return 0;
    if (has_more(exchange))
        return open_segment(exchange) ? 0 : -EIO;
    conn_out_close_file(exchange);
    advance(conn);
    return 0;
}

/* What has been written of the first exchange's growing file, a piece at a time. Answers 0, 1 when there is no more for
 * now, or an error (a file without its end is one). */
static int write_growth(struct conn *conn)
{
    struct exchange *exchange = conn->first;
    int64_t more;
    enum follow_state state = follow_look(exchange->file, exchange->file_at, &more);
    if (state == FOLLOW_WAIT)
        return 1;
    if (state == FOLLOW_BROKEN)
        return -EIO;
    size_t n = state == FOLLOW_MORE ? (size_t)(more < PIECE_BYTES ? more : PIECE_BYTES) : 0;
    struct buf *out = conn_out_of(exchange);
    if (!exchange->http10)
        buf_printf(out, "%zx\r\n", n);
    if (n > 0 && read_piece(conn, exchange, n) != (ssize_t)n)
        return -EIO;
    if (!exchange->http10)
        buf_add(out, S("\r\n"));
    exchange->file_at += (int64_t)n;
    if (state == FOLLOW_END) {
        conn_out_close_file(exchange);
        advance(conn);
    }
    return 0;
}

static int write_all(struct conn *conn)
{
    int r = write_out(conn);
    for (int steps = 0; r == 0 && conn->first && conn->first->file >= 0; steps++) {
        if (steps == 4)
            return -EAGAIN;
        r = conn->first->grows ? write_growth(conn) : write_file(conn);
        if (r == 0)
            r = write_out(conn);
    }
    return r > 0 ? 0 : r;
}

/* Everything has been said. */
static void finish(struct conn *conn)
{
    struct ev_loop *loop = conn->set->config.loop;
    if (!conn->lingers || conn->eof) {
        conn_destroy(conn);
        return;
    }
    if (conn->tls) {
        tls_end(conn->tls);
        conn->tls = NULL;
    }
    /* A close with unread input would be a reset, and the client might never see the answer. */
    shutdown(conn->fd, SHUT_WR);
    conn->lingering = true;
    conn->linger_at = ev_now(loop) + CONN_LINGER_MS / 1e3;
    conn->active_at = ev_now(loop);
    conn_buf_give(conn->set, &conn->in);
    ev_io_start(loop, &conn->reader);
    conn_arm(conn);
}

void conn_out_flush(struct conn *conn)
{
    struct ev_loop *loop = conn->set->config.loop;
    if (conn->lingering)
        return;
    int r = write_all(conn);
    if (r == -EAGAIN) {
        if (!ev_is_active(&conn->writer))
            conn_begin_pace(conn);
        ev_io_start(loop, &conn->writer);
        conn_arm(conn);
        return;
    }
    if (r != 0) {
        conn_destroy(conn);
        return;
    }
    if (ev_is_active(&conn->writer) && !(conn->tls && tls_wants_write(conn->tls)))
        ev_io_stop(loop, &conn->writer);
    if (conn->closing && !conn->first)
        finish(conn);
    else if (conn->paused && conn_in_may_take(conn))
        conn_in_resume(conn);
}
