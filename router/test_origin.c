/* Tests of origin: whose requests are taken, by the headers that browsers send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/err.h"
#include "router/http1.h"
#include "router/origin.h"

static struct arena *arena;
static struct http1_request request;

static int set_up(void **state)
{
    (void)state;
    arena = arena_open();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_close(arena);
    return 0;
}

static struct origin_rules rules_of(const char *origins, const char *hosts)
{
    struct origin_rules rules;
    slice why = S("");
    if (origin_read_rules(arena, slice_of(origins), slice_of(hosts), S("127.0.0.1"), &rules, &why) != 0)
        fail_msg("%.*s", SLICE_ARG(why));
    return rules;
}

/* headers: "Name: value\r\n" lines. */
static enum origin_verdict judge(const struct origin_rules *rules, const char *method, const char *headers)
{
    slice text = arena_printf(arena, "%s / HTTP/1.1\r\n%s\r\n", method, headers);
    assert_int_equal(http1_parse(text, &request), 0);
    return origin_judge(arena, rules, &request);
}

static const struct {
    const char *host;
    enum origin_verdict verdict;
} hosts[] = {
    {"", ORIGIN_FINE},
    {"localhost", ORIGIN_FINE},
    {"localhost:4566", ORIGIN_FINE},
    {"LocalHost.:4566", ORIGIN_FINE},
    {"127.0.0.1:4566", ORIGIN_FINE},
    {"127.1", ORIGIN_FINE},
    {"0x7f.0.0.0x1", ORIGIN_FINE},
    {"192.168.1.5:4566", ORIGIN_FINE},
    {"[::1]:4566", ORIGIN_FINE},
    {"[fe80::1:2]", ORIGIN_FINE},
    {"::1", ORIGIN_FINE},
    {"awssim:4566", ORIGIN_FINE},
    {"my_service", ORIGIN_FINE},
    {"bucket.localhost:4566", ORIGIN_FINE},
    {"host.docker.internal:4566", ORIGIN_FINE},
    {"box.local", ORIGIN_FINE},
    {"localhost.localstack.cloud:4566", ORIGIN_FINE},
    {"b.s3.localhost.localstack.cloud", ORIGIN_FINE},
    {"B.S3.US-EAST-1.AMAZONAWS.COM", ORIGIN_FINE},
    {"123456789012.dkr.ecr.us-east-1.amazonaws.com:4566", ORIGIN_FINE},
    {"id.lambda-url.us-east-1.on.aws", ORIGIN_FINE},
    {"ecs.us-east-1.api.aws", ORIGIN_FINE},
    {"evil.example", ORIGIN_FOREIGN_HOST},
    {"evil.example:4566", ORIGIN_FOREIGN_HOST},
    {"evil.example.", ORIGIN_FOREIGN_HOST},
    {"localhost.evil.example", ORIGIN_FOREIGN_HOST},
    {"127.0.0.1.evil.example", ORIGIN_FOREIGN_HOST},
    {"localhost:4566.evil.example", ORIGIN_FOREIGN_HOST},
    {"127.0.0.1:80.evil.example", ORIGIN_FOREIGN_HOST},
    {"evillocalhost.localstack.cloud", ORIGIN_FOREIGN_HOST},
    {"localstack.cloud", ORIGIN_FOREIGN_HOST},
    {"xamazonaws.com", ORIGIN_FOREIGN_HOST},
    {"amazonaws.com.evil.example", ORIGIN_FOREIGN_HOST},
    {"id.lambda-url.us-east-1.evil.example", ORIGIN_FOREIGN_HOST},
    {"bucket.s3-website.us-east-1.evil.example", ORIGIN_FOREIGN_HOST},
    {"[::1].evil.example", ORIGIN_FOREIGN_HOST},
    {"[evil.example]", ORIGIN_FOREIGN_HOST},
    {"evil.example%00.localhost", ORIGIN_FOREIGN_HOST},
    {"evil.example,localhost", ORIGIN_FOREIGN_HOST},
    {"xn--lcalhost-0za.example", ORIGIN_FOREIGN_HOST},
    {".localhost", ORIGIN_FOREIGN_HOST},
    {"evil.0x", ORIGIN_FOREIGN_HOST},
};

static void test_hosts(void **state)
{
    (void)state;
    struct origin_rules rules = rules_of("", "");
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        slice line = arena_printf(arena, "Host: %s\r\n", hosts[i].host);
        if (judge(&rules, "GET", line.ptr) != hosts[i].verdict)
            fail_msg("host '%s': %d", hosts[i].host, (int)hosts[i].verdict);
    }
}

