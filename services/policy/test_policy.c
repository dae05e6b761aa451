/* Tests of policy documents: what is refused and why, and what is allowed. */
#include "services/policy/policy.h"

#include "common/arena.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena *arena;
static const slice account = S("123456789012");

static const struct policy *parse(const char *text, enum policy_use use)
{
    struct policy *policy = NULL;
    slice why = S("");
    if (policy_parse(arena, slice_of(text), use, &policy, &why) != 0)
        fail_msg("%s: %.*s", text, SLICE_ARG(why));
    return policy;
}

static void refused(const char *text, enum policy_use use, const char *words)
{
    struct policy *policy;
    slice why = S("");
    assert_int_equal(policy_parse(arena, slice_of(text), use, &policy, &why), BAD_INPUT);
    if (!slice_eq(why, slice_of(words)))
        fail_msg("%s: %.*s", text, SLICE_ARG(why));
}

#define ONE(rest) "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\"," rest "}]}"

static void test_grammar(void **state)
{
    static const char syntax[] = "Syntax errors in policy.";
    refused("", POLICY_IDENTITY, syntax);
    refused("[]", POLICY_IDENTITY, syntax);
    refused("{\"Version\":\"2012-10-17\"}", POLICY_IDENTITY, syntax);
    refused("{\"Version\":\"2013-10-17\",\"Statement\":[]}", POLICY_IDENTITY, syntax);
    refused("{\"Nonsense\":1,\"Statement\":[]}", POLICY_IDENTITY, syntax);
    refused(ONE("\"Action\":\"s3:*\",\"Resource\":[1]"), POLICY_IDENTITY, syntax);
    refused(ONE("\"Action\":\"s3:*\",\"NotAction\":\"s3:*\",\"Resource\":\"*\""), POLICY_IDENTITY, syntax);
    refused(ONE("\"Resource\":\"*\""), POLICY_IDENTITY, "Policy statement must contain actions.");
    refused(ONE("\"Action\":\"s3:*\""), POLICY_IDENTITY, "Policy statement must contain resources.");
    refused(ONE("\"Action\":\"s3\",\"Resource\":\"*\""), POLICY_IDENTITY,
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    refused(ONE("\"Action\":\"a b:c\",\"Resource\":\"*\""), POLICY_IDENTITY, "Vendor a b is not valid");
    refused(ONE("\"Action\":\"s3:a:b\",\"Resource\":\"*\""), POLICY_IDENTITY,
            "Actions/Condition can contain only one colon.");
    refused(ONE("\"Action\":\"s3:*\",\"Resource\":\"bucket\""), POLICY_IDENTITY,
            "Resource bucket must be in ARN format or \"*\".");
    refused(ONE("\"Action\":\"s3:*\",\"Resource\":\"arn:x:s3:::b\""), POLICY_IDENTITY,
            "Partition \"x\" is not valid for resource \"arn:x:s3:::b\".");
    refused(ONE("\"Action\":\"s3:*\",\"Resource\":\"*\",\"Principal\":\"*\""), POLICY_IDENTITY,
            "Policy document should not specify a principal.");
    refused(ONE("\"Action\":\"s3:*\",\"Resource\":\"*\",\"Condition\":{\"Like\":{\"a:b\":\"c\"}}"), POLICY_IDENTITY,
            "Invalid Condition type : Like.");
    refused(ONE("\"Sid\":\"a b\",\"Action\":\"s3:*\",\"Resource\":\"*\""), POLICY_IDENTITY,
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
            "[0-9A-Za-z]*");
    refused("{\"Statement\":[{\"Sid\":\"a\",\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},"
            "{\"Sid\":\"a\",\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}",
            POLICY_IDENTITY, "Statement IDs (SID) in a single policy must be unique.");
    refused(ONE("\"Action\":\"s3:*\",\"Resource\":\"*\""), POLICY_RESOURCE, "Missing required field Principal");
}

static void test_positions(void **state)
{
    const struct policy *policy = parse("{\"Version\": \"2012-10-17\",\n \"Statement\": [\n  {\"Effect\": \"Allow\","
                                        " \"Action\": \"s3:{\", \"Resource\": \"*\"},\n  {\"Effect\": \"Deny\",\n"
                                        "   \"Action\": \"*\", \"Resource\": \"*\"}]}",
                                        POLICY_IDENTITY);
    assert_int_equal(policy->statements.len, 2);
    const struct policy_statement *first = &policy->statements.items[0], *second = &policy->statements.items[1];
    assert_true(first->start.line == 3 && first->start.column == 3 && first->end.line == 3);
    assert_true(second->start.line == 4 && second->end.line == 5 && second->end.column == 35);
}

static struct policy_key_list keys;

static void key(const char *name, const char *value)
{
    policy_key_add(arena, &keys, slice_of(name), slice_of(value));
}

static enum policy_decision decide(const char *identity, const char *boundary, const char *session,
                                   const char *resource_policy, const char *resource)
{
    struct policy_set set = {0};
    struct policy_outcome outcome;
    const struct {
        const char *text;
        enum policy_use use;
        struct policy_source_list *list;
    } texts[] = {{identity, POLICY_IDENTITY, &set.identity},
                 {boundary, POLICY_IDENTITY, &set.boundary},
                 {session, POLICY_IDENTITY, &set.session},
                 {resource_policy, POLICY_RESOURCE, &set.resource}};
    for (size_t i = 0; i < 4; i++) {
        if (texts[i].text)
            list_add(arena, texts[i].list)->policy = parse(texts[i].text, texts[i].use);
        texts[i].list->set = texts[i].text != NULL;
    }
    struct policy_request request = {
        .action = S("s3:GetObject"),
        .resource = slice_of(resource),
        .caller = {.account = account, .arn = S("arn:aws:iam::123456789012:user/bob")},
        .keys = &keys,
    };
    policy_evaluate(arena, &set, &request, &outcome);
    return outcome.decision;
}

static bool allows(const char *identity)
{
    return decide(identity, NULL, NULL, NULL, "arn:aws:s3:::b/bob/x") == POLICY_ALLOWED;
}

static void test_matching(void **state)
{
    assert_true(allows(ONE("\"Action\":\"S3:getobject\",\"Resource\":\"*\"")));
    assert_true(allows(ONE("\"Action\":\"s3:Get?bject\",\"Resource\":\"arn:aws:s3:::b/*\"")));
    assert_false(allows(ONE("\"Action\":\"s3:Put*\",\"Resource\":\"*\"")));
    assert_false(allows(ONE("\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::B/*\"")));
    assert_true(allows(ONE("\"NotAction\":\"iam:*\",\"Resource\":\"*\"")));
    assert_false(allows(ONE("\"NotAction\":\"s3:*\",\"Resource\":\"*\"")));
    assert_false(allows(ONE("\"Action\":\"*\",\"NotResource\":\"arn:aws:s3:::b/*\"")));
    assert_false(allows(ONE("\"Action\":\"*\",\"Resource\":\"arn:aws:s3:::b/${aws:username}/*\"")));
    assert_true(allows(ONE("\"Action\":\"*\",\"Resource\":\"arn:aws:s3:::b/${aws:username, 'bob'}/*\"")));
    key("aws:username", "bob");
    assert_true(allows(ONE("\"Action\":\"*\",\"Resource\":\"arn:aws:s3:::b/${AWS:UserName}/*\"")));
    assert_false(allows("{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":"
                        "\"arn:aws:s3:::b/${aws:username}/*\"}}"));
    assert_false(allows(ONE("\"Action\":\"*\",\"Resource\":\"arn:aws:s3:::b/${*}\"")));
    keys = (struct policy_key_list){0};
    key("aws:username", "*");
    assert_false(allows(ONE("\"Action\":\"*\",\"Resource\":\"arn:aws:s3:::b/${aws:username}/x\"")));
}

#define IF(condition) allows(ONE("\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{" condition "}"))

static void test_conditions(void **state)
{
    key("a:s", "Value");
    key("a:n", "10");
    key("a:d", "2024-05-01T00:00:00Z");
    key("a:ip", "10.1.2.3");
    key("a:ip6", "2001:db8::1");
    key("a:arn", "arn:aws:iam::123456789012:role/x/y");
    key("a:yes", "true");
    assert_true(IF("\"StringEquals\":{\"A:S\":\"Value\"}"));
    assert_false(IF("\"StringEquals\":{\"a:s\":\"value\"}"));
    assert_true(IF("\"StringEqualsIgnoreCase\":{\"a:s\":\"value\"}"));
    assert_true(IF("\"StringLike\":{\"a:s\":[\"x\",\"V*e\"]}"));
    assert_false(IF("\"StringEquals\":{\"a:s\":\"V*e\"}"));
    assert_true(IF("\"StringNotEquals\":{\"a:s\":[\"a\",\"b\"]}"));
    assert_false(IF("\"StringNotEquals\":{\"a:s\":[\"a\",\"Value\"]}"));
    assert_true(IF("\"StringNotEquals\":{\"a:none\":\"a\"}"));
    assert_false(IF("\"StringEquals\":{\"a:none\":\"a\"}"));
    assert_true(IF("\"StringEqualsIfExists\":{\"a:none\":\"a\"}"));
    assert_false(IF("\"StringEqualsIfExists\":{\"a:s\":\"a\"}"));
    assert_true(IF("\"NumericLessThan\":{\"a:n\":\"11\"},\"NumericGreaterThanEquals\":{\"a:n\":10}"));
    assert_false(IF("\"NumericEquals\":{\"a:s\":\"11\"}"));
    assert_true(IF("\"NumericNotEquals\":{\"a:n\":\"11\"}"));
    assert_true(
        IF("\"DateGreaterThan\":{\"a:d\":\"2024-01-01T00:00:00Z\"},\"DateLessThanEquals\":{\"a:d\":\"1714521600\"}"));
    assert_true(IF("\"IpAddress\":{\"a:ip\":[\"192.168.0.0/16\",\"10.0.0.0/8\"]}"));
    assert_false(IF("\"NotIpAddress\":{\"a:ip\":\"10.1.2.3\"}"));
    assert_true(IF("\"IpAddress\":{\"a:ip6\":\"2001:db8::/32\"}"));
    assert_false(IF("\"IpAddress\":{\"a:ip\":\"10.0.0.0/33\"}"));
    assert_true(IF("\"ArnLike\":{\"a:arn\":\"arn:aws:iam::*:role/*\"}"));
    assert_false(IF("\"ArnEquals\":{\"a:arn\":\"arn:*:role/x/y\"}"));
    assert_true(IF("\"ArnNotEquals\":{\"a:arn\":\"arn:aws:iam::1:role/*\"}"));
    assert_true(IF("\"Bool\":{\"a:yes\":true}"));
    assert_false(IF("\"Bool\":{\"a:yes\":\"false\"}"));
    assert_true(IF("\"Null\":{\"a:none\":\"true\",\"a:s\":false}"));
    assert_false(IF("\"Null\":{\"a:s\":\"true\"}"));
}

static void test_many_values(void **state)
{
    key("a:tags", "x");
    key("a:tags", "y");
    assert_true(IF("\"ForAnyValue:StringEquals\":{\"a:tags\":\"x\"}"));
    assert_false(IF("\"ForAnyValue:StringEquals\":{\"a:tags\":\"z\"}"));
    assert_true(IF("\"ForAllValues:StringEquals\":{\"a:tags\":[\"x\",\"y\",\"z\"]}"));
    assert_false(IF("\"ForAllValues:StringEquals\":{\"a:tags\":[\"x\",\"z\"]}"));
    assert_true(IF("\"ForAllValues:StringEquals\":{\"a:none\":\"x\"}"));
    assert_false(IF("\"ForAnyValue:StringEquals\":{\"a:none\":\"x\"}"));
    assert_true(IF("\"ForAllValues:StringNotEquals\":{\"a:tags\":\"z\"}"));
    assert_false(IF("\"ForAllValues:StringNotEquals\":{\"a:tags\":\"x\"}"));
    assert_true(IF("\"ForAnyValue:StringNotEquals\":{\"a:tags\":\"x\"}"));
}

#define ALLOW ONE("\"Action\":\"s3:*\",\"Resource\":\"*\"")
#define OTHER ONE("\"Action\":\"ec2:*\",\"Resource\":\"*\"")
#define DENY "{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"s3:Get*\",\"Resource\":\"*\"}}"
#define FOR(principal) ONE("\"Action\":\"s3:*\",\"Resource\":\"*\",\"Principal\":" principal)

static void test_decisions(void **state)
{
    static const char r[] = "arn:aws:s3:::b/x";
    assert_int_equal(decide(ALLOW, NULL, NULL, NULL, r), POLICY_ALLOWED);
    assert_int_equal(decide(NULL, NULL, NULL, NULL, r), POLICY_IMPLICIT_DENY);
    assert_int_equal(decide(ALLOW, OTHER, NULL, NULL, r), POLICY_IMPLICIT_DENY);
    assert_int_equal(decide(ALLOW, ALLOW, OTHER, NULL, r), POLICY_IMPLICIT_DENY);
    assert_int_equal(decide(ALLOW, ALLOW, ALLOW, NULL, r), POLICY_ALLOWED);
    assert_int_equal(decide(ALLOW, DENY, NULL, NULL, r), POLICY_EXPLICIT_DENY);
    assert_int_equal(decide(DENY, NULL, NULL, FOR("\"*\""), r), POLICY_EXPLICIT_DENY);
    assert_int_equal(decide(NULL, NULL, NULL, FOR("{\"AWS\":\"arn:aws:iam::123456789012:user/bob\"}"), r),
                     POLICY_ALLOWED);
    assert_int_equal(decide(NULL, NULL, NULL, FOR("{\"AWS\":\"arn:aws:iam::123456789012:user/eve\"}"), r),
                     POLICY_IMPLICIT_DENY);
    assert_int_equal(decide(NULL, NULL, NULL, FOR("\"*\""), r), POLICY_ALLOWED);
    assert_int_equal(decide(NULL, NULL, NULL, FOR("{\"AWS\":\"123456789012\"}"), r), POLICY_IMPLICIT_DENY);
    assert_int_equal(decide(NULL, NULL, NULL, FOR("{\"Service\":\"ecs.amazonaws.com\"}"), r), POLICY_IMPLICIT_DENY);
}

static void test_across_accounts(void **state)
{
    struct policy_set set = {0};
    struct policy_outcome outcome;
    struct policy_request request = {
        .action = S("s3:GetObject"),
        .resource = S("arn:aws:s3:::b/x"),
        .owner = S("999988887777"),
        .caller = {.account = account,
                   .arn = S("arn:aws:sts::123456789012:assumed-role/r/s"),
                   .role = S("arn:aws:iam::123456789012:role/r")},
    };
    list_add(arena, &set.resource)->policy =
        parse(FOR("{\"AWS\":\"arn:aws:iam::123456789012:role/r\"}"), POLICY_RESOURCE);
    policy_evaluate(arena, &set, &request, &outcome);
    assert_int_equal(outcome.decision, POLICY_IMPLICIT_DENY);
    list_add(arena, &set.identity)->policy = parse(ALLOW, POLICY_IDENTITY);
    policy_evaluate(arena, &set, &request, &outcome);
    assert_int_equal(outcome.decision, POLICY_ALLOWED);
    set.resource.len = 0;
    policy_evaluate(arena, &set, &request, &outcome);
    assert_int_equal(outcome.decision, POLICY_IMPLICIT_DENY);
    request.caller = (struct policy_caller){.service = S("ecs.amazonaws.com")};
    list_add(arena, &set.resource)->policy = parse(FOR("{\"Service\":\"ecs.amazonaws.com\"}"), POLICY_RESOURCE);
    set.identity.len = 0;
    policy_evaluate(arena, &set, &request, &outcome);
    assert_int_equal(outcome.decision, POLICY_ALLOWED);
}

static void test_keys(void **state)
{
    struct slice_list names = {0};
    policy_list_keys(arena,
                     parse(ONE("\"Action\":\"*\",\"Resource\":\"arn:aws:s3:::${aws:username}\",\"Condition\":"
                               "{\"StringLike\":{\"s3:prefix\":[\"${aws:userid}/*\",\"${aws:username}\"]}}"),
                           POLICY_IDENTITY),
                     &names);
    assert_int_equal(names.len, 3);
    assert_true(slice_eq(names.items[0], S("aws:username")) && slice_eq(names.items[1], S("s3:prefix")) &&
                slice_eq(names.items[2], S("aws:userid")));
}

static int setup(void **state)
{
    arena = arena_open();
    keys = (struct policy_key_list){0};
    return 0;
}

static int teardown(void **state)
{
    arena_close(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_grammar, setup, teardown),
        cmocka_unit_test_setup_teardown(test_positions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_matching, setup, teardown),
        cmocka_unit_test_setup_teardown(test_conditions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_decisions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_across_accounts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
