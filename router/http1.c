/* http1: the head of an HTTP/1 request, parsed strictly: what two servers could read differently is refused. It leaves
 * bodies to body.c and the meaning of headers to the callers. */
#include "router/http1.h"

/* Where the parser is. Its functions answer 0, HTTP1_MORE or a status; a status is refused through refuse(). */
struct cursor {
    const char *at;
    const char *end;
    const char *start;
    struct http1_request *out;
    bool saw_close;
    bool saw_keep_alive;
    bool expects_continue;
    bool expects_other;
};

/* RFC 9110 token characters. */
static const bool token_char[256] = {
    ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true,         ['&'] = true,         ['\''] = true,
    ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true,         ['^'] = true,         ['_'] = true,
    ['`'] = true, ['|'] = true, ['~'] = true, ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

/* Lengths first: most names are told apart by them. */
static const slice known_names[HTTP1_KNOWN_COUNT] = {
    [HTTP1_HOST] = {"host", 4},
    [HTTP1_CONTENT_LENGTH] = {"content-length", 14},
    [HTTP1_TRANSFER_ENCODING] = {"transfer-encoding", 17},
    [HTTP1_CONTENT_TYPE] = {"content-type", 12},
    [HTTP1_CONTENT_ENCODING] = {"content-encoding", 16},
    [HTTP1_AUTHORIZATION] = {"authorization", 13},
    [HTTP1_TARGET] = {"x-amz-target", 12},
    [HTTP1_EXPECT] = {"expect", 6},
    [HTTP1_ORIGIN] = {"origin", 6},
    [HTTP1_CONNECTION] = {"connection", 10},
};

static const slice methods[] = {
    {"GET", 3}, {"POST", 4}, {"PUT", 3}, {"HEAD", 4}, {"DELETE", 6}, {"OPTIONS", 7}, {"PATCH", 5},
};

static int refuse(struct cursor *c, int status, const char *why)
{
    c->out->why = why;
    return status;
}

/* The first byte from at that cannot be in a line: a control character other than tab. Eight bytes a step. */
static const char *skip_text(const char *at, const char *end)
{
    const uint64_t ones = UINT64_MAX / 255;
    while (at < end) {
        if (end - at >= 8) {
            uint64_t word;
            memcpy(&word, at, 8);
            uint64_t del = word ^ (ones * 0x7f);
            uint64_t low = ((word - ones * 0x20) & ~word) | ((del - ones) & ~del);
            if ((low & (ones * 0x80)) == 0) {
                at += 8;
                continue;
            }
        }
        const char *stop = end - at >= 8 ? at + 8 : end;
        for (; at < stop; at++) {
            unsigned char byte = (unsigned char)*at;
            if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
                return at;
        }
    }
    return end;
}

/* Passes the CRLF at c->at. */
static int line_end(struct cursor *c)
{
    if (c->at == c->end)
        return HTTP1_MORE;
    if (*c->at != '\r')
        return refuse(c, 400, "A line holds a control character or ends without CR.");
    if (c->at + 1 == c->end)
        return HTTP1_MORE;
    if (c->at[1] != '\n')
        return refuse(c, 400, "A CR is not followed by LF.");
    c->at += 2;
    return 0;
}

static int parse_method(struct cursor *c, slice *method)
{
    const char *from = c->at;
    while (c->at < c->end && token_char[(unsigned char)*c->at])
        c->at++;
    *method = (slice){from, (size_t)(c->at - from)};
    if (method->len > 32)
        return refuse(c, 501, "The method is not one of HTTP's.");
    if (c->at == c->end)
        return HTTP1_MORE;
    if (*c->at != ' ' || method->len == 0)
        return refuse(c, 400, "The request line does not begin with a method and a space.");
    c->at++;
    return 0;
}

static int parse_target(struct cursor *c, slice *target)
{
    const char *from = c->at;
    size_t room = (size_t)(c->end - from);
    const char *end = room > LIMIT_HTTP_URI_BYTES ? from + LIMIT_HTTP_URI_BYTES + 1 : c->end;
    while (c->at < end && (unsigned char)*c->at > ' ' && *c->at != 0x7f)
        c->at++;
    *target = (slice){from, (size_t)(c->at - from)};
    if (target->len > LIMIT_HTTP_URI_BYTES)
        return refuse(c, 414, "The request target is too long.");
    if (c->at == c->end)
        return HTTP1_MORE;
    if (*c->at != ' ' || target->len == 0)
        return refuse(c, 400, "The request line is not METHOD TARGET HTTP/1.1.");
    c->at++;
    return 0;
}

static int parse_version(struct cursor *c)
{
    static const char pattern[] = "HTTP/#.#";
    const char *from = c->at;
    for (size_t i = 0; i < sizeof pattern - 1; i++, c->at++) {
        if (c->at == c->end)
            return HTTP1_MORE;
        bool good = pattern[i] == '#' ? *c->at >= '0' && *c->at <= '9' : *c->at == pattern[i];
        if (!good)
            return refuse(c, 400, "The request line does not end with an HTTP version.");
    }
    if (from[5] != '1')
        return refuse(c, 505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
    c->out->http10 = from[7] == '0';
    return line_end(c);
}

static bool is_method(slice method)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (slice_eq(methods[i], method))
            return true;
    return false;
}

/* Bytes that no host name, address or port has. */
static bool host_is_sound(slice host)
{
    for (size_t i = 0; i < host.len; i++) {
        char byte = host.ptr[i];
        if (byte <= ' ' || byte == '/' || byte == '@' || byte == '?' || byte == '#' || byte == '\\' || byte == 0x7f)
            return false;
    }
    return true;
}

/* Length of "http://" or "https://" at the start, or 0. */
static size_t scheme_len(slice target)
{
    if (slice_eq_nocase(slice_sub(target, 0, 7), S("http://")))
        return 7;
    if (slice_eq_nocase(slice_sub(target, 0, 8), S("https://")))
        return 8;
    return 0;
}

/* Origin-form, absolute-form or "*". */
static int split_target(struct cursor *c, slice target)
{
    struct http1_request *out = c->out;
    if (target.ptr[0] != '/') {
        size_t scheme = scheme_len(target);
        if (scheme > 0) {
            size_t to = scheme;
            while (to < target.len && target.ptr[to] != '/' && target.ptr[to] != '?')
                to++;
            out->host = slice_sub(target, scheme, to);
            target = slice_sub(target, to, target.len);
            if (out->host.len == 0 || !host_is_sound(out->host))
                return refuse(c, 400, "The request target has no valid host.");
        } else if (!slice_eq(target, S("*")) || !slice_eq(out->method, S("OPTIONS"))) {
            return refuse(c, 400, "The request target is neither a path nor an http URL.");
        }
    }
    slice_cut(target, '?', &out->path, &out->query);
    if (out->path.len == 0)
        out->path = S("/");
    return 0;
}

static int parse_request_line(struct cursor *c)
{
    slice target;
    int r = parse_method(c, &c->out->method);
    if (r == 0)
        r = parse_target(c, &target);
    if (r == 0)
        r = parse_version(c);
    if (r != 0)
        return r;
    if (!is_method(c->out->method))
        return refuse(c, 501, "The method is not one that AWS knows.");
    return split_target(c, target);
}

static slice trim_blanks(const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    return (slice){from, (size_t)(to - from)};
}

static void read_connection(struct cursor *c, slice value)
{
    slice word, rest = value;
    while (rest.ptr) {
        slice_cut(rest, ',', &word, &rest);
        word = slice_trim(word);
        if (slice_eq_nocase(word, S("close")))
            c->saw_close = true;
        else if (slice_eq_nocase(word, S("keep-alive")))
            c->saw_keep_alive = true;
    }
}

/* RFC 9110 §10.1.1: a list, so the header may also appear more than once. */
static void read_expectations(struct cursor *c, slice value)
{
    slice word, rest = value;
    while (rest.ptr) {
        slice_cut(rest, ',', &word, &rest);
        word = slice_trim(word);
        if (slice_eq_nocase(word, S("100-continue")))
            c->expects_continue = true;
        else if (word.len > 0)
            c->expects_other = true;
    }
}

static int note_known(struct cursor *c, const struct pair *header)
{
    struct http1_request *out = c->out;
    for (size_t i = 0; i < HTTP1_KNOWN_COUNT; i++) {
        if (known_names[i].len != header->key.len || !slice_eq_nocase(known_names[i], header->key))
            continue;
        if (i == HTTP1_CONNECTION)
            read_connection(c, header->value);
        else if (i == HTTP1_EXPECT)
            read_expectations(c, header->value);
        else if (out->known[i].ptr)
            return refuse(c, 400, "A header that may appear once only appears twice.");
        out->known[i] = header->value;
        return 0;
    }
    return 0;
}

static int parse_header(struct cursor *c)
{
    const char *from = c->at;
    while (c->at < c->end && token_char[(unsigned char)*c->at])
        c->at++;
    if (c->at == c->end)
        return HTTP1_MORE;
    if (*c->at != ':' || c->at == from)
        return refuse(c, 400, "A header's name is empty, holds a character it must not, or has no colon behind it.");
    slice name = {from, (size_t)(c->at - from)};
    const char *value = ++c->at;
    c->at = skip_text(c->at, c->end);
    const char *value_end = c->at;
    int r = line_end(c);
    if (r != 0)
        return r;
    if (c->out->n_headers == LIMIT_HTTP_HEADERS)
        return refuse(c, 431, "The request has too many headers.");
    struct pair *header = &c->out->headers[c->out->n_headers++];
    *header = (struct pair){name, trim_blanks(value, value_end)};
    return note_known(c, header);
}

static int parse_headers(struct cursor *c)
{
    for (;;) {
        if (c->at == c->end)
            return HTTP1_MORE;
        if (*c->at == '\r' || *c->at == '\n')
            return line_end(c);
        if (*c->at == ' ' || *c->at == '\t')
            return refuse(c, 400, "A header goes on in the next line; such folding is not allowed.");
        int r = parse_header(c);
        if (r != 0)
            return r;
    }
}

static int read_content_length(struct cursor *c, slice value)
{
    int64_t length = 0;
    if (value.len == 0)
        return refuse(c, 400, "Content-Length is not a number.");
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return refuse(c, 400, "Content-Length is not a number.");
    if (!slice_to_int64(value, &length))
        return refuse(c, 413, "Content-Length is larger than anything could be.");
    c->out->content_length = length;
    return 0;
}

static int read_framing(struct cursor *c)
{
    struct http1_request *out = c->out;
    slice coding = out->known[HTTP1_TRANSFER_ENCODING];
    slice length = out->known[HTTP1_CONTENT_LENGTH];
    if (coding.ptr && length.ptr)
        return refuse(c, 400, "Content-Length and Transfer-Encoding exclude each other.");
    if (coding.ptr) {
        if (out->http10)
            return refuse(c, 400, "HTTP/1.0 has no Transfer-Encoding.");
        if (!slice_eq_nocase(coding, S("chunked")))
            return refuse(c, 501, "The only transfer coding known here is chunked.");
        out->chunked = true;
    }
    return length.ptr ? read_content_length(c, length) : 0;
}

static int read_meaning(struct cursor *c)
{
    struct http1_request *out = c->out;
    slice host = out->known[HTTP1_HOST];
    if (!host.ptr && !out->http10)
        return refuse(c, 400, "HTTP/1.1 requests need a Host header.");
    if (!host_is_sound(host))
        return refuse(c, 400, "The Host header is not valid.");
    if (!out->host.ptr)
        out->host = host;
    int r = read_framing(c);
    if (r != 0)
        return r;
    if (c->expects_other)
        return refuse(c, 417, "The only expectation known here is 100-continue.");
    out->expect_continue = c->expects_continue && !out->http10;
    out->keep_alive = !c->saw_close && (!out->http10 || c->saw_keep_alive);
    return 0;
}

static void clear(struct http1_request *out)
{
    out->path = out->query = out->host = (slice){0};
    memset(out->known, 0, sizeof out->known);
    out->n_headers = 0;
    out->content_length = 0;
    out->chunked = out->keep_alive = out->expect_continue = out->http10 = false;
    out->why = "";
}

/* RFC 9112 §2.2: empty lines before a request line are passed over. */
static int skip_empty_lines(struct cursor *c)
{
    while (c->at < c->end && *c->at == '\r') {
        int r = line_end(c);
        if (r != 0)
            return r;
    }
    return c->at == c->end ? HTTP1_MORE : 0;
}

int http1_parse(slice bytes, struct http1_request *out)
{
    struct cursor c = {.out = out};
    bool too_long = bytes.len > LIMIT_HTTP_HEAD_BYTES;
    c.start = c.at = bytes.ptr;
    c.end = bytes.ptr + (too_long ? LIMIT_HTTP_HEAD_BYTES : bytes.len);
    clear(out);
    int r = skip_empty_lines(&c);
    if (r == 0)
        r = parse_request_line(&c);
    if (r == 0)
        r = parse_headers(&c);
    if (r == 0)
        r = read_meaning(&c);
    if (r == HTTP1_MORE && too_long)
        r = refuse(&c, 431, "The request's head is too long.");
    out->head_len = (size_t)(c.at - c.start);
    return r;
}
