/* buf: builds text or bytes of unknown length, in an arena or on the heap. */
#pragma once

#include "common/slice.h"

#include <stdarg.h>

struct arena;

/* A zeroed buf is a valid empty heap buf. */
struct buf {
    struct arena *arena; /* NULL: the bytes are on the heap and buf_deinit frees them */
    char *ptr;
    size_t len;
    size_t cap;
};

void buf_init(struct buf *buf, struct arena *arena);
void buf_deinit(struct buf *buf);

/* Room for at least extra more bytes; answers where they start. The caller adds what it wrote to len. */
char *buf_reserve(struct buf *buf, size_t extra);

void buf_add(struct buf *buf, slice text);
void buf_add_char(struct buf *buf, char c);
void buf_add_int(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops the first n bytes, moving the rest down; when none is left, much memory does not stay. */
void buf_consume(struct buf *buf, size_t n);

static inline void buf_clear(struct buf *buf)
{
    buf->len = 0;
}

/* The same, and more memory than that does not stay with it. */
void buf_clear_to(struct buf *buf, size_t kept_bytes);

/* What has been built; valid until the next change. Never absent. */
static inline slice buf_slice(const struct buf *buf)
{
    return (slice){buf->ptr ? buf->ptr : "", buf->len};
}
