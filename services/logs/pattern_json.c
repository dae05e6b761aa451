/* pattern_json: filter patterns over JSON messages: { $.a.b[0] = "x" && ($.n > 3 || $['odd key'] IS NULL) }. */
#include "services/logs/pattern_parts.h"

#include <ctype.h>

static bool is_selector_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '$' || c == '@' || (unsigned char)c >= 0x80;
}

/* "[0]", "[*]", "['key']": the length with both brackets, or 0. */
static size_t bracket_length(slice rest)
{
    if (rest.len > 1 && (rest.ptr[1] == '\'' || rest.ptr[1] == '"')) {
        size_t end = slice_index(slice_sub(rest, 2, rest.len), rest.ptr[1]) + 2;
        return end + 1 < rest.len && rest.ptr[end + 1] == ']' ? end + 2 : 0;
    }
    size_t end = slice_index(rest, ']');
    return end > 1 && end < rest.len ? end + 1 : 0;
}

static int take_selector(struct scanner *s, slice *name)
{
    scanner_skip_space(s);
    if (!slice_starts(s->rest, S("$")))
        return scanner_fail(s, "a selector beginning with $ is missing before '%.*s'", SLICE_ARG(s->rest));
    size_t n = 1;
    while (n < s->rest.len) {
        char c = s->rest.ptr[n];
        if (c == '.' && n + 1 < s->rest.len && is_selector_char(s->rest.ptr[n + 1])) {
            for (n++; n < s->rest.len && is_selector_char(s->rest.ptr[n]);)
                n++;
        } else if (c == '[') {
            size_t length = bracket_length(slice_sub(s->rest, n, s->rest.len));
            if (length == 0)
                return scanner_fail(s, "a bracket is not closed in '%.*s'", SLICE_ARG(s->rest));
            n += length;
        } else
            break;
    }
    *name = slice_sub(s->rest, 0, n);
    s->rest = slice_sub(s->rest, n, s->rest.len);
    return n > 1 ? 0 : scanner_fail(s, "the selector $ names no member");
}

int pattern_json_parse(struct scanner *s, const struct expr **out)
{
    TRY(expr_parse(s, take_selector, out));
    return scanner_take(s, S("}")) ? 0
                                   : scanner_fail(s, "a closing brace is missing before '%.*s'", SLICE_ARG(s->rest));
}

/* Takes one step, ".key" or "[…]", off the selector. */
static slice next_step(slice *selector)
{
    size_t n = 1;
    if (selector->ptr[0] == '[')
        n = bracket_length(*selector);
    else
        while (n < selector->len && is_selector_char(selector->ptr[n]))
            n++;
    slice step = slice_sub(*selector, 0, n);
    *selector = slice_sub(*selector, n, selector->len);
    return step;
}

typedef bool found_fn(void *context, const struct val *value);

/* Calls found for each value the selector leads to ([*] to several) until it answers true. */
static bool visit(const struct val *value, slice selector, found_fn *found, void *context)
{
    while (selector.len > 0 && value) {
        slice step = next_step(&selector), key = slice_sub(step, 1, step.len);
        int64_t index;
        if (step.ptr[0] == '[')
            key = slice_sub(step, 1, step.len - 1);
        if (slice_eq(step, S("[*]"))) {
            bool any = false;
            for (size_t i = 0; !any && value->type == VAL_ARRAY && i < value->array.len; i++)
                any = visit(&value->array.items[i], selector, found, context);
            return any;
        }
        if (step.ptr[0] == '[' && slice_to_int64(key, &index))
            value = value->type == VAL_ARRAY && index >= 0 && (size_t)index < value->array.len
                        ? &value->array.items[index]
                        : NULL;
        else
            value = val_get(value, step.ptr[0] == '[' ? slice_sub(key, 1, key.len - 1) : key);
    }
    return found(context, value);
}

struct match {
    struct arena *arena;
    const struct val *message;
    const struct expr *leaf;
};

static bool test_found(void *context, const struct val *value)
{
    const struct match *match = context;
    return comparison_value(match->arena, &match->leaf->test, value);
}

static bool leaf_holds(void *context, const struct expr *leaf)
{
    struct match *match = context;
    match->leaf = leaf;
    return visit(match->message, slice_sub(leaf->name, 1, leaf->name.len), test_found, match);
}

bool pattern_json_match(struct arena *arena, const struct expr *expr, slice message)
{
    struct val value;
    slice why;
    if (json_parse(arena, message, &value, &why) != 0 || (value.type != VAL_OBJECT && value.type != VAL_ARRAY))
        return false;
    struct match match = {arena, &value, NULL};
    return expr_holds(expr, leaf_holds, &match);
}

struct extraction {
    struct arena *arena;
    slice name;
    struct pair_list *values;
};

static bool keep_found(void *context, const struct val *value)
{
    struct extraction *x = context;
    if (value) {
        slice text = value->type == VAL_STRING ? value->string : json_text(x->arena, value);
        *list_add(x->arena, x->values) = (struct pair){x->name, text};
    }
    return value != NULL;
}

static void extract(struct arena *arena, const struct expr *expr, const struct val *message, struct pair_list *values)
{
    if (expr->type != EXPR_TEST) {
        extract(arena, expr->left, message, values);
        extract(arena, expr->right, message, values);
        return;
    }
    struct extraction x = {arena, expr->name, values};
    if (!pair_get(values, expr->name).ptr)
        visit(message, slice_sub(expr->name, 1, expr->name.len), keep_found, &x);
}

void pattern_json_extract(struct arena *arena, const struct expr *expr, slice message, struct pair_list *values)
{
    struct val value;
    slice why;
    if (json_parse(arena, message, &value, &why) == 0)
        extract(arena, expr, &value, values);
}
