/* Tests of json: reading, refusing, writing. */
#include "common/json.h"

#include "common/arena.h"
#include "common/err.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena *arena;

static bool round_trips(slice text)
{
    struct val value;
    slice why;
    return json_parse(arena, text, &value, &why) == 0 && slice_eq(json_text(arena, &value), text);
}

static bool refused(slice text)
{
    struct val value;
    slice why = {0};
    return json_parse(arena, text, &value, &why) == BAD_INPUT && why.len > 0;
}

static void test_round_trip(void **state)
{
    assert_true(round_trips(S("{\"a\":[1,-2,true,false,null,{\"b\":\"x\\ny\"},[]],\"c\":{},\"\":\"\"}")));
    assert_true(round_trips(S("[0.1,1e+300,9223372036854775807,-9223372036854775808]")));
    assert_true(round_trips(S("\"\xc3\xa4\xf0\x9f\x98\x80\"")));
    assert_true(round_trips(S("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]")));
}

static void test_refused(void **state)
{
    char deep[200];
    memset(deep, '[', sizeof(deep));
    assert_true(refused(S("")));
    assert_true(refused(S("{")));
    assert_true(refused(S("{} x")));
    assert_true(refused(S("{\"a\":}")));
    assert_true(refused(S("\"\xff\"")));
    assert_true(refused(S("[1,]")));
    assert_true(refused((slice){deep, sizeof(deep)}));
}

static void test_tree(void **state)
{
    struct val value;
    slice why;
    assert_int_equal(
        json_parse(arena, S("{\"n\":5,\"s\":\"t\",\"b\":true,\"n\":6,\"u\":\"\\u00e4\\u0000\"}"), &value, &why), 0);
    assert_int_equal(val_get_int(&value, S("n"), 0), 6);
    assert_true(slice_eq(val_get_string(&value, S("s")), S("t")));
    assert_true(val_get_bool(&value, S("b"), false));
    assert_true(slice_eq(val_get_string(&value, S("u")), S("\xc3\xa4\0")));
    assert_null(val_get(&value, S("none")));
    assert_null(val_get_string(&value, S("n")).ptr);
}

static void test_writer(void **state)
{
    struct json_writer *w = json_writer_open(arena);
    json_array_begin(w);
    json_double(w, NAN);
    json_double(w, 1.5);
    json_epoch(w, 1700000000120);
    json_epoch(w, 1700000000000);
    json_epoch(w, -500);
    json_string(w, S("a\xff\"\\\x01"));
    json_string(w, (slice){NULL, 0});
    json_array_end(w);
    assert_true(slice_eq(json_writer_close(w),
                         S("[\"NaN\",1.5,1700000000.12,1700000000,-0.5,\"a\xef\xbf\xbd\\\"\\\\\\u0001\",null]")));
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
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tree, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writer, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
