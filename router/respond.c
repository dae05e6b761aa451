/* respond: status lines and headers. Which connection they go to, and when, is conn's business; what an AWS error looks
 * like is refuse.c's. */
#include "router/respond.h"

#include "common/time.h"
#include "router/exchange.h"

static const struct {
    uint16_t status;
    slice phrase;
} phrases[] = {
#define PHRASE(status, text) {status, {text, sizeof text - 1}},
    PHRASE(200, "OK") PHRASE(201, "Created") PHRASE(202, "Accepted") PHRASE(204, "No Content")
        PHRASE(206, "Partial Content") PHRASE(301, "Moved Permanently") PHRASE(304, "Not Modified")
            PHRASE(307, "Temporary Redirect") PHRASE(400, "Bad Request") PHRASE(401, "Unauthorized")
                PHRASE(403, "Forbidden") PHRASE(404, "Not Found") PHRASE(405, "Method Not Allowed")
                    PHRASE(408, "Request Timeout") PHRASE(409, "Conflict") PHRASE(411, "Length Required")
                        PHRASE(412, "Precondition Failed") PHRASE(413, "Content Too Large") PHRASE(414, "URI Too Long")
                            PHRASE(415, "Unsupported Media Type") PHRASE(416, "Range Not Satisfiable")
                                PHRASE(417, "Expectation Failed") PHRASE(429, "Too Many Requests")
                                    PHRASE(431, "Request Header Fields Too Large") PHRASE(500, "Internal Server Error")
                                        PHRASE(501, "Not Implemented") PHRASE(502, "Bad Gateway")
                                            PHRASE(503, "Service Unavailable") PHRASE(504, "Gateway Timeout")
                                                PHRASE(505, "HTTP Version Not Supported")
#undef PHRASE
};

static slice phrase_of(uint16_t status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return S("Status");
}

/* "Date: …\r\n", made once a second. */
static slice date_line(void)
{
    static char line[6 + 29 + 3] = "Date: ";
    static int64_t second = -1;
    int64_t now_ms = time_now_ms();
    if (now_ms / 1000 != second) {
        char text[30];
        second = now_ms / 1000;
        time_rfc1123(now_ms, text);
        memcpy(line + 6, text, 29);
        memcpy(line + 35, "\r\n", 3);
    }
    return (slice){line, 37};
}

static char *put(char *at, slice text)
{
    memcpy(at, text.ptr, text.len);
    return at + text.len;
}

static char *put_number(char *at, uint64_t n)
{
    char digits[20];
    size_t i = sizeof digits;
    do {
        digits[--i] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return put(at, (slice){digits + i, sizeof digits - i});
}

/* One header line, without what could end it early. */
static char *put_line(char *at, slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] != '\r' && line.ptr[i] != '\n' && line.ptr[i] != 0)
            *at++ = line.ptr[i];
    return put(at, S("\r\n"));
}

/* The worker's "name: value\n" lines. */
static void add_headers(struct buf *out, slice headers)
{
    slice line, rest = headers;
    while (rest.len > 0) {
        slice_cut(rest, '\n', &line, &rest);
        if (line.len == 0)
            continue;
        char *at = buf_reserve(out, line.len + 2);
        out->len += (size_t)(put_line(at, line) - at);
    }
}

static void add_request_id(struct buf *out, const struct exchange *exchange)
{
    slice id = {exchange->request_id, 36};
    char *start = buf_reserve(out, 192);
    char *at = put(start, S("x-amzn-RequestId: "));
    at = put(at, id);
    at = put(at, S("\r\n"));
    if (exchange->s3) {
        at = put(at, S("x-amz-request-id: "));
        at = put(at, id);
        at = put(at, S("\r\nx-amz-id-2: "));
        at = put(at, id);
        at = put(at, S("\r\n"));
    }
    out->len += (size_t)(at - start);
}

static void add_connection(struct buf *out, const struct exchange *exchange, uint16_t status)
{
    if (exchange->close)
        buf_add(out, S("Connection: close\r\n"));
    else if (exchange->http10)
        buf_add(out, S("Connection: keep-alive\r\n"));
    if (exchange->cors && !exchange->s3) /* a bucket has rules of its own */
        buf_add(out, S("Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n"));
    if (exchange->lan && status < 300)
        buf_add(out, S("Access-Control-Allow-Private-Network: true\r\n"));
}

bool respond_has_content(const struct exchange *exchange, const struct msg *reply)
{
    return !exchange->head_only && reply->status != 204 && reply->status != 304;
}

void respond_head(struct buf *out, const struct exchange *exchange, const struct msg *reply, uint64_t length)
{
    slice phrase = phrase_of(reply->status);
    char *start = buf_reserve(out, 160 + phrase.len + reply->content_type.len);
    char *at = put(start, S("HTTP/1.1 "));
    at = put_number(at, reply->status);
    *at++ = ' ';
    at = put(at, phrase);
    at = put(at, S("\r\n"));
    at = put(at, date_line());
    if (reply->content_type.len > 0) {
        at = put(at, S("Content-Type: "));
        at = put_line(at, reply->content_type);
    }
    bool bare = reply->status == 204 || reply->status == 304;
    if (!bare && length != RESPOND_UNKNOWN_LENGTH) {
        at = put(at, S("Content-Length: "));
        at = put_number(at, length);
        at = put(at, S("\r\n"));
    } else if (!bare && !exchange->http10)
        at = put(at, S("Transfer-Encoding: chunked\r\n"));
    out->len += (size_t)(at - start);
    add_request_id(out, exchange);
    add_connection(out, exchange, reply->status);
    add_headers(out, reply->headers);
    buf_add(out, S("\r\n"));
}
