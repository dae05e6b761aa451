/* Tests of DNS messages: bytes in, bytes out; what is no query, and names in and outside of private namespaces. */
#include "services/servicediscovery/test_servicediscovery.h"

#include "common/buf.h"
#include "services/servicediscovery/dns.h"

struct exchange {
    slice query;
    bool udp;
    slice reply;
};

static int run(struct call *c, void *context)
{
    struct exchange *exchange = context;
    slice answered;
    int result = dns_answer(c, exchange->query, exchange->udp, &answered);
    exchange->reply = slice_dup(arena, answered);
    return result;
}

static slice answer_to(slice query, bool udp)
{
    struct exchange exchange = {.query = query, .udp = udp};
    assert_int_equal(worker_run(worker, run, &exchange), 0);
    return exchange.reply;
}

static slice query(const char *name, uint16_t type)
{
    static const char head[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00";
    slice label, rest = slice_of(name);
    struct buf out;
    buf_init(&out, arena);
    buf_add(&out, (slice){head, 12});
    while (rest.ptr) {
        slice_cut(rest, '.', &label, &rest);
        buf_add_char(&out, (char)label.len);
        buf_add(&out, label);
    }
    buf_add(&out, (slice){"\0\0", 2});
    buf_add_char(&out, (char)type);
    buf_add(&out, (slice){"\0\1", 2});
    return buf_slice(&out);
}

static void expect(const char *name, uint16_t type, int rcode, int answers)
{
    slice reply_bytes = answer_to(query(name, type), true);
    const unsigned char *bytes = (const unsigned char *)reply_bytes.ptr;
    assert_true(reply_bytes.len > 12);
    if ((bytes[3] & 15) != rcode || bytes[7] != answers)
        fail_msg("%s %d: rcode %d, %d answers", name, type, bytes[3] & 15, bytes[7]);
}

enum { A = 1, NS = 2, CNAME = 5, SOA = 6, AAAA = 28, SRV = 33, AXFR = 252, ANY = 255 };

static void test_names(void **state)
{
    const char *ns = private_namespace("Some.Local");
    const char *web = service(ns, "web", ", 'DnsConfig': {'DnsRecords': [{'Type': 'A', 'TTL': 5}]}");
    const char *one =
        service(ns, "one", ", 'DnsConfig': {'RoutingPolicy': 'WEIGHTED', 'DnsRecords': [{'Type': 'A', 'TTL': 5}]}");
    const char *alias = service(
        ns, "alias", ", 'DnsConfig': {'RoutingPolicy': 'WEIGHTED', 'DnsRecords': [{'Type': 'CNAME', 'TTL': 5}]}");
    const char *srv = service(ns, "_x._tcp", ", 'DnsConfig': {'DnsRecords': [{'Type': 'SRV', 'TTL': 5}]}");
    expect("web.some.local", A, 3, 0);
    for (int i = 0; i < 3; i++) {
        registered(web, json("i%d", i), "'AWS_INSTANCE_IPV4': '10.0.0.1'");
        registered(one, json("i%d", i), json("'AWS_INSTANCE_IPV4': '10.0.0.%d'", i));
    }
    registered(alias, "i", "'AWS_INSTANCE_CNAME': 'www.example.com'");
    registered(srv, "box.1", "'AWS_INSTANCE_PORT': '80', 'AWS_INSTANCE_IPV6': '2001:db8::1'");
    expect("WEB.some.LOCAL", A, 0, 3);
    expect("web.some.local", ANY, 0, 3);
    expect("web.some.local", AAAA, 0, 0);
    expect("one.some.local", A, 0, 1);
    expect("alias.some.local", A, 0, 1);
    expect("alias.some.local", CNAME, 0, 1);
    expect("_x._tcp.some.local", SRV, 0, 1);
    expect("_tcp.some.local", A, 0, 0);
    expect("box.1._x._tcp.some.local", AAAA, 0, 1);
    expect("box.1._x._tcp.some.local", A, 0, 0);
    expect("box.2._x._tcp.some.local", A, 3, 0);
    expect("some.local", SOA, 0, 1);
    expect("some.local", NS, 0, 1);
    expect("some.local", A, 0, 0);
    expect("local", A, 5, 0);
    expect("web.some.local", AXFR, 5, 0);
}

static void test_rubbish(void **state)
{
    slice good = query("web.some.local", A);
    for (size_t n = 0; n < good.len; n++) {
        slice cut = answer_to(slice_sub(good, 0, n), n % 2 == 0);
        assert_true(n < 12 ? cut.ptr == NULL : (cut.ptr[3] & 15) == 1);
    }
    char *bytes = arena_copy(arena, good.ptr, good.len);
    bytes[2] |= (char)0x80;
    assert_null(answer_to((slice){bytes, good.len}, true).ptr);
    for (uint32_t round = 0; round < 20000; round++) {
        bytes = arena_copy(arena, good.ptr, good.len);
        bytes[2 + round % (good.len - 2)] = (char)(round * 2654435761U >> 13);
        bytes[2 + round * 7 % (good.len - 2)] ^= (char)(round >> 3);
        answer_to((slice){bytes, good.len}, round & 1);
    }
    memset(bytes + 12, '\xc0', good.len - 12);
    answer_to((slice){bytes, good.len}, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {discovery_test(test_names), discovery_test(test_rubbish)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