static const struct {
    const char *origin;
    enum origin_verdict verdict;
} origins[] = {
    {"http://localhost", ORIGIN_FINE},
    {"http://localhost:3000", ORIGIN_FINE},
    {"HTTPS://LOCALHOST:3000", ORIGIN_FINE},
    {"http://app.localhost:3000", ORIGIN_FINE},
    {"http://127.0.0.1:8080", ORIGIN_FINE},
    {"http://127.9.9.9", ORIGIN_FINE},
    {"http://0.0.0.0:3000", ORIGIN_FINE},
    {"http://[::1]:3000", ORIGIN_FINE},
    {"http://[::ffff:127.0.0.1]", ORIGIN_FINE},
    {"http://b.s3.localhost.localstack.cloud:4566", ORIGIN_FINE},
    {"http://frontend:3000", ORIGIN_FINE},
    {"http://192.168.1.5:4566", ORIGIN_FINE}, /* awssim's own */
    {"http://192.168.1.5:3000", ORIGIN_FOREIGN_PAGE},
    {"http://192.168.1.5", ORIGIN_FOREIGN_PAGE},
    {"https://evil.example", ORIGIN_FOREIGN_PAGE},
    {"null", ORIGIN_FOREIGN_PAGE},
    {"", ORIGIN_FOREIGN_PAGE},
    {"*", ORIGIN_FOREIGN_PAGE},
    {"localhost", ORIGIN_FOREIGN_PAGE},
    {"file://", ORIGIN_FOREIGN_PAGE},
    {"file://localhost", ORIGIN_FOREIGN_PAGE},
    {"chrome-extension://abcdef", ORIGIN_FOREIGN_PAGE},
    {"http://localhost@evil.example", ORIGIN_FOREIGN_PAGE},
    {"http://localhost:80@evil.example", ORIGIN_FOREIGN_PAGE},
    {"http://localhost.evil.example", ORIGIN_FOREIGN_PAGE},
    {"http://localhost:3000.evil.example", ORIGIN_FOREIGN_PAGE},
    {"http://127.0.0.1.evil.example", ORIGIN_FOREIGN_PAGE},
    {"http://evil.example http://localhost", ORIGIN_FOREIGN_PAGE},
    {"http://localhost http://evil.example", ORIGIN_FOREIGN_PAGE},
    {"http://128.0.0.1", ORIGIN_FOREIGN_PAGE},
    {"http://evil.s3.amazonaws.com", ORIGIN_FOREIGN_PAGE},
    {"http://[fe80::1]", ORIGIN_FOREIGN_PAGE},
};

static void test_origins(void **state)
{
    (void)state;
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "OPTIONS"};
    struct origin_rules rules = rules_of("", "");
    for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
        slice lines = arena_printf(arena, "Host: 192.168.1.5:4566\r\nOrigin: %s\r\n", origins[i].origin);
        for (size_t k = 0; k < sizeof methods / sizeof methods[0]; k++)
            if (judge(&rules, methods[k], lines.ptr) != origins[i].verdict)
                fail_msg("%s from '%s'", methods[k], origins[i].origin);
    }
}

#define HERE "Host: localhost:4566\r\n"
#define LAN "Host: 192.168.1.5:4566\r\n"
#define BROWSER "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"

