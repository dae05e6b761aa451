/* Tests of namespaces, services, operations and tags. */
#include "services/servicediscovery/test_servicediscovery.h"

static int ec2(slice asked, slice operation, slice body, slice *answer)
{
    bool known = slice_find(body, S("vpc-known")) >= 0;
    (void)asked;
    (void)operation;
    *answer = known ? S("{\"Vpcs\": [{\"VpcId\": \"vpc-known\"}]}")
                    : S("{\"__type\": \"InvalidVpcID.NotFound\", \"message\": \"The vpc ID 'x' does not exist\"}");
    return known ? 200 : 400;
}

static void test_operations(void **state)
{
    const char *body = json("{'Name': 'a.local', 'Vpc': 'vpc-1', 'CreatorRequestId': 'r'}");
    const char *operation = cstr(text(ok("CreatePrivateDnsNamespace", body), "OperationId"));
    assert_string_equal(status_of(operation), "SUBMITTED");
    assert_string_equal(cstr(text(ok("CreatePrivateDnsNamespace", body), "OperationId")), operation);
    refused("CreatePrivateDnsNamespace", json("{'Name': 'b.local', 'Vpc': 'vpc-1', 'CreatorRequestId': 'r'}"),
            "DuplicateRequest");
    assert_int_equal(count(ok("ListNamespaces", "{}"), "Namespaces"), 0);
    later(60);
    assert_string_equal(status_of(operation), "PENDING");
    later(60);
    assert_string_equal(status_of(operation), "SUCCESS");
    assert_int_equal(count(ok("ListNamespaces", "{}"), "Namespaces"), 1);
    refused("CreatePrivateDnsNamespace", json("{'Name': 'a.local', 'Vpc': 'vpc-1', 'CreatorRequestId': 's'}"),
            "NamespaceAlreadyExists");
    refused("GetOperation", json("{'OperationId': 'none'}"), "OperationNotFound");
    refused("GetOperation", "{}", "InvalidInput");
    const char *filters = "{'Filters': [{'Name': 'STATUS', 'Values': ['SUCCESS', 'FAIL'], 'Condition': 'IN'}, "
                          "{'Name': 'UPDATE_DATE', 'Values': ['1600000000', '1800000000'], 'Condition': 'BETWEEN'}]}";
    assert_int_equal(count(ok("ListOperations", json("%s", filters)), "Operations"), 1);
    assert_int_equal(count(ok("ListOperations", json("{'Filters': [{'Name': 'TYPE', 'Values': ['UPDATE_SERVICE']}]}")),
                           "Operations"),
                     0);
    refused("ListOperations", json("{'Filters': [{'Name': 'TYPE', 'Values': ['A', 'B']}]}"), "InvalidInput");
    refused("ListOperations", json("{'NextToken': 'x'}"), "InvalidInput");
}

static void test_networks(void **state)
{
    const char *unknown = json("{'Name': 'u', 'Vpc': 'vpc-x'}");
    worker_test_set_answers(worker, ec2);
    worker_test_set_lenient(worker, S("unknown-networks"));
    done(ok("CreatePrivateDnsNamespace", unknown));
    worker_test_set_lenient(worker, S("-unknown-networks"));
    refused("CreatePrivateDnsNamespace", unknown, "InvalidInput");
    done(ok("CreatePrivateDnsNamespace", json("{'Name': 'a', 'Vpc': 'vpc-known'}")));
    refused("CreatePrivateDnsNamespace", json("{'Name': 'arn:x', 'Vpc': 'vpc-known'}"), "InvalidInput");
    worker_test_set_answers(worker, NULL);
    fails("CreatePrivateDnsNamespace", json("{'Name': 'b', 'Vpc': 'vpc-known'}"), 500, "InternalFailure");
}

