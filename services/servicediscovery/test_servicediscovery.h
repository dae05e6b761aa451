/* test_servicediscovery: what the tests of the Cloud Map service share: a worker in memory, calls as JSON. */
#pragma once

#include "services/servicediscovery/servicediscovery.h"
#include "services/worker/test_awsjson.h"

static const int64_t test_now = 1700000000000;
static int64_t test_time;

static inline void later(int64_t ms)
{
    test_time += ms;
    worker_test_set_time(worker, test_time);
}

/* The status of an operation, now. */
static inline const char *status_of(const char *operation)
{
    const struct val *answer = val_get(ok("GetOperation", json("{'OperationId': '%s'}", operation)), S("Operation"));
    return arena_printf(arena, "%.*s", SLICE_ARG(text(answer, "Status"))).ptr;
}

/* Carries out the operation an answer names; answers its description. */
static inline const struct val *done(const struct val *answer)
{
    const char *operation = arena_printf(arena, "%.*s", SLICE_ARG(text(answer, "OperationId"))).ptr;
    later(1000);
    later(1000);
    const struct val *seen = val_get(ok("GetOperation", json("{'OperationId': '%s'}", operation)), S("Operation"));
    assert_text(seen, "Status", "SUCCESS");
    return seen;
}

static inline const char *cstr(slice s)
{
    return arena_printf(arena, "%.*s", SLICE_ARG(s)).ptr;
}

static inline const char *private_namespace(const char *name)
{
    const struct val *made = ok("CreatePrivateDnsNamespace", json("{'Name': '%s', 'Vpc': 'vpc-1'}", name));
    return cstr(text(val_get(done(made), S("Targets")), "NAMESPACE"));
}

static inline const char *service(const char *ns, const char *name, const char *more)
{
    const struct val *made = ok("CreateService", json("{'Name': '%s', 'NamespaceId': '%s'%s}", name, ns, more));
    return cstr(text(val_get(made, S("Service")), "Id"));
}

static inline void registered(const char *srv, const char *id, const char *attributes)
{
    done(ok("RegisterInstance",
            json("{'ServiceId': '%s', 'InstanceId': '%s', 'Attributes': {%s}}", srv, id, attributes)));
}

static inline int discovery_setup(void **state)
{
    (void)state;
    arena = arena_open();
    test_service = "servicediscovery";
    test_account = S("123456789012");
    test_region = S("us-east-1");
    worker = worker_open_test(&servicediscovery_process);
    worker_test_set_time(worker, test_now);
    test_time = test_now;
    worker_test_set_lenient(worker, S("unknown-networks"));
    return 0;
}

static inline int discovery_teardown(void **state)
{
    (void)state;
    worker_close(worker);
    arena_close(arena);
    return 0;
}

#define discovery_test(function) cmocka_unit_test_setup_teardown(function, discovery_setup, discovery_teardown)
