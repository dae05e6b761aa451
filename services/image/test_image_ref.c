/* Which image references name this simulator's registry. */
#include "services/image/image_ref.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_ours(void **state)
{
    static const struct {
        const char *text, *account, *region, *repository, *tag, *digest;
    } cases[] = {
        {"localhost:4566/app", NULL, NULL, "app", "latest", NULL},
        {"127.0.0.1:4566/team/app:v1.2", NULL, NULL, "team/app", "v1.2", NULL},
        {"localhost:4566/a-b/c.d/e__f:X", NULL, NULL, "a-b/c.d/e__f", "X", NULL},
        {"localhost:4566/a--b:_x", NULL, NULL, "a--b", "_x", NULL},
        {"localhost:4566/app@" DIGEST, NULL, NULL, "app", NULL, DIGEST},
        {"localhost:4566/app:v1@" DIGEST, NULL, NULL, "app", NULL, DIGEST},
        {"123456789012.dkr.ecr.eu-central-1.amazonaws.com/app", "123456789012", "eu-central-1", "app", "latest", NULL},
        {"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/app:1", "123456789012", "cn-north-1", "app", "1", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct image_ref ref;
        assert_true(image_ref_parse(slice_of(cases[i].text), 4566, &ref));
        assert_true(slice_eq(ref.account, slice_of(cases[i].account)));
        assert_true(slice_eq(ref.region, slice_of(cases[i].region)));
        assert_true(slice_eq(ref.repository, slice_of(cases[i].repository)));
        assert_true(slice_eq(ref.tag, slice_of(cases[i].tag)));
        assert_true(slice_eq(ref.digest, slice_of(cases[i].digest)));
        assert_int_equal(!ref.tag.ptr, !cases[i].tag);
        assert_int_equal(!ref.digest.ptr, !cases[i].digest);
        assert_int_equal(!ref.account.ptr, !cases[i].account);
    }
}

static void test_not_ours(void **state)
{
    static const char *const cases[] = {
        "",
        "busybox",
        "library/busybox:1",
        "docker.io/library/busybox",
        "public.ecr.aws/x/y",
        "localhost/app",
        "localhost:4567/app",
        "localhost:4566",
        "localhost:4566/",
        "localhost:4566/App",
        "localhost:4566/a//b",
        "localhost:4566/../a",
        "localhost:4566/a___b",
        "localhost:4566/a-",
        "localhost:4566/a.-b",
        "localhost:4566/a-_b",
        "localhost:4566/app:",
        "localhost:4566/app:-x",
        "localhost:4566/app:a/b",
        "localhost:4566/app@",
        "localhost:4566/app@sha256:12",
        "localhost:4566/app@md5:12",
        "12345.dkr.ecr.us-east-1.amazonaws.com/app",
        "123456789012.dkr.ecr.us-east-1.example.com/app",
        "123456789012.dkr.ecr.amazonaws.com/app",
        "123456789012.dkr.ecr..amazonaws.com/app",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct image_ref ref;
        if (image_ref_parse(slice_of(cases[i]), 4566, &ref))
            fail_msg("%s is taken for ours", cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ours), cmocka_unit_test(test_not_ours)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
