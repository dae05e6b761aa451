/* comparison: one comparison of a filter pattern: operator, operand, and whether a value satisfies it. */
#include "services/logs/pattern_parts.h"

#include <ctype.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static void *regex_malloc(PCRE2_SIZE size, void *arena)
{
    return arena_alloc(arena, size);
}

static void regex_free(void *memory, void *arena)
{
    (void)memory;
    (void)arena;
}

void *comparison_regex_compile(struct scanner *s, slice expression)
{
    int error;
    PCRE2_SIZE offset;
    pcre2_general_context *general = pcre2_general_context_create(regex_malloc, regex_free, s->arena);
    pcre2_compile_context *context = pcre2_compile_context_create(general);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)expression.ptr, expression.len, PCRE2_UTF | PCRE2_MATCH_INVALID_UTF,
                                     &error, &offset, context);
    if (!code)
        scanner_fail(s, "the regular expression '%.*s' is not valid", SLICE_ARG(expression));
    return code;
}

bool comparison_regex_find(const void *regex, slice text)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    int found = pcre2_match(regex, (PCRE2_SPTR)(text.ptr ? text.ptr : ""), text.len, 0, 0, match, NULL);
    pcre2_match_data_free(match);
    return found >= 0;
}

bool comparison_take_regex(struct scanner *s, slice *expression)
{
    if (!scanner_take(s, S("%")))
        return false;
    size_t end = slice_index(s->rest, '%');
    *expression = slice_sub(s->rest, 0, end);
    s->rest = slice_sub(s->rest, end + 1, s->rest.len);
    return true;
}

/* "IS NULL", "NOT EXISTS" …: words may be in either case. */
static bool take_words(struct scanner *s, slice first, slice second)
{
    struct scanner ahead = *s;
    scanner_skip_space(&ahead);
    if (!slice_eq_nocase(slice_sub(ahead.rest, 0, first.len), first))
        return false;
    ahead.rest = slice_sub(ahead.rest, first.len, ahead.rest.len);
    if (second.len > 0) {
        scanner_skip_space(&ahead);
        if (!slice_eq_nocase(slice_sub(ahead.rest, 0, second.len), second))
            return false;
        ahead.rest = slice_sub(ahead.rest, second.len, ahead.rest.len);
    }
    *s = ahead;
    return true;
}

static const struct {
    slice first;
    slice second;
    enum comparison_op op;
} operators[] = {
    {S("!="), {NULL, 0}, COMPARE_NE},         {S("<="), {NULL, 0}, COMPARE_LE},
    {S(">="), {NULL, 0}, COMPARE_GE},         {S("="), {NULL, 0}, COMPARE_EQ},
    {S("<"), {NULL, 0}, COMPARE_LT},          {S(">"), {NULL, 0}, COMPARE_GT},
    {S("IS"), S("NULL"), COMPARE_NULL},       {S("IS"), S("TRUE"), COMPARE_TRUE},
    {S("IS"), S("FALSE"), COMPARE_FALSE},     {S("NOT"), S("EXISTS"), COMPARE_NOT_EXISTS},
    {S("EXISTS"), {NULL, 0}, COMPARE_EXISTS},
};

static int take_operator(struct scanner *s, enum comparison_op *op)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++) {
        if (take_words(s, operators[i].first, operators[i].second)) {
            *op = operators[i].op;
            return 0;
        }
    }
    return scanner_fail(s, "an operator is missing before '%.*s'", SLICE_ARG(s->rest));
}

/* A quoted text with \" and \\, without its opening quotation mark, which has been taken. */
static int take_quoted(struct scanner *s, slice *text)
{
    char *out = arena_alloc(s->arena, s->rest.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s->rest.len; i++) {
        char c = s->rest.ptr[i];
        if (c == '"') {
            s->rest = slice_sub(s->rest, i + 1, s->rest.len);
            *text = (slice){out, n};
            return 0;
        }
        if (c == '\\' && i + 1 < s->rest.len && (s->rest.ptr[i + 1] == '"' || s->rest.ptr[i + 1] == '\\'))
            c = s->rest.ptr[++i];
        out[n++] = c;
    }
    return scanner_fail(s, "a quotation mark is missing");
}

static int take_bare(struct scanner *s, struct comparison *test)
{
    size_t n = 0;
    while (n < s->rest.len && !isspace((unsigned char)s->rest.ptr[n]) && !memchr(",]})&|(", s->rest.ptr[n], 7))
        n++;
    if (n == 0)
        return scanner_fail(s, "a value is missing before '%.*s'", SLICE_ARG(s->rest));
    test->text = slice_sub(s->rest, 0, n);
    s->rest = slice_sub(s->rest, n, s->rest.len);
    if (slice_to_double(test->text, &test->number))
        test->kind = COMPARE_NUMBER;
    return 0;
}

int comparison_parse(struct scanner *s, struct comparison *test)
{
    slice expression;
    TRY(take_operator(s, &test->op));
    if (test->op >= COMPARE_NULL)
        return 0;
    if (comparison_take_regex(s, &expression)) {
        test->kind = COMPARE_REGEX;
        test->regex = comparison_regex_compile(s, expression);
        return test->regex ? 0 : BAD_INPUT;
    }
    if (scanner_take(s, S("\"")))
        TRY(take_quoted(s, &test->text));
    else
        TRY(take_bare(s, test));
    if (test->op > COMPARE_NE && test->kind != COMPARE_NUMBER)
        return scanner_fail(s, "'%.*s' is not a number", SLICE_ARG(test->text));
    return 0;
}

/* * stands for any text; every other character for itself. */
static bool star_match(slice pattern, slice text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, resume = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++resume;
        } else
            return false;
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

static bool compare(enum comparison_op op, double actual, double wanted)
{
    switch (op) {
    case COMPARE_EQ:
        return actual == wanted;
    case COMPARE_NE:
        return actual != wanted;
    case COMPARE_LT:
        return actual < wanted;
    case COMPARE_LE:
        return actual <= wanted;
    case COMPARE_GT:
        return actual > wanted;
    default:
        return actual >= wanted;
    }
}

bool comparison_text(const struct comparison *test, slice actual)
{
    double number;
    if (test->op >= COMPARE_NULL)
        return test->op == COMPARE_EXISTS;
    if (test->kind == COMPARE_REGEX)
        return comparison_regex_find(test->regex, actual) == (test->op == COMPARE_EQ);
    if (test->kind == COMPARE_NUMBER && slice_to_double(actual, &number))
        return compare(test->op, number, test->number);
    if (test->op > COMPARE_NE)
        return false;
    return star_match(test->text, actual) == (test->op == COMPARE_EQ);
}

bool comparison_value(struct arena *arena, const struct comparison *test, const struct val *actual)
{
    if (test->op == COMPARE_EXISTS || test->op == COMPARE_NOT_EXISTS)
        return (actual != NULL) == (test->op == COMPARE_EXISTS);
    if (!actual)
        return false;
    if (test->op == COMPARE_NULL)
        return actual->type == VAL_NULL;
    if (test->op == COMPARE_TRUE || test->op == COMPARE_FALSE)
        return actual->type == VAL_BOOL && actual->boolean == (test->op == COMPARE_TRUE);
    switch (actual->type) {
    case VAL_STRING:
        return comparison_text(test, actual->string);
    case VAL_INT:
    case VAL_DOUBLE:
    case VAL_BOOL:
        return comparison_text(test, json_text(arena, actual));
    default:
        return false;
    }
}
