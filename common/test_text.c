/* Tests of slice, arena, buf, list, map, glob, base64, uri, page, xml, hash, ids, time. */
#include "common/arena.h"
#include "common/base64.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/glob.h"
#include "common/hash.h"
#include "common/ids.h"
#include "common/list.h"
#include "common/map.h"
#include "common/page.h"
#include "common/time.h"
#include "common/uri.h"
#include "common/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena *arena;

#define assert_slice(actual, expected) assert_true(slice_eq((actual), (expected)))

static void test_slice(void **state)
{
    slice head, tail;
    int64_t n;
    double d;
    assert_true(slice_cut(S("a=b=c"), '=', &head, &tail));
    assert_slice(head, S("a"));
    assert_slice(tail, S("b=c"));
    assert_false(slice_cut(S("abc"), '=', &head, &tail));
    assert_null(tail.ptr);
    assert_slice(slice_sub(S("abc"), 1, 99), S("bc"));
    assert_slice(slice_sub(S("abc"), 5, 2), S(""));
    assert_slice(slice_trim(S(" \t x y\r\n")), S("x y"));
    assert_true(slice_cmp(S("a"), S("ab")) < 0 && slice_cmp(S("b"), S("ab")) > 0 && slice_cmp(S("a"), S("a")) == 0);
    assert_int_equal(slice_find(S("hello"), S("ll")), 2);
    assert_int_equal(slice_find(S("hello"), S("z")), -1);
    assert_true(slice_eq_nocase(S("Host"), S("hOST")) && !slice_eq_nocase(S("a"), S("b")));
    assert_true(slice_to_int64(S("-9223372036854775808"), &n) && n == INT64_MIN);
    assert_true(slice_to_int64(S("9223372036854775807"), &n) && n == INT64_MAX);
    assert_false(slice_to_int64(S("9223372036854775808"), &n));
    assert_false(slice_to_int64(S(""), &n) || slice_to_int64(S("-"), &n) || slice_to_int64(S("1x"), &n));
    assert_true(slice_to_double(S("-1.5e3"), &d) && d == -1500);
    assert_false(slice_to_double(S("0x1"), &d) || slice_to_double(S("nan"), &d) || slice_to_double(S("1 "), &d));
    assert_null(slice_cstr(arena, S("a\0b")));
    assert_string_equal(slice_cstr(arena, S("ab")), "ab");
}

static void test_utf8(void **state)
{
    assert_true(slice_is_utf8(S("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")));
    assert_int_equal(slice_utf8_len(S("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")), 4);
    assert_false(slice_is_utf8(S("\xc0\x80")) || slice_is_utf8(S("\xed\xa0\x80")) ||
                 slice_is_utf8(S("\xf4\x90\x80\x80")));
    assert_false(slice_is_utf8(S("\xe2\x82")) || slice_is_utf8(S("\x80")) || slice_is_utf8(S("\xff")));
    /* Long ones, with one byte that is wrong, or a character, anywhere. */
    for (size_t i = 0; i < 40; i++) {
        char text[] = "forty ASCII letters, which come by eights.";
        text[i] = (char)0xc3;
        assert_false(slice_is_utf8(slice_of(text)));
        text[i + 1] = (char)0xa4;
        assert_true(slice_is_utf8(slice_of(text)));
        assert_false(slice_is_utf8((slice){text, i + 1}));
    }
}

