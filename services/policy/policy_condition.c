/* policy_condition: the Condition element: all operators must hold, and in each all keys; of a key's values one is
 * enough, or none for the negated operators. */
#include "services/policy/policy_parts.h"

#include "common/json.h"

/* One condition key with its values in the document. */
struct test {
    const struct policy_operator *op;
    enum policy_quantifier quantifier;
    bool if_exists;
    const struct val *values; /* one or an array */
};

static slice text_of(const struct policy_look *look, const struct val *value)
{
    switch (value->type) {
    case VAL_STRING:
        return value->string;
    case VAL_BOOL:
        return value->boolean ? S("true") : S("false");
    default:
        return json_text(look->arena, value);
    }
}

/* Whether any of the document's values matches the request's one. */
static bool any_matches(const struct policy_look *look, const struct test *test, slice value)
{
    bool several = test->values->type == VAL_ARRAY;
    size_t count = several ? test->values->array.len : 1;
    const struct val *items = several ? test->values->array.items : test->values;
    for (size_t i = 0; i < count; i++) {
        struct policy_pattern pattern;
        if (policy_expand(look, text_of(look, &items[i]), &pattern) && test->op->matches(&pattern, value))
            return true;
    }
    return false;
}

static bool holds_for(const struct policy_look *look, const struct test *test, slice value)
{
    return any_matches(look, test, value) != test->op->negated;
}

static bool is_null_holds(const struct policy_look *look, const struct test *test, bool absent)
{
    bool several = test->values->type == VAL_ARRAY;
    size_t count = several ? test->values->array.len : 1;
    const struct val *items = several ? test->values->array.items : test->values;
    for (size_t i = 0; i < count; i++) {
        if (slice_eq_nocase(text_of(look, &items[i]), absent ? S("true") : S("false")))
            return true;
    }
    return false;
}

static bool holds(const struct policy_look *look, const struct test *test, slice key)
{
    struct slice_list ignored = {0};
    struct policy_look quiet = *look;
    quiet.missing = &ignored;
    if (!test->op->matches) { /* Null is about keys that may be missing */
        const struct slice_list *present = policy_look_up(&quiet, key);
        return is_null_holds(look, test, !present || present->len == 0);
    }
    const struct slice_list *values = policy_look_up(test->if_exists ? &quiet : look, key);
    if (!values || values->len == 0)
        return test->if_exists || test->quantifier == POLICY_ALL_VALUES ||
               (test->op->negated && test->quantifier == POLICY_ONE_VALUE);
    list_foreach (value, values) {
        bool one = holds_for(look, test, *value);
        if (test->quantifier == POLICY_ANY_VALUE && one)
            return true;
        if (test->quantifier != POLICY_ANY_VALUE && test->op->negated && !one)
            return false;
        if (test->quantifier == POLICY_ALL_VALUES && !one)
            return false;
        if (test->quantifier == POLICY_ONE_VALUE && !test->op->negated && one)
            return true;
    }
    return test->quantifier == POLICY_ALL_VALUES || (test->quantifier == POLICY_ONE_VALUE && test->op->negated);
}

bool policy_conditions_hold(const struct policy_look *look, const struct val *conditions)
{
    bool all = true;
    for (size_t i = 0; conditions && i < conditions->object.len; i++) {
        const struct val_field *op = &conditions->object.items[i];
        struct test test = {0};
        test.op = policy_operator_find(op->key, &test.quantifier, &test.if_exists);
        for (size_t j = 0; j < op->value.object.len; j++) {
            test.values = &op->value.object.items[j].value;
            /* All are looked at, so that all missing keys are found. */
            all &= holds(look, &test, op->value.object.items[j].key);
        }
    }
    return all;
}
