/* constraint: see constraint.h. Patterns are compiled when they are first needed and kept for the process's life. */
#include "proto/constraint.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/map.h"
#include "proto/walk.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Compiled patterns by their text. */
static struct map *patterns;
static pcre2_match_data *match_data;
static pcre2_match_context *match_context;

/* How often a match may try: some patterns would go on for ages about a text made for it, which then does not match. */
enum { MATCH_TRIES = 1000000 };

/* The models' regular expressions are Java's and ECMAScript's, and match the whole text. */
static const uint32_t pattern_options =
    PCRE2_UTF | PCRE2_ALT_BSUX | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY;

static pcre2_code *compiled(slice pattern)
{
    int error;
    PCRE2_SIZE offset;
    if (!patterns) {
        patterns = map_open();
        match_data = pcre2_match_data_create(1, NULL);
        match_context = pcre2_match_context_create(NULL);
        pcre2_set_match_limit(match_context, MATCH_TRIES);
    }
    pcre2_code *code = map_get(patterns, pattern);
    if (code)
        return code;
    code = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, pattern_options, &error, &offset, NULL);
    if (code)
        map_set(patterns, pattern, code);
    return code;
}

bool constraint_readable(slice pattern)
{
    return compiled(pattern) != NULL;
}

static bool fits_pattern(slice pattern, slice text)
{
    pcre2_code *code = compiled(pattern);
    /* A pattern that PCRE2 cannot read constrains nothing; the codec tests find such a one. */
    return !code ||
           pcre2_match(code, (PCRE2_SPTR)text.ptr, text.len, 0, PCRE2_NO_UTF_CHECK, match_data, match_context) >= 0;
}

static bool in_enum(const struct api_constraint *constraint, slice text)
{
    for (size_t i = 0; i < constraint->n_enums; i++) {
        if (slice_eq(constraint->enums[i], text))
            return true;
    }
    return false;
}

static slice enum_words(struct arena *arena, const struct api_constraint *constraint, bool values)
{
    struct buf text;
    buf_init(&text, arena);
    buf_add(&text, S("Member must satisfy enum value set"));
    for (size_t i = 0; values && i < constraint->n_enums; i++) {
        buf_add(&text, i == 0 ? S(": [") : S(", "));
        buf_add(&text, constraint->enums[i]);
    }
    if (values)
        buf_add_char(&text, ']');
    return buf_slice(&text);
}

static slice bound_words(struct arena *arena, bool is_value, bool upper, int64_t bound)
{
    return arena_printf(arena, "Member must have %s %s than or equal to %lld", is_value ? "value" : "length",
                        upper ? "less" : "greater", (long long)bound);
}

/* What min and max bound: a number's value, a text's characters, a container's entries. */
static bool measure(const struct api_shape *shape, const void *place, int64_t *size)
{
    switch (shape->type) {
    case API_STRING:
        *size = (int64_t)slice_utf8_len(*(const slice *)place);
        return true;
    case API_BLOB:
        *size = (int64_t)((const slice *)place)->len;
        return true;
    case API_INTEGER:
    case API_LONG:
        *size = ((const struct opt_int *)place)->v;
        return true;
    case API_LIST:
    case API_MAP:
        *size = (int64_t)((const struct list *)place)->len;
        return true;
    default:
        return false;
    }
}

static bool is_number(const struct api_shape *shape)
{
    return shape->type == API_INTEGER || shape->type == API_LONG || shape->type == API_FLOAT ||
           shape->type == API_DOUBLE;
}

size_t constraint_broken(struct arena *arena, const struct api_shape *shape, const void *place, bool values,
                         slice broken[4])
{
    const struct api_constraint *constraint = shape->constraint;
    size_t n = 0;
    int64_t size;
    if (!constraint)
        return 0;
    if (measure(shape, place, &size)) {
        if (size > constraint->max)
            broken[n++] = bound_words(arena, is_number(shape), true, constraint->max);
        if (size < constraint->min)
            broken[n++] = bound_words(arena, is_number(shape), false, constraint->min);
    } else if (is_number(shape)) {
        double value = ((const struct opt_double *)place)->v;
        if (constraint->max != INT64_MAX && value > (double)constraint->max)
            broken[n++] = bound_words(arena, true, true, constraint->max);
        if (constraint->min != INT64_MIN && value < (double)constraint->min)
            broken[n++] = bound_words(arena, true, false, constraint->min);
    }
    if (shape->type != API_STRING)
        return n;
    slice text = *(const slice *)place;
    if (constraint->pattern.ptr && !fits_pattern(constraint->pattern, text))
        broken[n++] =
            arena_printf(arena, "Member must satisfy regular expression pattern: %.*s", SLICE_ARG(constraint->pattern));
    if (constraint->n_enums > 0 && !constraint->enum_open && !in_enum(constraint, text))
        broken[n++] = enum_words(arena, constraint, values);
    return n;
}