static void test_namespaces(void **state)
{
    const char *id = private_namespace("x.local");
    done(ok("CreateHttpNamespace", json("{'Name': 'x.local'}")));
    done(ok("CreatePublicDnsNamespace",
            json("{'Name': 'pub.example.com', 'Properties': {'DnsProperties': {'SOA': {'TTL': 60}}}}")));
    refused("CreatePublicDnsNamespace", json("{'Name': 'nodots'}"), "InvalidInput");
    refused("CreateHttpNamespace", "{}", "InvalidInput");
    const struct val *page = ok("ListNamespaces", json("{'MaxResults': 2}"));
    assert_int_equal(count(page, "Namespaces"), 2);
    page = ok("ListNamespaces", json("{'NextToken': '%s'}", cstr(text(page, "NextToken"))));
    assert_int_equal(count(page, "Namespaces"), 1);
    page = ok("ListNamespaces",
              json("{'Filters': [{'Name': 'HTTP_NAME', 'Values': ['x.local-'], 'Condition': 'BEGINS_WITH'}]}"));
    assert_int_equal(count(page, "Namespaces"), 1);
    refused("ListNamespaces", json("{'Filters': [{'Name': 'TYPE', 'Values': ['HTTP'], 'Condition': 'BETWEEN'}]}"),
            "InvalidInput");
    const char *update = json("{'Id': '%s', 'Namespace': {'Description': 'd', 'Properties': {'DnsProperties': {'SOA': "
                              "{'TTL': 99}}}}}",
                              id);
    const struct val *running = ok("UpdatePrivateDnsNamespace", update);
    refused("UpdatePrivateDnsNamespace", update, "DuplicateRequest");
    done(running);
    refused("UpdateHttpNamespace", json("{'Id': '%s', 'Namespace': {'Description': 'd'}}", id), "InvalidInput");
    refused("UpdatePublicDnsNamespace", json("{'Id': 'ns-none', 'Namespace': {}}"), "NamespaceNotFound");
    const struct val *ns = val_get(ok("GetNamespace", json("{'Id': '%s'}", id)), S("Namespace"));
    assert_text(ns, "Description", "d");
    const struct val *dns = val_get(val_get(ns, S("Properties")), S("DnsProperties"));
    assert_int_equal(number(val_get(dns, S("SOA")), "TTL"), 99);
    const char *srv = service(id, "s", "");
    refused("DeleteNamespace", json("{'Id': '%s'}", id), "ResourceInUse");
    ok("DeleteService", json("{'Id': '%s'}", srv));
    done(ok("DeleteNamespace", json("{'Id': '%s'}", id)));
    refused("GetNamespace", json("{'Id': '%s'}", id), "NamespaceNotFound");
    refused("DeleteNamespace", json("{'Id': '%s'}", id), "NamespaceNotFound");
}

static void test_at_once(void **state)
{
    worker_test_set_lenient(worker, S("-operations-at-once"));
    const struct val *made = ok("CreateHttpNamespace", json("{'Name': 'a'}"));
    assert_string_equal(status_of(cstr(text(made, "OperationId"))), "SUBMITTED");
    assert_int_equal(count(ok("ListNamespaces", "{}"), "Namespaces"), 0);
    worker_test_set_lenient(worker, S("operations-at-once"));
    made = ok("CreateHttpNamespace", json("{'Name': 'b'}"));
    assert_string_equal(status_of(cstr(text(made, "OperationId"))), "SUCCESS");
    assert_int_equal(count(ok("ListNamespaces", "{}"), "Namespaces"), 1);
}

static void test_in_use(void **state)
{
    const char *id = private_namespace("x.local"), *srv = service(id, "s", "");
    done(ok("RegisterInstance", json("{'ServiceId': '%s', 'InstanceId': 'i', 'Attributes': {'a': 'b'}}", srv)));
    worker_test_set_lenient(worker, S("-namespace-in-use"));
    refused("DeleteNamespace", json("{'Id': '%s'}", id), "ResourceInUse");
    worker_test_set_lenient(worker, S("namespace-in-use"));
    done(ok("DeleteNamespace", json("{'Id': '%s'}", id)));
    refused("GetService", json("{'Id': '%s'}", srv), "ServiceNotFound");
}

