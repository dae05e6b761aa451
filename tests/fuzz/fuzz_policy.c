/* fuzz_policy: policy documents and their evaluation. What is accepted can be evaluated, and its statements stand in
 * the text. The first byte chooses what the document is for. */
#include "tests/fuzz/fuzz.h"

#include "services/policy/policy.h"

static void check_places(slice text, const struct policy *policy)
{
    list_foreach (statement, &policy->statements) {
        fuzz_check(statement->start.line >= 1 && statement->start.column >= 1);
        fuzz_check(statement->end.line >= statement->start.line && statement->end.line <= (int64_t)text.len);
    }
}

static void fuzz_one(struct arena *arena, slice bytes)
{
    struct policy *policy;
    slice why = {NULL, 0};
    if (bytes.len == 0)
        return;
    enum policy_use use = (enum policy_use)((uint8_t)bytes.ptr[0] % 3);
    slice text = slice_sub(bytes, 1, bytes.len);
    if (policy_parse(arena, text, use, &policy, &why) != 0) {
        fuzz_check(!slice_empty(why));
        return;
    }
    struct policy_key_list keys = {0};
    struct slice_list names = {0};
    struct policy_outcome outcome;
    struct policy_source source = {.policy = policy, .id = S("fuzz")};
    struct policy_source_list sources = {&source, 1, true};
    struct policy_set set = {.identity = sources, .resource = sources};
    check_places(text, policy);
    policy_list_keys(arena, policy, &names);
    list_foreach (name, &names)
        policy_key_add(arena, &keys, *name, slice_sub(text, 0, 20));
    struct policy_request request = {
        .action = S("s3:GetObject"),
        .resource = S("arn:aws:s3:::bucket/bob/key"),
        .caller = {.account = S("123456789012"), .arn = S("arn:aws:iam::123456789012:user/bob")},
        .keys = &keys,
    };
    policy_evaluate(arena, &set, &request, &outcome);
    fuzz_check(outcome.decision == POLICY_ALLOWED || !slice_empty(outcome.because));
    fuzz_check(outcome.decision != POLICY_EXPLICIT_DENY || outcome.matched.len > 0);
}