/* What comes without Origin: images, links, forms of old browsers, and every program. */
static const struct {
    const char *method;
    const char *headers;
    enum origin_verdict verdict;
} embedded[] = {
    {"GET", HERE, ORIGIN_FINE},
    {"POST", HERE, ORIGIN_FINE},
    {"POST", HERE "User-Agent: aws-cli/2\r\n", ORIGIN_FINE},
    {"GET", HERE "Sec-Fetch-Site: none\r\n", ORIGIN_FINE},
    {"GET", HERE "Sec-Fetch-Site: same-origin\r\n", ORIGIN_FINE},
    {"GET", HERE "Sec-Fetch-Site: same-site\r\n", ORIGIN_FINE},
    {"GET", "Host: b.localhost\r\nSec-Fetch-Site: same-site\r\n", ORIGIN_FINE},
    {"GET", "Host: a.amazonaws.com\r\nSec-Fetch-Site: same-site\r\n", ORIGIN_FOREIGN_PAGE},
    {"GET", HERE "Sec-Fetch-Site: cross-site\r\n", ORIGIN_FOREIGN_PAGE},
    {"GET", HERE "sec-fetch-site: Cross-Site\r\nSec-Fetch-Mode: navigate\r\n", ORIGIN_FOREIGN_PAGE},
    {"HEAD", HERE "Sec-Fetch-Site: cross-site\r\n", ORIGIN_FOREIGN_PAGE},
    {"POST", HERE "Sec-Fetch-Site: cross-site\r\n", ORIGIN_FOREIGN_PAGE},
    {"OPTIONS", HERE "Sec-Fetch-Site: cross-site\r\n", ORIGIN_FOREIGN_PAGE},
    {"GET", HERE "Sec-Fetch-Site: whatever\r\n", ORIGIN_FOREIGN_PAGE},
    {"GET", HERE "Sec-Fetch-Site: cross-site\r\nReferer: https://evil.example/x\r\n", ORIGIN_FOREIGN_PAGE},
    {"GET", HERE "Sec-Fetch-Site: cross-site\r\nReferer: http://127.0.0.1:3000/x?y\r\n", ORIGIN_IF_READ},
    {"POST", HERE "Sec-Fetch-Site: cross-site\r\nReferer: http://127.0.0.1:3000/\r\n", ORIGIN_FOREIGN_PAGE},
    {"GET", HERE "Sec-Fetch-Site: cross-site\r\nReferer: http://localhost@evil.example/\r\n", ORIGIN_FOREIGN_PAGE},
    /* Where an address is not surely this machine's, browsers leave Sec-Fetch-Site out. */
    {"GET", LAN BROWSER, ORIGIN_IF_READ},
    {"HEAD", "Host: 0.0.0.0:4566\r\n" BROWSER, ORIGIN_IF_READ},
    {"GET", LAN BROWSER "Referer: https://evil.example/\r\n", ORIGIN_FOREIGN_PAGE},
    {"GET", LAN BROWSER "Referer: http://192.168.1.5:4566/site/\r\n", ORIGIN_IF_READ},
    {"POST", LAN BROWSER, ORIGIN_FINE}, /* browsers name the origin of what they post */
    /* A page that is told apart by its Origin needs nothing else. */
    {"POST", HERE "Origin: http://127.0.0.1:3000\r\nSec-Fetch-Site: cross-site\r\n", ORIGIN_FINE},
    {"POST", HERE "Origin: https://evil.example\r\nSec-Fetch-Site: same-origin\r\n", ORIGIN_FOREIGN_PAGE},
    {"POST", "Host: evil.example\r\nOrigin: http://evil.example\r\nSec-Fetch-Site: same-origin\r\n",
     ORIGIN_FOREIGN_HOST},
};

static void test_embedded(void **state)
{
    (void)state;
    struct origin_rules rules = rules_of("", "");
    for (size_t i = 0; i < sizeof embedded / sizeof embedded[0]; i++) {
        enum origin_verdict got = judge(&rules, embedded[i].method, embedded[i].headers);
        if (got != embedded[i].verdict)
            fail_msg("%s %s: %d", embedded[i].method, embedded[i].headers, (int)got);
    }
}

static enum origin_verdict judge_text(const struct origin_rules *rules, const char *text)
{
    assert_int_equal(http1_parse(slice_of(text), &request), 0);
    return origin_judge(arena, rules, &request);
}