static void test_services(void **state)
{
    const char *ns = private_namespace("x.local");
    static const char *const bad[] = {
        "'DnsConfig': {'DnsRecords': [{'Type': 'A', 'TTL': 1}, {'Type': 'SRV', 'TTL': 1}]}",
        "'DnsConfig': {'DnsRecords': [{'Type': 'A', 'TTL': 1}, {'Type': 'A', 'TTL': 1}]}",
        "'DnsConfig': {'DnsRecords': [{'Type': 'CNAME', 'TTL': 1}]}",
        "'HealthCheckConfig': {'Type': 'HTTP'}",
        "'HealthCheckConfig': {'Type': 'HTTP'}, 'HealthCheckCustomConfig': {}",
        "'DnsConfig': {'DnsRecords': [{'Type': 'A', 'TTL': 1}]}, 'Type': 'HTTP'",
        "'DnsConfig': {'DnsRecords': [{'Type': 'MX', 'TTL': 1}]}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        refused("CreateService", json("{'Name': 'b', 'NamespaceId': '%s', %s}", ns, bad[i]), "InvalidInput");
    refused("CreateService", json("{'Name': 'b', 'NamespaceId': 'ns-none'}"), "NamespaceNotFound");
    refused("CreateService", json("{'Name': '-bad-', 'NamespaceId': '%s'}", ns), "InvalidInput");
    const char *id =
        service(ns, "web", ", 'DnsConfig': {'DnsRecords': [{'Type': 'A', 'TTL': 5}, {'Type': 'AAAA', 'TTL': 5}]}");
    refused("CreateService", json("{'Name': 'WEB', 'NamespaceId': '%s'}", ns), "ServiceAlreadyExists");
    refused("UpdateService",
            json("{'Id': '%s', 'Service': {'DnsConfig': {'DnsRecords': [{'Type': 'SRV', 'TTL': 9}]}}}", id),
            "InvalidInput");
    done(ok("UpdateService",
            json("{'Id': '%s', 'Service': {'DnsConfig': {'DnsRecords': [{'Type': 'A', 'TTL': 9}]}}}", id)));
    const struct val *seen = val_get(ok("GetService", json("{'Id': '%s'}", id)), S("Service"));
    assert_int_equal(number(item(val_get(seen, S("DnsConfig")), "DnsRecords", 0), "TTL"), 9);
    refused("UpdateService", json("{'Id': 'srv-none', 'Service': {}}"), "ServiceNotFound");
    service(ns, "two", "");
    const char *list = json("{'MaxResults': 1, 'Filters': [{'Name': 'NAMESPACE_ID', 'Values': ['%s']}]}", ns);
    const struct val *page = ok("ListServices", list);
    assert_int_equal(count(page, "Services"), 1);
    assert_true(text(page, "NextToken").len > 0);
    refused("ListServices", json("{'Filters': [{'Name': 'NAMESPACE_ID', 'Values': ['a'], 'Condition': 'IN'}]}"),
            "InvalidInput");
    refused("GetService", json("{'Id': 'arn:aws:servicediscovery:us-east-1:999999999999:service/%s'}", id),
            "ServiceNotFound");
    ok("DeleteService", json("{'Id': 'arn:aws:servicediscovery:us-east-1:123456789012:service/%s'}", id));
    refused("DeleteService", json("{'Id': '%s'}", id), "ServiceNotFound");
}

static void test_attributes_and_tags(void **state)
{
    const char *id = service(private_namespace("x.local"), "web", ", 'Tags': [{'Key': 'a', 'Value': '1'}]");
    const char *arn = json("arn:aws:servicediscovery:us-east-1:123456789012:service/%s", id);
    ok("UpdateServiceAttributes", json("{'ServiceId': '%s', 'Attributes': {'k': 'v', 'l': 'w'}}", id));
    ok("DeleteServiceAttributes", json("{'ServiceId': '%s', 'Attributes': ['k']}", id));
    const struct val *seen =
        val_get(ok("GetServiceAttributes", json("{'ServiceId': '%s'}", arn)), S("ServiceAttributes"));
    assert_text(val_get(seen, S("Attributes")), "l", "w");
    assert_null(val_get(val_get(seen, S("Attributes")), S("k")));
    refused("GetServiceAttributes", json("{'ServiceId': 'x'}"), "ServiceNotFound");
    refused("DeleteServiceAttributes", json("{'ServiceId': 'x', 'Attributes': ['k']}"), "ServiceNotFound");
    for (int i = 0; i < 29; i++)
        ok("UpdateServiceAttributes", json("{'ServiceId': '%s', 'Attributes': {'n%d': 'v'}}", id, i));
    refused("UpdateServiceAttributes", json("{'ServiceId': '%s', 'Attributes': {'more': 'v'}}", id),
            "ServiceAttributesLimitExceededException");
    refused("UpdateServiceAttributes", json("{'ServiceId': '%s', 'Attributes': {}}", id), "InvalidInput");
    ok("TagResource", json("{'ResourceARN': '%s', 'Tags': [{'Key': 'b', 'Value': ''}]}", arn));
    ok("UntagResource", json("{'ResourceARN': '%s', 'TagKeys': ['a']}", arn));
    assert_int_equal(count(ok("ListTagsForResource", json("{'ResourceARN': '%s'}", arn)), "Tags"), 1);
    refused("TagResource", json("{'ResourceARN': '%s', 'Tags': [{'Key': 'aws:b', 'Value': ''}]}", arn), "InvalidInput");
    refused("TagResource", json("{'ResourceARN': 'arn:x', 'Tags': []}"), "ResourceNotFoundException");
    refused("UntagResource", json("{'ResourceARN': 'arn:x', 'TagKeys': []}"), "ResourceNotFoundException");
    refused("ListTagsForResource", json("{'ResourceARN': 'arn:x'}"), "ResourceNotFoundException");
    for (int i = 0; i < 49; i++)
        ok("TagResource", json("{'ResourceARN': '%s', 'Tags': [{'Key': 'n%d', 'Value': ''}]}", arn, i));
    refused("TagResource", json("{'ResourceARN': '%s', 'Tags': [{'Key': 'x', 'Value': ''}]}", arn),
            "TooManyTagsException");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        discovery_test(test_operations),
        discovery_test(test_networks),
        discovery_test(test_namespaces),
        discovery_test(test_at_once),
        discovery_test(test_in_use),
        discovery_test(test_services),
        discovery_test(test_attributes_and_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