static void test_arena(void **state)
{
    char *p = arena_alloc(arena, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    memset(p, 1, 100);
    p = arena_grow(arena, p, 100, 100000);
    assert_true(p[99] == 1 && p[100] == 0 && p[99999] == 0);
    arena_reset(arena);
    p = arena_alloc(arena, 50000);
    for (int i = 0; i < 50000; i++)
        assert_int_equal(p[i], 0);
    assert_slice(arena_printf(arena, "%d-%s", 5, "x"), S("5-x"));
    assert_slice(arena_concat(arena, S("a"), S("")), S("a"));
    assert_non_null(arena_alloc(arena, 0));
}

static void test_buf_and_list(void **state)
{
    struct buf heap = {0};
    for (int i = 0; i < 1000; i++)
        buf_add_int(&heap, i % 10);
    buf_add(&heap, S("end"));
    buf_consume(&heap, 998);
    assert_slice(buf_slice(&heap), S("89end"));
    buf_clear(&heap);
    buf_add_int(&heap, INT64_MIN);
    buf_printf(&heap, "|%05d", 42);
    assert_slice(buf_slice(&heap), S("-9223372036854775808|00042"));
    buf_deinit(&heap);
    struct pair_list pairs = {0};
    for (int i = 0; i < 100; i++)
        *list_add(arena, &pairs) = (struct pair){arena_printf(arena, "k%d", i), arena_printf(arena, "v%d", i)};
    assert_slice(pair_get(&pairs, S("k77")), S("v77"));
    assert_null(pair_get(&pairs, S("none")).ptr);
    size_t n = 0;
    list_foreach (pair, &pairs)
        n += pair->key.len > 0;
    assert_int_equal(n, 100);
}

static void test_map(void **state)
{
    struct map *map = map_open();
    static char values[1000];
    for (int i = 0; i < 1000; i++)
        assert_null(map_set(map, arena_printf(arena, "key%d", i), &values[i]));
    for (int i = 0; i < 1000; i += 2)
        assert_ptr_equal(map_remove(map, arena_printf(arena, "key%d", i)), &values[i]);
    for (int i = 0; i < 1000; i++)
        assert_ptr_equal(map_get(map, arena_printf(arena, "key%d", i)), i % 2 ? &values[i] : NULL);
    assert_int_equal(map_len(map), 500);
    size_t position = 0, n = 0;
    slice key;
    void *value;
    while (map_next(map, &position, &key, &value))
        n++;
    assert_int_equal(n, 500);
    assert_ptr_equal(map_set(map, S("key1"), &values[0]), &values[1]);
    map_close(map);
}

static void test_encodings(void **state)
{
    slice out, key;
    struct pair_list form = {0};
    assert_true(glob_match(S("a*c?e"), S("abbbcde")) && glob_match(S("*"), S("")) && !glob_match(S("a?"), S("a")));
    assert_slice(base64_encode(arena, S("a\0b\xff")), S("YQBi/w=="));
    assert_int_equal(base64_decode(arena, S("YQBi/w=="), &out), 0);
    assert_slice(out, S("a\0b\xff"));
    assert_int_equal(base64_decode(arena, S("YQ"), &out), 0);
    assert_int_equal(base64_decode(arena, S("YQ=a"), &out), BAD_INPUT);
    assert_int_equal(base64_decode(arena, S("Y Q="), &out), BAD_INPUT);
    assert_int_equal(base64_decode(arena, S("YR=="), &out), BAD_INPUT);
    assert_int_equal(uri_decode(arena, S("a%2Fb+c"), true, &out), 0);
    assert_slice(out, S("a/b c"));
    assert_int_equal(uri_decode(arena, S("a%2"), false, &out), BAD_INPUT);
    assert_int_equal(uri_decode(arena, S("a%zz"), false, &out), BAD_INPUT);
    assert_int_equal(uri_decode(arena, S("%41"), false, &out), 0);
    assert_slice(out, S("A"));
    assert_slice(uri_encode(arena, S("a/b ~\xc3"), true), S("a/b%20~%C3"));
    assert_int_equal(uri_parse_form(arena, S("a=1&b=&&c&d=x%3Dy"), &form), 0);
    assert_int_equal(form.len, 4);
    assert_slice(pair_get(&form, S("d")), S("x=y"));
    assert_slice(pair_get(&form, S("c")), S(""));
    slice token = page_token(arena, S("ListX"), S("a:b"));
    assert_int_equal(page_key(arena, S("ListX"), token, &key), 0);
    assert_slice(key, S("a:b"));
    assert_int_equal(page_key(arena, S("ListY"), token, &key), BAD_INPUT);
    assert_int_equal(page_key(arena, S("ListX"), S("rubbish"), &key), BAD_INPUT);
    assert_int_equal(page_key(arena, S("ListX"), (slice){NULL, 0}, &key), 0);
    struct buf xml;
    buf_init(&xml, arena);
    xml_element(&xml, S("a"), S("<&>\"\r\n\x01"));
    assert_slice(buf_slice(&xml), S("<a>&lt;&amp;&gt;&quot;&#xD;\n\xef\xbf\xbd</a>"));
}

static void test_hash_and_ids(void **state)
{
    assert_slice(hash_sha256_hex(arena, S("abc")),
                 S("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_slice(hash_sha256_hex(arena, S("")), S("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    assert_slice(hash_sha256_hex(arena, S("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
                 S("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
    ids_seed(1);
    slice first = ids_uuid(arena);
    assert_int_equal(first.len, 36);
    assert_int_equal(first.ptr[14], '4');
    ids_seed(1);
    assert_slice(ids_uuid(arena), first);
    assert_int_equal(ids_hex(arena, 5000).len, 5000);
    assert_true(ids_digits(arena, 1).ptr[0] != '0');
}

static void test_time(void **state)
{
    char date[30];
    int64_t ms;
    assert_slice(time_iso8601(arena, 1700000000123, true), S("2023-11-14T22:13:20.123Z"));
    assert_slice(time_iso8601(arena, -1, false), S("1969-12-31T23:59:59Z"));
    time_rfc1123(951782400000, date);
    assert_string_equal(date, "Tue, 29 Feb 2000 00:00:00 GMT");
    assert_true(time_parse(S("2023-11-14T22:13:20.123Z"), &ms) && ms == 1700000000123);
    assert_true(time_parse(S("2023-11-14T23:13:20+01:00"), &ms) && ms == 1700000000000);
    assert_true(time_parse(S("2023-11-14"), &ms) && ms == 1699920000000);
    assert_true(time_parse(S("Tue, 14 Nov 2023 22:13:20 GMT"), &ms) && ms == 1700000000000);
    assert_true(time_parse(S("Tue, 14 Nov 2023 22:13:20 +0000"), &ms) && ms == 1700000000000);
    assert_false(time_parse(S("Tue, 14 Nov 2023 22:13:20 +0100"), &ms));
    assert_true(time_parse(S("1700000000.5"), &ms) && ms == 1700000000500);
    assert_false(time_parse(S("yesterday"), &ms) || time_parse(S("2023-13-14"), &ms) || time_parse(S(""), &ms));
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
        cmocka_unit_test_setup_teardown(test_slice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_utf8, setup, teardown),
        cmocka_unit_test_setup_teardown(test_arena, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buf_and_list, setup, teardown),
        cmocka_unit_test_setup_teardown(test_map, setup, teardown),
        cmocka_unit_test_setup_teardown(test_encodings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hash_and_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
