/* slice: a borrowed run of bytes, passed by value, never NUL-terminated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

struct arena;

/* ptr NULL means "absent"; an empty but present text has len 0 and a non-NULL ptr. */
typedef struct slice {
    const char *ptr;
    size_t len;
} slice;

/* A literal as a slice. */
#define S(literal) ((slice){"" literal, sizeof(literal) - 1})

/* For printf: "%.*s", SLICE_ARG(s). */
#define SLICE_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

static inline bool slice_eq(slice a, slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* True when the text is absent or has no bytes. */
static inline bool slice_empty(slice s)
{
    return s.len == 0;
}

/* A slice over a C string; NULL gives an absent slice. */
static inline slice slice_of(const char *cstr)
{
    return (slice){cstr, cstr ? strlen(cstr) : 0};
}

/* The bytes [from, to) of s; both are clamped to its length. */
slice slice_sub(slice s, size_t from, size_t to);

/* memcmp order, a shorter one first. Answers < 0, 0, > 0. */
int slice_cmp(slice a, slice b);

/* ASCII case-insensitive equality. */
bool slice_eq_nocase(slice a, slice b);

bool slice_starts(slice s, slice prefix);
bool slice_ends(slice s, slice suffix);

/* Position of the first c, or s.len when there is none. */
size_t slice_index(slice s, char c);

/* Position of the first occurrence of needle, or -1. */
ssize_t slice_find(slice s, slice needle);

/* Splits s at the first sep: *head before it, *tail behind it. False when sep is absent: *head is s and *tail is
 * absent. head or tail may point to s itself's variable. */
bool slice_cut(slice s, char sep, slice *head, slice *tail);

/* Without leading and trailing ASCII white space. */
slice slice_trim(slice s);

/* Whole text as decimal; false when empty, out of range or anything else. */
bool slice_to_int64(slice s, int64_t *value);
bool slice_to_double(slice s, double *value);

/* A copy in the arena; an absent slice stays absent. */
slice slice_dup(struct arena *arena, slice s);

/* A NUL-terminated copy for system calls, or NULL when s is absent or holds a NUL byte. */
const char *slice_cstr(struct arena *arena, slice s);

/* True when the bytes are well-formed UTF-8 (no surrogates, no overlong forms). */
bool slice_is_utf8(slice s);

/* Number of code points of well-formed UTF-8 (what AWS counts in length constraints). */
size_t slice_utf8_len(slice s);