static void test_targets(void **state)
{
    (void)state;
    struct origin_rules rules = rules_of("", "");
    assert_int_equal(judge_text(&rules, "GET / HTTP/1.0\r\n\r\n"), ORIGIN_FINE);
    assert_int_equal(judge_text(&rules, "GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n"), ORIGIN_FOREIGN_HOST);
    assert_int_equal(judge_text(&rules, "GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n"), ORIGIN_FINE);
    assert_int_equal(judge_text(&rules, "GET http://localhost/ HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
                     ORIGIN_FOREIGN_HOST);
    assert_int_equal(judge_text(&rules, "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n"),
                     ORIGIN_FOREIGN_HOST);
}

static enum origin_verdict judge_origin(const char *allowed, const char *origin)
{
    struct origin_rules rules = rules_of(allowed, "");
    return judge(&rules, "POST", arena_printf(arena, HERE "Origin: %s\r\n", origin).ptr);
}

static void test_allowed_origins(void **state)
{
    (void)state;
    assert_int_equal(judge_origin("https://app.example", "https://app.example"), ORIGIN_FINE);
    assert_int_equal(judge_origin("https://APP.example:443/", "https://app.example"), ORIGIN_FINE);
    assert_int_equal(judge_origin("https://app.example", "http://app.example"), ORIGIN_FOREIGN_PAGE);
    assert_int_equal(judge_origin("https://app.example", "https://app.example:8443"), ORIGIN_FOREIGN_PAGE);
    assert_int_equal(judge_origin("https://app.example", "https://app.example.evil.example"), ORIGIN_FOREIGN_PAGE);
    assert_int_equal(judge_origin("a.example, app.example", "http://app.example:8080"), ORIGIN_FINE);
    assert_int_equal(judge_origin("app.example", "https://x.app.example"), ORIGIN_FOREIGN_PAGE);
    assert_int_equal(judge_origin("https://*.example", "https://x.app.example"), ORIGIN_FINE);
    assert_int_equal(judge_origin("https://*.example", "https://evil.test/.example"), ORIGIN_FOREIGN_PAGE);
    assert_int_equal(judge_origin("*.example", "https://a@b.example"), ORIGIN_FOREIGN_PAGE);
    assert_int_equal(judge_origin("http://app.example:*", "http://app.example:1"), ORIGIN_FINE);
    assert_int_equal(judge_origin("chrome-extension://*", "chrome-extension://abc"), ORIGIN_FINE);
    assert_int_equal(judge_origin("null", "null"), ORIGIN_FINE);
    assert_int_equal(judge_origin("*", "null"), ORIGIN_FINE);
    assert_int_equal(judge_origin("*", "https://evil.example"), ORIGIN_FINE);
    struct origin_rules rules = rules_of("https://app.example", "");
    assert_int_equal(judge(&rules, "GET", HERE "Sec-Fetch-Site: cross-site\r\nReferer: https://app.example/x\r\n"),
                     ORIGIN_IF_READ);
}

static enum origin_verdict judge_host(const char *allowed, const char *host)
{
    struct origin_rules rules = rules_of("", allowed);
    return judge(&rules, "POST", arena_printf(arena, "Host: %s\r\n", host).ptr);
}

static void test_allowed_hosts(void **state)
{
    (void)state;
    assert_int_equal(judge_host("aws.example", "AWS.example.:443"), ORIGIN_FINE);
    assert_int_equal(judge_host("aws.example", "x.aws.example"), ORIGIN_FOREIGN_HOST);
    assert_int_equal(judge_host("x.example,.aws.Example", "b.s3.aws.example"), ORIGIN_FINE);
    assert_int_equal(judge_host(".aws.example", "aws.example"), ORIGIN_FOREIGN_HOST);
    assert_int_equal(judge_host("*.aws.example", "b.aws.example"), ORIGIN_FINE);
    assert_int_equal(judge_host("*", "evil.example"), ORIGIN_FINE);
    struct origin_rules rules = rules_of("", "");
    rules.own_host = S("box.example");
    assert_int_equal(judge(&rules, "GET", "Host: box.example:4566\r\n"), ORIGIN_FINE);
}

static void test_wrong_options(void **state)
{
    (void)state;
    static const char *const wrong_origins[] = {"https://a/b", "a,,b", "a b", "https://", "app.example:80"};
    static const char *const wrong_hosts[] = {"a.example:4566", "http://a", "a,,b", "a/b", "a b"};
    struct origin_rules rules;
    slice why = S("");
    for (size_t i = 0; i < sizeof wrong_origins / sizeof wrong_origins[0]; i++)
        assert_int_equal(origin_read_rules(arena, slice_of(wrong_origins[i]), S(""), S(""), &rules, &why), BAD_INPUT);
    assert_true(slice_starts(why, S("--allow-origin takes ")));
    for (size_t i = 0; i < sizeof wrong_hosts / sizeof wrong_hosts[0]; i++)
        assert_int_equal(origin_read_rules(arena, S(""), slice_of(wrong_hosts[i]), S(""), &rules, &why), BAD_INPUT);
    assert_true(slice_starts(why, S("--allow-host takes ")));
}

static void assert_refusal(const char *headers, const char *part)
{
    struct origin_rules rules = rules_of("", "");
    enum origin_verdict verdict = judge(&rules, "GET", headers);
    slice text = origin_refusal(arena, verdict, &request);
    if (slice_find(text, slice_of(part)) < 0)
        fail_msg("'%.*s' does not say '%s'", SLICE_ARG(text), part);
}

static void test_refusals(void **state)
{
    (void)state;
    assert_refusal("Host: evil.example:4566\r\n", "--allow-host evil.example ");
    assert_refusal(HERE "Origin: https://evil.example:8443\r\n", "--allow-origin https://evil.example:8443 ");
    assert_refusal(HERE "Origin: null\r\n", "--allow-origin null ");
    assert_refusal(HERE "Sec-Fetch-Site: cross-site\r\n", "--allow-origin");
    assert_refusal(HERE "Sec-Fetch-Site: cross-site\r\nReferer: https://evil.example/a/b\r\n",
                   "--allow-origin https://evil.example ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),           cmocka_unit_test(test_origins),
        cmocka_unit_test(test_embedded),        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_allowed_origins), cmocka_unit_test(test_allowed_hosts),
        cmocka_unit_test(test_wrong_options),   cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
