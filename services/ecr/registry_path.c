/* registry_path: see registry_path.h. */
#include "services/ecr/registry_path.h"

#include "common/arena.h"
#include "common/err.h"
#include "common/uri.h"

enum { MIN_NAME = 2, MAX_NAME = 256 };

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Words joined by one '.', one or two '_', or any number of '-'. */
static bool is_component(slice text)
{
    size_t i = 0;
    while (i < text.len) {
        size_t start = i;
        while (i < text.len && is_word(text.ptr[i]))
            i++;
        if (i == start)
            return false;
        if (i == text.len)
            return true;
        char joint = text.ptr[i];
        size_t n = 0;
        while (i < text.len && text.ptr[i] == joint)
            i++, n++;
        if (!((joint == '.' && n == 1) || (joint == '_' && n <= 2) || joint == '-'))
            return false;
    }
    return false;
}

bool registry_path_is_name(slice name)
{
    slice component, rest = name;
    if (name.len < MIN_NAME || name.len > MAX_NAME)
        return false;
    while (rest.ptr) {
        slice_cut(rest, '/', &component, &rest);
        if (!is_component(component))
            return false;
    }
    return true;
}

/* Cuts the last path component off. False when there is none. */
static bool cut_last(slice *path, slice *last)
{
    size_t at = path->len;
    while (at > 0 && path->ptr[at - 1] != '/')
        at--;
    if (at == 0)
        return false;
    *last = slice_sub(*path, at, path->len);
    *path = slice_sub(*path, 0, at - 1);
    return true;
}

/* The path ends with …/blobs/uploads/ID or …/blobs/uploads/. */
static bool read_upload(slice rest, slice last, struct registry_path *out)
{
    slice uploads, blobs;
    if (!cut_last(&rest, &uploads) || !cut_last(&rest, &blobs) || !slice_eq(uploads, S("uploads")) ||
        !slice_eq(blobs, S("blobs")))
        return false;
    *out = (struct registry_path){last.len > 0 ? REGISTRY_UPLOAD : REGISTRY_UPLOADS, rest, last};
    return true;
}

static const struct {
    slice word;
    enum registry_kind kind;
} kinds[] = {
    {{"blobs", 5}, REGISTRY_BLOB},
    {{"manifests", 9}, REGISTRY_MANIFEST},
    {{"referrers", 9}, REGISTRY_REFERRERS},
};

static bool read_kind(slice rest, slice last, struct registry_path *out)
{
    slice word;
    if (!cut_last(&rest, &word))
        return false;
    if (slice_eq(word, S("tags")) && slice_eq(last, S("list"))) {
        *out = (struct registry_path){REGISTRY_TAGS, rest, S("")};
        return true;
    }
    if (slice_eq(word, S("blobs")) && slice_eq(last, S("uploads"))) {
        *out = (struct registry_path){REGISTRY_UPLOADS, rest, S("")};
        return true;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (slice_eq(word, kinds[i].word)) {
            *out = (struct registry_path){kinds[i].kind, rest, last};
            return true;
        }
    }
    return false;
}

bool registry_path_parse(struct arena *arena, slice path, struct registry_path *out)
{
    slice rest, last;
    *out = (struct registry_path){REGISTRY_ROOT, S(""), S("")};
    if (slice_eq(path, S("/v2")) || slice_eq(path, S("/v2/")))
        return true;
    if (!slice_starts(path, S("/v2/")) || uri_decode(arena, path, false, &rest) != 0 || memchr(rest.ptr, 0, rest.len))
        return false;
    rest = slice_sub(rest, 4, rest.len);
    if (slice_eq(rest, S("_catalog"))) {
        out->kind = REGISTRY_CATALOG;
        return true;
    }
    return cut_last(&rest, &last) && (read_upload(rest, last, out) || read_kind(rest, last, out));
}

bool registry_path_range(slice text, int64_t size, int64_t *first, int64_t *length)
{
    slice from, to;
    int64_t last = size - 1;
    if (!slice_starts(text, S("bytes=")) || !slice_cut(slice_sub(text, 6, text.len), '-', &from, &to))
        return false;
    if (from.len == 0) {
        if (!slice_to_int64(to, length) || *length <= 0)
            return false;
        *first = *length < size ? size - *length : 0;
    } else if (!slice_to_int64(from, first) || (to.len > 0 && !slice_to_int64(to, &last))) {
        return false;
    }
    if (last >= size)
        last = size - 1;
    if (*first < 0 || *first > last)
        return false;
    *length = last - *first + 1;
    return true;
}

bool registry_path_chunk(slice text, int64_t *first, int64_t *last)
{
    slice from, to;
    if (slice_starts(text, S("bytes ")))
        text = slice_sub(text, 6, text.len);
    text = slice_sub(text, 0, slice_index(text, '/'));
    return slice_cut(text, '-', &from, &to) && slice_to_int64(from, first) && slice_to_int64(to, last) && *first >= 0 &&
           *last >= *first;
}
