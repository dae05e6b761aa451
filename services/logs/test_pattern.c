/* Tests of pattern: the three languages of CloudWatch Logs' filter patterns, and what they refuse. */
#include "services/logs/pattern.h"

#include "common/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena *arena;

static bool match(const char *text, const char *message)
{
    struct pattern *pattern;
    slice why;
    if (pattern_parse(arena, slice_of(text), &pattern, &why) != 0)
        fail_msg("%s: %.*s", text, SLICE_ARG(why));
    return pattern_match(arena, pattern, slice_of(message));
}

static bool refused(const char *text)
{
    struct pattern *pattern;
    slice why;
    return pattern_parse(arena, slice_of(text), &pattern, &why) != 0 && why.len > 0;
}

static void test_terms(void **state)
{
    assert_true(match("", "anything"));
    assert_true(match("ERROR", "[ERROR 400] bad request"));
    assert_false(match("ERROR", "[error 400] bad request"));
    assert_true(match("ERROR ARGUMENTS", "ERROR: MISSING ARGUMENTS"));
    assert_false(match("ERROR ARGUMENTS", "ERROR: nothing"));
    assert_true(match("\"bad request\"", "a bad request"));
    assert_false(match("\"bad request\"", "request bad"));
    assert_true(match("ERROR -ARGUMENTS", "ERROR: nothing"));
    assert_false(match("ERROR -ARGUMENTS", "ERROR: MISSING ARGUMENTS"));
    assert_true(match("-DEBUG", "all else"));
    assert_true(match("?ERROR ?WARN", "a WARN here"));
    assert_false(match("?ERROR ?WARN", "an info"));
    assert_true(match("%4[0-9]{2}%", "status 404"));
    assert_false(match("%^4[0-9]{2}%", "status 404"));
    assert_true(match("-%4[0-9]{2}%", "status 200"));
    assert_true(refused("ERROR:"));
    assert_true(refused("\"open"));
    assert_true(refused("%(%"));
}

static void test_json(void **state)
{
    const char *message = "{\"a\": {\"b\": \"xyz\"}, \"n\": 5, \"l\": [1, {\"k\": \"v\"}], \"t\": true, \"z\": null, "
                          "\"odd key\": \"o\", \"text\": \"12\"}";
    assert_true(match("{ $.a.b = \"xyz\" }", message));
    assert_true(match("{ $.a.b = x* }", message));
    assert_true(match("{ $.a.b = %^x.z$% }", message));
    assert_true(match("{ $.a.b != \"abc\" }", message));
    assert_false(match("{ $.missing != \"abc\" }", message));
    assert_true(match("{ $.n > 3 }", message));
    assert_true(match("{ $.n >= 5 && $.n <= 5.0 && $.n = 5 }", message));
    assert_false(match("{ $.n < 5e0 }", message));
    assert_true(match("{ $.n > 100 || $.a.b = \"xyz\" }", message));
    assert_true(match("{ ($.n > 100 || $.a.b = \"xyz\") && $.t IS TRUE }", message));
    assert_false(match("{ $.n > 100 && $.a.b = \"xyz\" || $.t IS FALSE }", message));
    assert_true(match("{ $.l[0] = 1 }", message));
    assert_true(match("{ $.l[1].k = v }", message));
    assert_true(match("{ $.l[*].k = \"v\" }", message));
    assert_true(match("{ $.l[0] EXISTS }", message));
    assert_true(match("{ $.l[9] NOT EXISTS }", message));
    assert_true(match("{ $.z IS NULL }", message));
    assert_false(match("{ $.n IS NULL }", message));
    assert_true(match("{ $['odd key'] = \"o\" }", message));
    assert_true(match("{ $.text = 12 }", message));
    assert_false(match("{ $.n = 5 }", "no json"));
    assert_true(refused("{ $.n > \"x\" }"));
    assert_true(refused("{ $.n = 5"));
    assert_true(refused("{ n = 5 }"));
    assert_true(refused("{ $.n }"));
    assert_true(refused("{ ($.n = 5 }"));
    assert_true(refused("{ $.n = 5 } tail"));
}

static void test_fields(void **state)
{
    const char *message = "127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] \"GET /index.html HTTP/1.0\" 404 1534";
    assert_true(match("[ip, id, user, timestamp, request, status_code, bytes]", message));
    assert_true(match("[ip, id, user, timestamp, request = *html*, status_code = 4*, bytes > 1000]", message));
    assert_false(match("[ip, id, user, timestamp, request, status_code = 5*, bytes]", message));
    assert_false(match("[ip, id, user]", message));
    assert_true(match("[..., status_code = 404, bytes]", message));
    assert_true(match("[ip, ..., bytes < 2000]", message));
    assert_true(match("[ip=%127\\.0\\.0\\.[0-9]%, ...]", message));
    assert_true(match("[w1 = ERROR || w1 = 127*, ...]", message));
    assert_false(match("[w1 = ERROR && w1 = 127*, ...]", message));
    assert_true(match("[w1 != ERROR, ...]", message));
    assert_true(refused("[a, b"));
    assert_true(refused("[..., ...]"));
    assert_true(refused("[a > x]"));
}

static void test_extract(void **state)
{
    struct pattern *pattern;
    slice why;
    struct pair_list values = {0};
    assert_int_equal(pattern_parse(arena, S("[ip, ..., bytes]"), &pattern, &why), 0);
    pattern_extract(arena, pattern, S("1.2.3.4 x y 99"), &values);
    assert_true(slice_eq(pair_get(&values, S("$ip")), S("1.2.3.4")));
    assert_true(slice_eq(pair_get(&values, S("$bytes")), S("99")));
    values = (struct pair_list){0};
    assert_int_equal(pattern_parse(arena, S("{ $.a.b = 1 || $.c = x }"), &pattern, &why), 0);
    pattern_extract(arena, pattern, S("{\"a\": {\"b\": 1}, \"c\": \"x\"}"), &values);
    assert_true(slice_eq(pair_get(&values, S("$.a.b")), S("1")));
    assert_true(slice_eq(pair_get(&values, S("$.c")), S("x")));
}

static int setup(void **state)
{
    arena = arena_open();
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
        cmocka_unit_test_setup_teardown(test_terms, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(test_extract, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
