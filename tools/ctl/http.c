/* http: a client of HTTP/1.0 size: the connection closes after the answer, and the end of file is its end. */
#include "tools/ctl/http.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/fdio.h"

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ANSWER_BYTES = 16 * 1024 * 1024, READ_BYTES = 16 * 1024, MS = 1000 };

struct place {
    slice host;
    slice port;
};

static struct place parse_endpoint(slice endpoint)
{
    slice scheme = S("http://"), rest = slice_sub(endpoint, scheme.len, endpoint.len);
    struct place place = {0};
    if (slice_starts(rest, S("["))) {
        size_t end = slice_index(rest, ']');
        place.host = slice_sub(rest, 1, end);
        place.port = slice_sub(rest, end + 2, rest.len);
    } else {
        slice_cut(rest, ':', &place.host, &place.port);
    }
    return place;
}

static int connect_first(const struct addrinfo *found, int timeout_ms)
{
    int error = ECONNREFUSED;
    struct timeval limit = {timeout_ms / MS, (timeout_ms % MS) * MS};
    for (; found; found = found->ai_next) {
        int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            return -errno;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        if (connect(fd, found->ai_addr, found->ai_addrlen) == 0)
            return fd;
        error = errno;
        close(fd);
    }
    return -error;
}

static int dial(struct arena *arena, slice endpoint, int timeout_ms)
{
    struct place place = parse_endpoint(endpoint);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found = NULL;
    const char *host = slice_cstr(arena, place.host), *port = slice_cstr(arena, place.port);
    if (!host || !port || getaddrinfo(host, port, &hints, &found) != 0)
        return -EADDRNOTAVAIL;
    int fd = connect_first(found, timeout_ms);
    freeaddrinfo(found);
    return fd;
}

static int read_all(int fd, struct buf *text)
{
    for (;;) {
        ssize_t n = read(fd, buf_reserve(text, READ_BYTES), READ_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? 0 : -errno;
        text->len += (size_t)n;
        if (text->len > ANSWER_BYTES)
            return -EFBIG;
    }
}

static int parse_answer(slice text, struct http_answer *answer)
{
    slice version, rest, code;
    int64_t status = 0;
    ssize_t head = slice_find(text, S("\r\n\r\n"));
    if (head < 0 || !slice_starts(text, S("HTTP/1.")) || !slice_cut(text, ' ', &version, &rest))
        return FAULT_MESSAGE;
    slice_cut(rest, ' ', &code, &rest);
    if (!slice_to_int64(slice_trim(code), &status))
        return FAULT_MESSAGE;
    answer->status = (int)status;
    answer->body = slice_sub(text, (size_t)head + strlen("\r\n\r\n"), text.len);
    return 0;
}

int http_call(struct arena *arena, const struct http_request *request, struct http_answer *answer)
{
    __attribute__((cleanup(fdio_cleanup))) int fd = dial(arena, request->endpoint, request->timeout_ms);
    if (fd < 0)
        return fd;
    slice head =
        arena_printf(arena, "%s %.*s HTTP/1.1\r\nHost: awssim\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                     request->method, SLICE_ARG(request->path));
    struct buf text;
    buf_init(&text, arena);
    TRY(fdio_write_all(fd, head));
    TRY(read_all(fd, &text));
    return parse_answer(buf_slice(&text), answer);
}
