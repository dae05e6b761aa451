/* uri: see uri.h. */
#include "common/uri.h"

#include "common/err.h"
#include "common/limits.h"

#include <ctype.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int uri_decode(struct arena *arena, slice text, bool plus_is_space, slice *out)
{
    *out = text;
    if (slice_index(text, '%') == text.len && (!plus_is_space || slice_index(text, '+') == text.len))
        return 0;
    char *bytes = arena_alloc(arena, text.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            bool whole = i + 2 < text.len;
            int high = whole ? hex_value(text.ptr[i + 1]) : -1;
            int low = whole ? hex_value(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return BAD_INPUT;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space)
            c = ' ';
        bytes[n++] = c;
    }
    *out = (slice){bytes, n};
    return 0;
}

slice uri_encode(struct arena *arena, slice text, bool keep_slash)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, text.len * 3 + 1), *p = out;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x80 && (isalnum(c) || strchr("-._~", c) || (keep_slash && c == '/')) && c != '\0')
            *p++ = (char)c;
        else {
            *p++ = '%';
            *p++ = hex[c >> 4];
            *p++ = hex[c & 15];
        }
    }
    return (slice){out, (size_t)(p - out)};
}

int uri_parse_form(struct arena *arena, slice text, struct pair_list *out)
{
    while (text.len > 0) {
        slice one;
        slice_cut(text, '&', &one, &text);
        if (one.len == 0)
            continue;
        if (out->len == LIMIT_FORM_PARAMS)
            return BAD_INPUT;
        struct pair *pair = list_add(arena, out);
        slice_cut(one, '=', &pair->key, &pair->value);
        TRY(uri_decode(arena, pair->key, true, &pair->key));
        if (!pair->value.ptr)
            pair->value = S("");
        TRY(uri_decode(arena, pair->value, true, &pair->value));
    }
    return 0;
}

slice uri_parameter(slice query, slice name)
{
    slice part, key, value, rest = query;
    while (rest.ptr) {
        slice_cut(rest, '&', &part, &rest);
        slice_cut(part, '=', &key, &value);
        if (slice_eq(key, name))
            return value.ptr ? value : S("");
    }
    return (slice){0};
}
