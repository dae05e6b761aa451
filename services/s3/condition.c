/* condition: conditional requests and ranges. */
#include "services/s3/s3.h"

static slice without_quotes(slice etag)
{
    if (slice_starts(etag, S("W/")))
        etag = slice_sub(etag, 2, etag.len);
    /* One alone is forgiven, too. */
    if (slice_starts(etag, S("\"")))
        etag = slice_sub(etag, 1, etag.len);
    return slice_ends(etag, S("\"")) ? slice_sub(etag, 0, etag.len - 1) : etag;
}

/* A list of entity tags, or "*" for any. */
static bool matches(slice list, slice etag)
{
    slice one, rest = list;
    while (rest.ptr) {
        slice_cut(rest, ',', &one, &rest);
        one = slice_trim(one);
        if (slice_eq(one, S("*")) || slice_eq(without_quotes(one), without_quotes(etag)))
            return true;
    }
    return false;
}

static int fail_precondition(struct call *c, slice condition)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("Condition"), val_string(condition));
    return fail_with(c, &s3_precondition_failed, extra,
                     "At least one of the pre-conditions you specified did not hold");
}

int condition_check_write(struct call *c, const struct bucket *bucket, slice key, slice if_match, slice if_none_match)
{
    struct version version;
    if (!if_match.ptr && !if_none_match.ptr)
        return 0;
    if (if_none_match.ptr && !slice_eq(slice_trim(if_none_match), S("*")))
        return fail(c, &s3_not_implemented, "A header you provided implies functionality that is not implemented");
    bool there = version_find(c, bucket, key, (slice){NULL, 0}, &version) && !version.is_marker;
    if (if_none_match.ptr && there)
        return fail_precondition(c, S("If-None-Match"));
    if (if_match.ptr && !there)
        return fail(c, &s3_no_such_key, "The specified key does not exist.");
    if (if_match.ptr && !matches(if_match, version.etag))
        return fail_precondition(c, S("If-Match"));
    return 0;
}

/* Whole seconds: that is all that Last-Modified tells. */
static int64_t seconds(int64_t ms)
{
    return ms / 1000;
}

int condition_check_read(struct call *c, const struct condition *condition, const struct version *version,
                         bool *not_modified)
{
    *not_modified = false;
    if (condition->if_match.ptr && !matches(condition->if_match, version->etag))
        return fail_precondition(c, S("If-Match"));
    if (condition->if_unmodified_since.set && !condition->if_match.ptr &&
        seconds(version->modified_ms) > seconds(condition->if_unmodified_since.v))
        return fail_precondition(c, S("If-Unmodified-Since"));
    if (condition->if_none_match.ptr)
        *not_modified = matches(condition->if_none_match, version->etag);
    else if (condition->if_modified_since.set && condition->if_modified_since.v <= c->now_ms)
        *not_modified = seconds(version->modified_ms) <= seconds(condition->if_modified_since.v);
    return 0;
}

static int fail_range(struct call *c, slice range, int64_t size)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("RangeRequested"), val_string(range));
    val_set(c->arena, extra, S("ActualObjectSize"), val_string(arena_printf(c->arena, "%lld", (long long)size)));
    c->reply_headers = arena_concat(c->arena, c->reply_headers,
                                    arena_printf(c->arena, "Content-Range: bytes */%lld\n", (long long)size));
    return fail_with(c, &s3_invalid_range, extra, "The requested range is not satisfiable");
}

/* "bytes=first-last", either of which may be missing. False for anything else, which is ignored, as HTTP says. */
static bool parse(slice range, int64_t *first, int64_t *last)
{
    slice unit, rest, from, to;
    *first = *last = -1;
    if (!slice_cut(range, '=', &unit, &rest) || !slice_eq_nocase(slice_trim(unit), S("bytes")) ||
        !slice_cut(rest, '-', &from, &to))
        return false;
    from = slice_trim(from);
    to = slice_trim(to);
    if (from.len == 0 && to.len == 0)
        return false;
    if (from.len > 0 && (!slice_to_int64(from, first) || *first < 0))
        return false;
    if (to.len > 0 && (!slice_to_int64(to, last) || *last < 0))
        return false;
    return from.len == 0 || to.len == 0 || *first <= *last;
}

int condition_range(struct call *c, slice range, int64_t size, int64_t *at, int64_t *length, bool *partial)
{
    int64_t first, last;
    *at = 0;
    *length = size;
    *partial = false;
    if (!range.ptr || !parse(range, &first, &last))
        return 0;
    if (first < 0) { /* the last so many bytes */
        if (last == 0 || size == 0)
            return fail_range(c, range, size);
        first = last < size ? size - last : 0;
        last = size - 1;
    }
    if (first >= size)
        return fail_range(c, range, size);
    if (last < 0 || last >= size)
        last = size - 1;
    *at = first;
    *length = last - first + 1;
    *partial = true;
    return 0;
}
