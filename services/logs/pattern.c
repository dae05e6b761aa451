/* pattern: see pattern.h. Which of the three languages a pattern is in, and the language of terms. */
#include "services/logs/pattern_parts.h"

#include <ctype.h>

enum kind { TERMS, JSON, FIELDS };

struct term {
    char sign; /* 0: required, '?': one of these, '-': must not occur */
    slice text;
    void *regex;
};

struct term_list {
    struct term *items;
    size_t len;
    bool set;
};

struct pattern {
    enum kind kind;
    bool required; /* there are terms that must, or must not, occur: then '?' terms do not count (as in AWS) */
    struct term_list terms;
    const struct expr *expr;
    struct field_list fields;
};

static int take_quoted(struct scanner *s, slice *text)
{
    size_t end = slice_index(s->rest, '"');
    if (end == s->rest.len)
        return scanner_fail(s, "a quotation mark is missing");
    *text = slice_sub(s->rest, 0, end);
    s->rest = slice_sub(s->rest, end + 1, s->rest.len);
    return 0;
}

static int take_word(struct scanner *s, slice *text)
{
    size_t n = 0;
    while (n < s->rest.len && !isspace((unsigned char)s->rest.ptr[n]))
        n++;
    *text = slice_sub(s->rest, 0, n);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text->ptr[i];
        if (c < 0x80 && !isalnum(c) && c != '_')
            return scanner_fail(s, "Invalid character(s) in term '%.*s'", SLICE_ARG(*text));
    }
    s->rest = slice_sub(s->rest, n, s->rest.len);
    return n > 0 ? 0 : scanner_fail(s, "a term is empty");
}

static int take_term(struct scanner *s, struct term *term)
{
    slice expression;
    if (scanner_take(s, S("?")))
        term->sign = '?';
    else if (scanner_take(s, S("-")))
        term->sign = '-';
    if (comparison_take_regex(s, &expression)) {
        term->regex = comparison_regex_compile(s, expression);
        return term->regex ? 0 : BAD_INPUT;
    }
    return scanner_take(s, S("\"")) ? take_quoted(s, &term->text) : take_word(s, &term->text);
}

static int parse_terms(struct scanner *s, struct pattern *pattern)
{
    for (scanner_skip_space(s); s->rest.len > 0; scanner_skip_space(s)) {
        struct term *term = list_add(s->arena, &pattern->terms);
        TRY(take_term(s, term));
        pattern->required = pattern->required || term->sign != '?';
    }
    return 0;
}

static int parse_any(struct scanner *s, struct pattern *pattern)
{
    if (scanner_take(s, S("{"))) {
        pattern->kind = JSON;
        TRY(pattern_json_parse(s, &pattern->expr));
    } else if (scanner_take(s, S("["))) {
        pattern->kind = FIELDS;
        TRY(pattern_fields_parse(s, &pattern->fields));
    } else
        TRY(parse_terms(s, pattern));
    scanner_skip_space(s);
    return s->rest.len == 0 ? 0 : scanner_fail(s, "unexpected text at the end: '%.*s'", SLICE_ARG(s->rest));
}

int pattern_parse(struct arena *arena, slice text, struct pattern **out, slice *why)
{
    struct scanner s = {.arena = arena, .rest = text};
    *out = arena_alloc(arena, sizeof(**out));
    int result = parse_any(&s, *out);
    *why = s.why;
    return result;
}

static bool occurs(const struct term *term, slice message)
{
    return term->regex ? comparison_regex_find(term->regex, message) : slice_find(message, term->text) >= 0;
}

static bool match_terms(const struct pattern *pattern, slice message)
{
    if (pattern->terms.len == 0)
        return true;
    list_foreach (term, &pattern->terms) {
        if (!pattern->required) {
            if (occurs(term, message))
                return true;
        } else if (term->sign != '?' && occurs(term, message) == (term->sign == '-'))
            return false;
    }
    return pattern->required;
}

bool pattern_match(struct arena *arena, const struct pattern *pattern, slice message)
{
    switch (pattern->kind) {
    case JSON:
        return pattern_json_match(arena, pattern->expr, message);
    case FIELDS:
        return pattern_fields_match(arena, &pattern->fields, message, NULL);
    default:
        return match_terms(pattern, message);
    }
}

void pattern_extract(struct arena *arena, const struct pattern *pattern, slice message, struct pair_list *values)
{
    if (pattern->kind == JSON)
        pattern_json_extract(arena, pattern->expr, message, values);
    else if (pattern->kind == FIELDS)
        pattern_fields_match(arena, &pattern->fields, message, values);
}
