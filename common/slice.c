/* slice: see slice.h. */
#include "common/slice.h"

#include "common/arena.h"

#include <errno.h>
#include <stdlib.h>

slice slice_sub(slice s, size_t from, size_t to)
{
    if (to > s.len)
        to = s.len;
    if (from > to)
        from = to;
    return (slice){s.ptr ? s.ptr + from : NULL, to - from};
}

int slice_cmp(slice a, slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool slice_eq_nocase(slice a, slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    }
    return true;
}

bool slice_starts(slice s, slice prefix)
{
    return s.len >= prefix.len && slice_eq(slice_sub(s, 0, prefix.len), prefix);
}

bool slice_ends(slice s, slice suffix)
{
    return s.len >= suffix.len && slice_eq(slice_sub(s, s.len - suffix.len, s.len), suffix);
}

size_t slice_index(slice s, char c)
{
    const char *found = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return found ? (size_t)(found - s.ptr) : s.len;
}

ssize_t slice_find(slice s, slice needle)
{
    if (needle.len == 0)
        return 0;
    const char *found = s.len ? memmem(s.ptr, s.len, needle.ptr, needle.len) : NULL;
    return found ? found - s.ptr : -1;
}

bool slice_cut(slice s, char sep, slice *head, slice *tail)
{
    size_t at = slice_index(s, sep);
    bool found = at < s.len;
    slice rest = found ? slice_sub(s, at + 1, s.len) : (slice){NULL, 0};
    *head = slice_sub(s, 0, at);
    *tail = rest;
    return found;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

slice slice_trim(slice s)
{
    while (s.len > 0 && is_space(s.ptr[0]))
        s = slice_sub(s, 1, s.len);
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool slice_to_int64(slice s, int64_t *value)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX, n = 0;
    size_t i = negative || (s.len > 0 && s.ptr[0] == '+');
    if (i == s.len)
        return false;
    for (; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';
        if (digit > 9 || n > (limit - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *value = negative ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

bool slice_to_double(slice s, double *value)
{
    char text[64];
    if (s.len == 0 || s.len >= sizeof(text) || is_space(s.ptr[0]))
        return false;
    for (size_t i = 0; i < s.len; i++) { /* no hexadecimal, "inf" or "nan", which strtod would take */
        if (!strchr("0123456789+-.eE", s.ptr[i]) || s.ptr[i] == '\0')
            return false;
    }
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    char *end;
    errno = 0;
    double parsed = strtod(text, &end);
    if (*end != '\0' || errno == ERANGE)
        return false;
    *value = parsed;
    return true;
}

slice slice_dup(struct arena *arena, slice s)
{
    if (!s.ptr)
        return s;
    return (slice){arena_copy(arena, s.ptr, s.len), s.len};
}

const char *slice_cstr(struct arena *arena, slice s)
{
    if (!s.ptr || (s.len > 0 && memchr(s.ptr, '\0', s.len)))
        return NULL;
    char *text = arena_alloc(arena, s.len + 1);
    if (s.len)
        memcpy(text, s.ptr, s.len);
    return text;
}

/* Bytes of the well-formed sequence at p, 0 for none. Table 3-7 of the Unicode standard. */
static size_t utf8_sequence(const uint8_t *p, size_t len)
{
    uint8_t c = p[0];
    if (c < 0x80)
        return 1;
    size_t n = c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
    if (n == 0 || len < n)
        return 0;
    uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    return n;
}

/* How many bytes from i on are ASCII, eight at a time: most texts are nothing else. */
static size_t ascii_run(slice s, size_t i)
{
    const uint64_t high = 0x8080808080808080u;
    size_t from = i;
    for (uint64_t eight; s.len - i >= sizeof(eight); i += sizeof(eight)) {
        memcpy(&eight, s.ptr + i, sizeof(eight));
        if (eight & high)
            break;
    }
    return i - from;
}

bool slice_is_utf8(slice s)
{
    for (size_t i = 0; i < s.len;) {
        i += ascii_run(s, i);
        if (i == s.len)
            break;
        size_t n = utf8_sequence((const uint8_t *)s.ptr + i, s.len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

size_t slice_utf8_len(slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((uint8_t)s.ptr[i] & 0xc0) != 0x80;
    return n;
}
