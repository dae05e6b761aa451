/* pattern_parts: what the files of pattern share: tests of one value, boolean expressions over them, and the scanner.
 * comparison.c tests values, expr.c parses and evaluates expressions, scanner.c reads, pattern_json.c and
 * pattern_fields.c find the values in a message, pattern.c does terms and chooses. */
#pragma once

#include "services/logs/pattern.h"

#include "common/err.h"
#include "common/json.h"

/* A pattern's text being read, and why it could not be. */
struct scanner {
    struct arena *arena;
    slice rest;
    slice why;
};

void scanner_skip_space(struct scanner *s);

/* Takes the literal when it is next (behind white space). */
bool scanner_take(struct scanner *s, slice literal);

/* Sets the reason and answers BAD_INPUT. */
int scanner_fail(struct scanner *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum comparison_op {
    COMPARE_EQ,
    COMPARE_NE,
    COMPARE_LT,
    COMPARE_LE,
    COMPARE_GT,
    COMPARE_GE,
    COMPARE_NULL,
    COMPARE_TRUE,
    COMPARE_FALSE,
    COMPARE_EXISTS,
    COMPARE_NOT_EXISTS
};
enum comparison_kind { COMPARE_TEXT, COMPARE_NUMBER, COMPARE_REGEX };

struct comparison {
    enum comparison_op op;
    enum comparison_kind kind;
    slice text; /* with * as wildcard */
    double number;
    void *regex;
};

/* "= value", "!= %regex%", "> 5" …: operator and operand. */
int comparison_parse(struct scanner *s, struct comparison *test);

/* A text as the message has it. Comparisons need it to be a number. */
bool comparison_text(const struct comparison *test, slice actual);

/* A JSON value; NULL when the message has none at that place. */
bool comparison_value(struct arena *arena, const struct comparison *test, const struct val *actual);

/* Whether the regular expression finds something in the text. */
void *comparison_regex_compile(struct scanner *s, slice expression);
bool comparison_regex_find(const void *regex, slice text);

/* An operand between two %: the slice without them. False when that is not what comes next. */
bool comparison_take_regex(struct scanner *s, slice *expression);

/* A tree of && and || over tests of named values. */
struct expr {
    enum { EXPR_TEST, EXPR_AND, EXPR_OR } type;
    const struct expr *left;
    const struct expr *right;
    slice name; /* selector "$.a.b", or field name */
    struct comparison test;
};

/* Reads a name; BAD_INPUT when there is none. */
typedef int expr_name_fn(struct scanner *s, slice *name);

int expr_parse(struct scanner *s, expr_name_fn *take_name, const struct expr **out);

/* Asks for each test whether it holds. */
typedef bool expr_test_fn(void *context, const struct expr *leaf);

bool expr_holds(const struct expr *expr, expr_test_fn *holds, void *context);

/* JSON patterns: the text between the braces. */
int pattern_json_parse(struct scanner *s, const struct expr **out);
bool pattern_json_match(struct arena *arena, const struct expr *expr, slice message);
void pattern_json_extract(struct arena *arena, const struct expr *expr, slice message, struct pair_list *values);

/* Space-delimited patterns. A field named "..." stands for any number of fields. */
struct field {
    slice name;
    const struct expr *expr; /* NULL: anything */
};

struct field_list {
    struct field *items;
    size_t len;
    bool set;
};

int pattern_fields_parse(struct scanner *s, struct field_list *out);
bool pattern_fields_match(struct arena *arena, const struct field_list *fields, slice message,
                          struct pair_list *values);
