/* Tests of signature: the examples of AWS's own documentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/hmac.h"
#include "proto/signature.h"

static void test_key(void **state)
{
    static const uint8_t wanted[] = {0xc4, 0xaf, 0xb1, 0xcc, 0x57, 0x71, 0xd8, 0x71, 0x76, 0x3a, 0x39,
                                     0x3e, 0x44, 0xb7, 0x03, 0x57, 0x1b, 0x55, 0xcc, 0x28, 0x42, 0x4d,
                                     0x1a, 0x5e, 0x86, 0xda, 0x6e, 0xd3, 0xc1, 0x54, 0xa4, 0xb9};
    uint8_t key[SIGNATURE_KEY_BYTES];
    (void)state;
    signature_key(S("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), S("20150830"), S("us-east-1"), S("iam"), key);
    assert_memory_equal(key, wanted, sizeof wanted);
}

static void test_v2(void **state)
{
    struct arena *arena = arena_open();
    (void)state;
    slice signature = signature_v2(arena, S("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                                   S("GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/johnsmith/photos/puppy.jpg"));
    assert_true(slice_eq(signature, S("bWq2s1WEIj+Ydj0vQ697zp+IXMU=")));
    arena_close(arena);
}

/* RFC 4231's case 6: a key longer than a block. */
static void test_long_key(void **state)
{
    static const uint8_t wanted[] = {0x60, 0xe4, 0x31, 0x59, 0x1e, 0xe0, 0xb6, 0x7f, 0x0d, 0x8a, 0x26,
                                     0xaa, 0xcb, 0xf5, 0xb7, 0x7f, 0x8e, 0x0b, 0xc6, 0x21, 0x37, 0x28,
                                     0xc5, 0x14, 0x05, 0x46, 0x04, 0x0f, 0x0e, 0xe3, 0x7f, 0x54};
    char key[131];
    uint8_t mac[HMAC_SHA256_BYTES];
    (void)state;
    memset(key, 0xaa, sizeof key);
    hmac_sha256((slice){key, sizeof key}, S("Test Using Larger Than Block-Size Key - Hash Key First"), mac);
    assert_memory_equal(mac, wanted, sizeof wanted);
}

static void test_equal(void **state)
{
    (void)state;
    assert_true(signature_equal(S("abc"), S("abc")));
    assert_false(signature_equal(S("abc"), S("abd")));
    assert_false(signature_equal(S("abc"), S("ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_v2),
        cmocka_unit_test(test_long_key),
        cmocka_unit_test(test_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
