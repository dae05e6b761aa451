/* image_ref: see image_ref.h. */
#include "services/image/image_ref.h"

#include <string.h>

enum { ACCOUNT_DIGITS = 12, DIGEST_DIGITS = 64, MAX_REPOSITORY = 256, MAX_TAG = 128 };

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool all_of(slice text, bool (*is)(char))
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is(text.ptr[i]))
            return false;
    }
    return text.len > 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_tag_char(char c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '-';
}

static bool is_region_char(char c)
{
    return is_lower(c) || c == '-';
}

static size_t run_of(slice text, size_t from, const char *characters)
{
    size_t n = 0;
    while (from + n < text.len && strchr(characters, text.ptr[from + n]))
        n++;
    return n;
}

/* The length of what stands between two words: a slash, a dot, one or two underlines, or hyphens; else 0. */
static size_t separator_at(slice name, size_t at)
{
    size_t underlines = run_of(name, at, "_"), hyphens = run_of(name, at, "-");
    if (underlines > 0)
        return underlines <= 2 ? underlines : 0;
    return hyphens > 0 ? hyphens : run_of(name, at, "./") > 0;
}

/* Words of lower-case letters and digits with separators between them. */
static bool is_repository(slice name)
{
    size_t at = 0;
    if (name.len > MAX_REPOSITORY || slice_index(name, '\0') < name.len)
        return false;
    for (;;) {
        size_t word = 0;
        while (at + word < name.len && is_lower(name.ptr[at + word]))
            word++;
        at += word;
        if (word == 0 || at == name.len)
            return word > 0;
        size_t separator = separator_at(name, at);
        if (separator == 0)
            return false;
        at += separator;
    }
}

static bool is_digest(slice digest)
{
    slice kind, digits;
    return slice_cut(digest, ':', &kind, &digits) && slice_eq(kind, S("sha256")) && digits.len == DIGEST_DIGITS &&
           all_of(digits, is_hex);
}

/* By whatever name: clients call the registry as they reach it, and no other listens on that port of this machine. */
static bool is_address(slice host, int64_t port)
{
    slice name, digits;
    int64_t number;
    if (slice_starts(host, S("[")))
        host = slice_sub(host, slice_index(host, ']'), host.len);
    return slice_cut(host, ':', &name, &digits) && name.len > 0 && slice_to_int64(digits, &number) && number == port;
}

/* ACCOUNT.dkr.ecr.REGION.amazonaws.com[.cn] */
static bool is_aws_host(slice host, struct image_ref *ref)
{
    slice rest;
    if (!slice_cut(host, '.', &ref->account, &rest) || !slice_starts(rest, S("dkr.ecr.")))
        return false;
    rest = slice_sub(rest, S("dkr.ecr.").len, rest.len);
    return slice_cut(rest, '.', &ref->region, &rest) && ref->account.len == ACCOUNT_DIGITS &&
           all_of(ref->account, is_digit) && all_of(ref->region, is_region_char) &&
           (slice_eq(rest, S("amazonaws.com")) || slice_eq(rest, S("amazonaws.com.cn")));
}

bool image_ref_is_own(slice reference, int64_t port)
{
    struct image_ref ref;
    slice host, rest;
    return slice_cut(reference, '/', &host, &rest) && (is_address(host, port) || is_aws_host(host, &ref));
}

bool image_ref_parse(slice reference, int64_t port, struct image_ref *ref)
{
    slice host, rest;
    *ref = (struct image_ref){0};
    if (!slice_cut(reference, '/', &host, &rest))
        return false;
    if (!is_address(host, port) && !is_aws_host(host, ref))
        return false;
    bool has_digest = slice_cut(rest, '@', &rest, &ref->digest);
    bool has_tag = slice_cut(rest, ':', &ref->repository, &ref->tag);
    if (!is_repository(ref->repository) || (has_digest && !is_digest(ref->digest)) ||
        (has_tag && (ref->tag.len > MAX_TAG || !all_of(ref->tag, is_tag_char) || ref->tag.ptr[0] == '.' ||
                     ref->tag.ptr[0] == '-')))
        return false;
    if (has_digest)
        ref->tag = (slice){NULL, 0}; /* as docker: the digest alone decides */
    else if (!has_tag)
        ref->tag = S("latest");
    return true;
}