slice constraint_all(struct arena *arena, const struct api_shape *shape, bool values)
{
    const struct api_constraint *constraint = shape->constraint;
    struct buf text;
    buf_init(&text, arena);
    if (constraint && constraint->max != INT64_MAX)
        buf_printf(&text, "%.*s, ", SLICE_ARG(bound_words(arena, is_number(shape), true, constraint->max)));
    if (constraint && constraint->min != INT64_MIN)
        buf_printf(&text, "%.*s, ", SLICE_ARG(bound_words(arena, is_number(shape), false, constraint->min)));
    if (constraint && constraint->pattern.ptr)
        buf_printf(&text, "Member must satisfy regular expression pattern: %.*s, ", SLICE_ARG(constraint->pattern));
    if (constraint && constraint->n_enums > 0)
        buf_printf(&text, "%.*s, ", SLICE_ARG(enum_words(arena, constraint, values)));
    buf_add(&text, S("Member must not be null"));
    return buf_slice(&text);
}

static void print(struct arena *arena, struct buf *text, const struct api_shape *shape, const void *place,
                  bool by_value);

static void print_structure(struct arena *arena, struct buf *text, const struct api_shape *shape, const void *object)
{
    buf_printf(text, "%.*s(", SLICE_ARG(shape->name));
    for (size_t i = 0; i < shape->n_members; i++) {
        const struct api_member *member = &shape->members[i];
        char first = member->name.ptr[0] >= 'A' && member->name.ptr[0] <= 'Z' ? (char)(member->name.ptr[0] + 32)
                                                                              : member->name.ptr[0];
        slice rest = slice_sub(member->name, 1, member->name.len);
        buf_printf(text, "%s%c%.*s=", i ? ", " : "", first, SLICE_ARG(rest));
        print(arena, text, member->shape, (const char *)object + member->offset, false);
    }
    buf_add_char(text, ')');
}

static void print_entries(struct arena *arena, struct buf *text, const struct api_shape *shape, const struct list *list)
{
    bool map = shape->type == API_MAP;
    const struct api_member *value = &shape->members[map ? 1 : 0];
    buf_add_char(text, map ? '{' : '[');
    for (size_t i = 0; i < list->len; i++) {
        const char *entry = walk_entry(shape, list, i);
        if (i)
            buf_add(text, S(", "));
        if (map)
            buf_printf(text, "%.*s=", SLICE_ARG(*(const slice *)(const void *)entry));
        print(arena, text, value->shape, entry + value->offset, true);
    }
    buf_add_char(text, map ? '}' : ']');
}

/* A decimal is recognisable as one: "1.0". */
static void print_decimal(struct arena *arena, struct buf *text, const struct api_shape *shape, const void *place)
{
    slice number = walk_text(arena, shape, place, API_TIME_DEFAULT);
    buf_add(text, number);
    bool whole = !slice_empty(number);
    for (size_t i = 0; i < number.len; i++)
        whole = whole && (number.ptr[i] == '-' || (number.ptr[i] >= '0' && number.ptr[i] <= '9'));
    if (whole)
        buf_add(text, S(".0"));
}

static void print(struct arena *arena, struct buf *text, const struct api_shape *shape, const void *place,
                  bool by_value)
{
    if (!walk_is_set(shape, place, by_value))
        buf_add(text, S("null"));
    else if (shape->flags & API_SENSITIVE)
        buf_add(text, S("***"));
    else if (shape->type == API_STRUCTURE)
        print_structure(arena, text, shape, walk_structure(place, by_value));
    else if (shape->type == API_LIST || shape->type == API_MAP)
        print_entries(arena, text, shape, place);
    else if (shape->type == API_FLOAT || shape->type == API_DOUBLE)
        print_decimal(arena, text, shape, place);
    else if (shape->type == API_DOCUMENT)
        buf_add(text, json_text(arena, *(const struct val *const *)place));
    else
        buf_add(text, walk_text(arena, shape, place, API_TIME_DEFAULT));
}

slice constraint_print(struct arena *arena, const struct api_shape *shape, const void *place)
{
    struct buf text;
    buf_init(&text, arena);
    print(arena, &text, shape, place, true);
    return buf_slice(&text);
}
