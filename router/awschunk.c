/* awschunk: see awschunk.h. Clients disagree about the end: lines of signed trailers end with LF alone, some put an
 * empty line before the trailer's signature, some leave the last one out. What follows the last chunk is read as lines
 * until HTTP says that the body is over. */
#include "router/awschunk.h"

#include "common/err.h"

enum {
    OVERHEAD_BYTES = 16 * 1024, /* of the trailers, and of one chunk's extension */
    MARKS = 1024 * 1024,        /* chunks whose marks are kept; no upload of AWS's least size has so many */
};

enum stage { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILERS };

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int size_byte(struct awschunk *chunks, char c)
{
    enum { MAX_DIGITS = 15 };
    int digit = hex_digit(c);
    if (digit >= 0) {
        chunks->left = chunks->left << 4 | (unsigned)digit;
        return chunks->size_digits++ < MAX_DIGITS ? 0 : BAD_INPUT;
    }
    if (chunks->size_digits == 0 || (c != ';' && c != '\r'))
        return BAD_INPUT;
    chunks->overhead = 0;
    chunks->stage = c == ';' ? EXTENSION : SIZE_LF;
    return 0;
}

/* Data of a chunk has ended. */
static void end_hash(struct awschunk *chunks)
{
    char text[DIGEST_TEXT_BYTES];
    struct awschunk_mark *last = (struct awschunk_mark *)(void *)(chunks->marks.ptr + chunks->marks.len) - 1;
    size_t n = digest_end(&chunks->digest, text, 0);
    memcpy(last->hash, text + n - 1 - sizeof last->hash, sizeof last->hash);
}

static int add_mark(struct awschunk *chunks)
{
    static const slice name = {"chunk-signature=", 16};
    struct awschunk_mark mark = {.size = chunks->left};
    slice said = slice_trim(buf_slice(&chunks->line));
    if (slice_starts(said, name) && said.len == name.len + sizeof mark.signature)
        memcpy(mark.signature, said.ptr + name.len, sizeof mark.signature);
    buf_clear(&chunks->line);
    digest_begin(&chunks->digest, DIGEST_SHA256);
    buf_add(&chunks->marks, (slice){(const char *)&mark, sizeof mark});
    if (chunks->left == 0)
        end_hash(chunks);
    return chunks->marks.len / sizeof mark <= MARKS ? 0 : BAD_INPUT;
}

/* A turn of the loop hashes no more than it reads, and TLS costs it more. */
static void mark_data(struct awschunk *chunks, slice data)
{
    digest_add(&chunks->digest, data.ptr, data.len);
    if (chunks->left == 0)
        end_hash(chunks);
}

static int size_lf(struct awschunk *chunks, char c)
{
    if (c != '\n')
        return BAD_INPUT;
    if (chunks->keep_marks)
        TRY(add_mark(chunks));
    chunks->size_digits = 0;
    chunks->stage = chunks->left > 0 ? DATA : TRAILERS;
    return 0;
}

static void end_line(struct awschunk *chunks)
{
    slice name, value;
    slice line = slice_trim(buf_slice(&chunks->line));
    if (slice_cut(line, ':', &name, &value)) {
        name = slice_trim(name);
        for (size_t i = 0; i < name.len; i++)
            buf_add_char(&chunks->trailers,
                         name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? (char)(name.ptr[i] | 0x20) : name.ptr[i]);
        buf_add(&chunks->trailers, S(": "));
        buf_add(&chunks->trailers, slice_trim(value));
        buf_add_char(&chunks->trailers, '\n');
    }
    buf_clear(&chunks->line);
}

static int trailer_byte(struct awschunk *chunks, char c)
{
    if (++chunks->overhead > OVERHEAD_BYTES)
        return BAD_INPUT;
    if (c == '\n')
        end_line(chunks);
    else if (c != 0)
        buf_add_char(&chunks->line, c);
    return 0;
}

static int framing_byte(struct awschunk *chunks, char c)
{
    switch (chunks->stage) {
    case SIZE:
        return size_byte(chunks, c);
    case EXTENSION:
        if (c == '\r')
            chunks->stage = SIZE_LF;
        else if (chunks->keep_marks)
            buf_add_char(&chunks->line, c);
        return ++chunks->overhead > OVERHEAD_BYTES ? BAD_INPUT : 0;
    case SIZE_LF:
        return size_lf(chunks, c);
    case DATA_CR:
        chunks->stage = DATA_LF;
        return c == '\r' ? 0 : BAD_INPUT;
    case DATA_LF:
        chunks->stage = SIZE;
        return c == '\n' ? 0 : BAD_INPUT;
    default:
        return trailer_byte(chunks, c);
    }
}

int awschunk_feed(struct awschunk *chunks, slice bytes, size_t *used, slice *content)
{
    *used = 0;
    *content = S("");
    while (*used < bytes.len) {
        if (chunks->stage == DATA) {
            size_t n = bytes.len - *used < chunks->left ? bytes.len - *used : (size_t)chunks->left;
            *content = slice_sub(bytes, *used, *used + n);
            *used += n;
            chunks->left -= n;
            if (chunks->left == 0)
                chunks->stage = DATA_CR;
            if (chunks->keep_marks)
                mark_data(chunks, *content);
            return 0;
        }
        TRY(framing_byte(chunks, bytes.ptr[(*used)++]));
    }
    return 0;
}

bool awschunk_complete(const struct awschunk *chunks)
{
    return chunks->stage == TRAILERS && chunks->line.len == 0;
}

void awschunk_deinit(struct awschunk *chunks)
{
    buf_deinit(&chunks->trailers);
    buf_deinit(&chunks->line);
    buf_deinit(&chunks->marks);
    *chunks = (struct awschunk){0};
}
