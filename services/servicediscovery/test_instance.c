/* Tests of instances, their health, and finding them by the API. */
#include "services/servicediscovery/test_servicediscovery.h"

#define DNS_A ", 'DnsConfig': {'DnsRecords': [{'Type': 'A', 'TTL': 5}]}"

static void test_attributes(void **state)
{
    const char *ns = private_namespace("x.local");
    static const struct {
        const char *service, *attributes;
    } bad[] = {
        {DNS_A, "'a': 'b'"},
        {DNS_A, "'AWS_INSTANCE_IPV4': '10.0.0.256'"},
        {DNS_A, "'AWS_INSTANCE_IPV4': '10.0.0.1', 'AWS_INIT_HEALTH_STATUS': 'HEALTHY'"},
        {DNS_A, "'AWS_INSTANCE_IPV4': '10.0.0.1', 'AWS_EC2_INSTANCE_ID': 'i-1'"},
        {DNS_A, "'AWS_ALIAS_DNS_NAME': 'elb.example.com'"},
        {", 'DnsConfig': {'DnsRecords': [{'Type': 'AAAA', 'TTL': 5}]}", "'AWS_INSTANCE_IPV6': '10.0.0.1'"},
        {", 'DnsConfig': {'DnsRecords': [{'Type': 'SRV', 'TTL': 5}]}", "'AWS_INSTANCE_IPV4': '10.0.0.1'"},
        {", 'DnsConfig': {'DnsRecords': [{'Type': 'SRV', 'TTL': 5}]}", "'AWS_INSTANCE_PORT': '80'"},
        {", 'DnsConfig': {'DnsRecords': [{'Type': 'SRV', 'TTL': 5}]}",
         "'AWS_INSTANCE_PORT': '70000', 'AWS_INSTANCE_IPV4': '10.0.0.1'"},
        {", 'DnsConfig': {'RoutingPolicy': 'WEIGHTED', 'DnsRecords': [{'Type': 'CNAME', 'TTL': 5}]}", "'a': 'b'"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const char *srv = service(ns, json("s%zu", i), bad[i].service);
        refused("RegisterInstance",
                json("{'ServiceId': '%s', 'InstanceId': 'i', 'Attributes': {%s}}", srv, bad[i].attributes),
                "InvalidInput");
    }
    refused("RegisterInstance", json("{'ServiceId': 'srv-x', 'InstanceId': 'i', 'Attributes': {}}"), "ServiceNotFound");
    refused("RegisterInstance", json("{'ServiceId': 'srv-x', 'InstanceId': 'i i', 'Attributes': {}}"), "InvalidInput");
}

static void test_life(void **state)
{
    const char *srv = service(private_namespace("x.local"), "web", DNS_A);
    const char *body =
        json("{'ServiceId': '%s', 'InstanceId': 'i', 'Attributes': {'AWS_INSTANCE_IPV4': '10.0.0.1'}}", srv);
    const struct val *running = ok("RegisterInstance", body);
    refused("RegisterInstance", body, "DuplicateRequest");
    refused("GetInstance", json("{'ServiceId': '%s', 'InstanceId': 'i'}", srv), "InstanceNotFound");
    assert_text(val_get(done(running), S("Targets")), "INSTANCE", "i");
    for (int i = 0; i < 4; i++)
        registered(srv, json("n%d", i), "'AWS_INSTANCE_IPV4': '10.0.0.2'");
    const struct val *page = ok("ListInstances", json("{'ServiceId': '%s', 'MaxResults': 3}", srv));
    assert_int_equal(count(page, "Instances"), 3);
    page = ok("ListInstances", json("{'ServiceId': '%s', 'NextToken': '%s'}", srv, cstr(text(page, "NextToken"))));
    assert_int_equal(count(page, "Instances"), 2);
    refused("ListInstances", json("{'ServiceId': 'x'}"), "ServiceNotFound");
    registered(srv, "i", "'AWS_INSTANCE_IPV4': '10.0.0.9'");
    const struct val *seen =
        val_get(ok("GetInstance", json("{'ServiceId': '%s', 'InstanceId': 'i'}", srv)), S("Instance"));
    assert_text(val_get(seen, S("Attributes")), "AWS_INSTANCE_IPV4", "10.0.0.9");
    refused("DeleteService", json("{'Id': '%s'}", srv), "ResourceInUse");
    done(ok("DeregisterInstance", json("{'ServiceId': '%s', 'InstanceId': 'i'}", srv)));
    refused("DeregisterInstance", json("{'ServiceId': '%s', 'InstanceId': 'i'}", srv), "InstanceNotFound");
    refused("DeregisterInstance", json("{'InstanceId': 'i'}"), "InvalidInput");
}

static size_t found(const char *more)
{
    return count(ok("DiscoverInstances", json("{'NamespaceName': 'x.local', 'ServiceName': 'web'%s}", more)),
                 "Instances");
}

static void test_discovery(void **state)
{
    const char *srv = service(private_namespace("x.local"), "web", DNS_A ", 'HealthCheckCustomConfig': {}");
    registered(srv, "a", "'AWS_INSTANCE_IPV4': '10.0.0.1', 'v': '1', 'z': 'a'");
    registered(srv, "b", "'AWS_INSTANCE_IPV4': '10.0.0.2', 'v': '1', 'z': 'b', 'AWS_INIT_HEALTH_STATUS': 'UNHEALTHY'");
    registered(srv, "c", "'AWS_INSTANCE_IPV4': '10.0.0.3', 'v': '2'");
    assert_int_equal(found(""), 2);
    assert_int_equal(found(", 'HealthStatus': 'ALL'"), 3);
    assert_int_equal(found(", 'HealthStatus': 'UNHEALTHY'"), 1);
    assert_int_equal(found(", 'HealthStatus': 'ALL', 'MaxResults': 2"), 2);
    assert_int_equal(found(", 'HealthStatus': 'ALL', 'QueryParameters': {'v': '1'}"), 2);
    assert_int_equal(found(", 'HealthStatus': 'ALL', 'QueryParameters': {'v': '1', 'z': 'b'}"), 1);
    assert_int_equal(found(", 'OptionalParameters': {'z': 'a'}"), 1);
    assert_int_equal(found(", 'OptionalParameters': {'z': 'none'}"), 2);
    assert_int_equal(found(", 'QueryParameters': {'v': '3'}"), 0);
    const char *revision = json("{'NamespaceName': 'x.local', 'ServiceName': 'web'}");
    int64_t before = number(ok("DiscoverInstancesRevision", revision), "InstancesRevision");
    ok("UpdateInstanceCustomHealthStatus", json("{'ServiceId': '%s', 'InstanceId': 'a', 'Status': 'UNHEALTHY'}", srv));
    ok("UpdateInstanceCustomHealthStatus", json("{'ServiceId': '%s', 'InstanceId': 'c', 'Status': 'UNHEALTHY'}", srv));
    assert_true(number(ok("DiscoverInstancesRevision", revision), "InstancesRevision") > before);
    assert_int_equal(found(""), 3);
    assert_int_equal(found(", 'HealthStatus': 'HEALTHY'"), 0);
    refused("DiscoverInstances", json("{'NamespaceName': 'none', 'ServiceName': 'web'}"), "NamespaceNotFound");
    refused("DiscoverInstances", json("{'NamespaceName': 'x.local', 'ServiceName': 'none'}"), "ServiceNotFound");
    refused("DiscoverInstances", json("{'NamespaceName': 'x.local'}"), "InvalidInput");
    refused("DiscoverInstancesRevision", json("{'NamespaceName': 'none', 'ServiceName': 'web'}"), "NamespaceNotFound");
    refused("DiscoverInstancesRevision", "{}", "InvalidInput");
}

static void test_health(void **state)
{
    const char *ns = private_namespace("x.local");
    const char *plain = service(ns, "plain", ""), *srv = service(ns, "web", ", 'HealthCheckCustomConfig': {}");
    registered(plain, "i", "'a': 'b'");
    registered(srv, "i", "'a': 'b'");
    registered(srv, "j", "'a': 'b'");
    const struct val *all = val_get(ok("GetInstancesHealthStatus", json("{'ServiceId': '%s'}", srv)), S("Status"));
    assert_text(all, "i", "HEALTHY");
    const struct val *page = ok("GetInstancesHealthStatus", json("{'ServiceId': '%s', 'MaxResults': 1}", srv));
    assert_true(text(page, "NextToken").len > 0);
    refused("GetInstancesHealthStatus", json("{'ServiceId': '%s', 'Instances': ['none']}", srv), "InstanceNotFound");
    refused("GetInstancesHealthStatus", json("{'ServiceId': '%s', 'Instances': []}", srv), "InvalidInput");
    refused("UpdateInstanceCustomHealthStatus",
            json("{'ServiceId': '%s', 'InstanceId': 'i', 'Status': 'HEALTHY'}", plain), "CustomHealthNotFound");
    refused("UpdateInstanceCustomHealthStatus",
            json("{'ServiceId': '%s', 'InstanceId': 'x', 'Status': 'HEALTHY'}", srv), "InstanceNotFound");
    refused("UpdateInstanceCustomHealthStatus",
            json("{'ServiceId': '%s', 'InstanceId': 'i', 'Status': 'UNKNOWN'}", srv), "InvalidInput");
}

static void test_tasks(void **state)
{
    const char *srv = service(private_namespace("x.local"), "web", DNS_A);
    slice good =
        slice_of(json("{'account': '123456789012', 'region': 'us-east-1', 'service': '%s', 'instanceId': 'task', "
                      "'attributes': {'AWS_INSTANCE_IPV4': '10.0.0.1'}}",
                      srv));
    assert_int_equal(worker_test_event(worker, S("ecs"), S("RegisterTaskInstance"), good), 200);
    assert_int_equal(found(""), 1);
    slice bad =
        slice_of(json("{'account': '123456789012', 'region': 'us-east-1', 'service': '%s', 'instanceId': 'task', "
                      "'attributes': {}}",
                      srv));
    assert_int_equal(worker_test_event(worker, S("ecs"), S("RegisterTaskInstance"), bad), 400);
    assert_int_equal(worker_test_event(worker, S("ecs"), S("RegisterTaskInstance"), S("{")), 400);
    assert_int_equal(worker_test_event(worker, S("ecs"), S("DeregisterTaskInstance"), good), 200);
    assert_int_equal(worker_test_event(worker, S("ecs"), S("DeregisterTaskInstance"), good), 200);
    assert_int_equal(found(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        discovery_test(test_attributes), discovery_test(test_life),  discovery_test(test_discovery),
        discovery_test(test_health),     discovery_test(test_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
