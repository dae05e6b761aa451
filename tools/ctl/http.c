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
#include <sys/un.h>
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

static int connect_to(const struct sockaddr *address, socklen_t length, int timeout_ms)
{
    struct timeval limit = {timeout_ms / MS, (timeout_ms % MS) * MS};
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, address, length) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

static int connect_first(const struct addrinfo *found, int timeout_ms)
{
    int fd = -ECONNREFUSED;
    for (; found && fd < 0; found = found->ai_next)
        fd = connect_to(found->ai_addr, found->ai_addrlen, timeout_ms);
    return fd;
}

static int dial_path(slice path, int timeout_ms)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (path.len >= sizeof(name.sun_path))
        return -ENAMETOOLONG;
    memcpy(name.sun_path, path.ptr, path.len);
    return connect_to((struct sockaddr *)&name, sizeof(name), timeout_ms);
}

static int dial(struct arena *arena, slice endpoint, int timeout_ms)
{
    if (slice_starts(endpoint, S("/")))
        return dial_path(endpoint, timeout_ms);
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
