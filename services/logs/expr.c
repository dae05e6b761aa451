/* expr: boolean expressions of filter patterns: && binds tighter than ||, parentheses group. */
#include "services/logs/pattern_parts.h"

enum { MAX_DEPTH = 32 };

static int parse_or(struct scanner *s, expr_name_fn *take_name, int depth, const struct expr **out);

static int parse_one(struct scanner *s, expr_name_fn *take_name, int depth, const struct expr **out)
{
    if (depth > MAX_DEPTH)
        return scanner_fail(s, "too many nested parentheses");
    if (scanner_take(s, S("("))) {
        TRY(parse_or(s, take_name, depth + 1, out));
        return scanner_take(s, S(")")) ? 0 : scanner_fail(s, "a closing parenthesis is missing");
    }
    struct expr *leaf = arena_alloc(s->arena, sizeof(*leaf));
    TRY(take_name(s, &leaf->name));
    TRY(comparison_parse(s, &leaf->test));
    *out = leaf;
    return 0;
}

static const struct expr *join(struct scanner *s, bool both, const struct expr *left, const struct expr *right)
{
    struct expr *node = arena_alloc(s->arena, sizeof(*node));
    node->type = both ? EXPR_AND : EXPR_OR;
    node->left = left;
    node->right = right;
    return node;
}

static int parse_and(struct scanner *s, expr_name_fn *take_name, int depth, const struct expr **out)
{
    TRY(parse_one(s, take_name, depth, out));
    while (scanner_take(s, S("&&"))) {
        const struct expr *right;
        TRY(parse_one(s, take_name, depth, &right));
        *out = join(s, true, *out, right);
    }
    return 0;
}

static int parse_or(struct scanner *s, expr_name_fn *take_name, int depth, const struct expr **out)
{
    TRY(parse_and(s, take_name, depth, out));
    while (scanner_take(s, S("||"))) {
        const struct expr *right;
        TRY(parse_and(s, take_name, depth, &right));
        *out = join(s, false, *out, right);
    }
    return 0;
}

int expr_parse(struct scanner *s, expr_name_fn *take_name, const struct expr **out)
{
    return parse_or(s, take_name, 0, out);
}

bool expr_holds(const struct expr *expr, expr_test_fn *holds, void *context)
{
    switch (expr->type) {
    case EXPR_AND:
        return expr_holds(expr->left, holds, context) && expr_holds(expr->right, holds, context);
    case EXPR_OR:
        return expr_holds(expr->left, holds, context) || expr_holds(expr->right, holds, context);
    default:
        return holds(context, expr);
    }
}
