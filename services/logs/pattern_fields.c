/* pattern_fields: filter patterns over space-delimited messages: [ip, user, ..., status = 4*, bytes > 1000]. */
#include "services/logs/pattern_parts.h"

#include <ctype.h>

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static int take_name(struct scanner *s, slice *name)
{
    scanner_skip_space(s);
    size_t n = s->rest.len > 0 && s->rest.ptr[0] == '$';
    size_t first = n;
    while (n < s->rest.len && is_name_char(s->rest.ptr[n]))
        n++;
    if (n == first)
        return scanner_fail(s, "a field name is missing before '%.*s'", SLICE_ARG(s->rest));
    *name = slice_sub(s->rest, first, n);
    s->rest = slice_sub(s->rest, n, s->rest.len);
    return 0;
}

/* The name a field's expression tests; all its tests are of the one field. */
static slice name_in(const struct expr *expr)
{
    while (expr->type != EXPR_TEST)
        expr = expr->left;
    return expr->name;
}

static int take_field(struct scanner *s, struct field *field)
{
    if (scanner_take(s, S("..."))) {
        field->name = S("...");
        return 0;
    }
    struct scanner ahead = *s;
    scanner_skip_space(&ahead);
    if (!slice_starts(ahead.rest, S("("))) {
        int result = take_name(&ahead, &field->name);
        s->why = ahead.why;
        TRY(result);
        scanner_skip_space(&ahead);
        if (slice_starts(ahead.rest, S(",")) || slice_starts(ahead.rest, S("]"))) {
            *s = ahead;
            return 0;
        }
    }
    TRY(expr_parse(s, take_name, &field->expr));
    field->name = name_in(field->expr);
    return 0;
}

int pattern_fields_parse(struct scanner *s, struct field_list *out)
{
    bool ellipsis = false;
    do {
        struct field *field = list_add(s->arena, out);
        TRY(take_field(s, field));
        if (slice_eq(field->name, S("..."))) {
            if (ellipsis)
                return scanner_fail(s, "there may be one ellipsis only");
            ellipsis = true;
        }
    } while (scanner_take(s, S(",")));
    return scanner_take(s, S("]")) ? 0
                                   : scanner_fail(s, "a closing bracket is missing before '%.*s'", SLICE_ARG(s->rest));
}

/* The message's fields: separated by spaces; what is between [ ] or " " is one field. */
static struct slice_list split(struct arena *arena, slice message)
{
    struct slice_list out = {0};
    for (;;) {
        while (message.len > 0 && isspace((unsigned char)message.ptr[0]))
            message = slice_sub(message, 1, message.len);
        if (message.len == 0)
            return out;
        char closing = message.ptr[0] == '"' ? '"' : message.ptr[0] == '[' ? ']' : 0;
        slice inner = slice_sub(message, 1, message.len);
        size_t end = closing ? slice_index(inner, closing) : inner.len;
        if (closing && end < inner.len) {
            *list_add(arena, &out) = slice_sub(inner, 0, end);
            message = slice_sub(inner, end + 1, inner.len);
            continue;
        }
        size_t n = 0;
        while (n < message.len && !isspace((unsigned char)message.ptr[n]))
            n++;
        *list_add(arena, &out) = slice_sub(message, 0, n);
        message = slice_sub(message, n, message.len);
    }
}

static bool leaf_holds(void *context, const struct expr *leaf)
{
    return comparison_text(&leaf->test, *(const slice *)context);
}

static bool accept(struct arena *arena, const struct field *field, slice text, struct pair_list *values)
{
    if (field->expr && !expr_holds(field->expr, leaf_holds, &text))
        return false;
    if (values)
        *list_add(arena, values) = (struct pair){arena_concat(arena, S("$"), field->name), text};
    return true;
}

bool pattern_fields_match(struct arena *arena, const struct field_list *fields, slice message, struct pair_list *values)
{
    struct slice_list texts = split(arena, message);
    size_t at = 0;
    bool ellipsis = false;
    for (size_t i = 0; i < fields->len; i++) {
        if (slice_eq(fields->items[i].name, S("..."))) {
            size_t behind = fields->len - i - 1;
            if (texts.len < at + behind)
                return false;
            at = texts.len - behind;
            ellipsis = true;
            continue;
        }
        if (at >= texts.len || !accept(arena, &fields->items[i], texts.items[at], values))
            return false;
        at++;
    }
    return ellipsis || at == texts.len;
}
