/* test_ecs: what the tests of the ecs service share: a worker in memory with a default cluster, and calls as JSON. */
#pragma once

#include "services/ecs/ecs.h"
#include "services/worker/test_awsjson.h"

static const int64_t test_now = 1700000000000;

/* ec2's part: subnets and groups with well-formed ids exist. */
static inline int ec2_answers(slice service, slice operation, slice body, slice *answer)
{
    bool subnets = slice_eq(operation, S("DescribeSubnets"));
    bool known = slice_find(body, subnets ? S("\"subnet-12345678\"") : S("\"sg-0123456789abcdef0\"")) >= 0;
    assert_true(slice_eq(service, S("ec2")));
    if (!known)
        *answer =
            subnets ? S("{\"__type\":\"InvalidSubnetID.NotFound\",\"message\":\"The subnet ID 'x' does not exist\"}")
                    : S("{\"__type\":\"InvalidGroup.NotFound\",\"message\":\"The security group 'x' does not exist\"}");
    else
        *answer = subnets ? S("{\"Subnets\":[{\"SubnetId\":\"subnet-12345678\",\"AvailabilityZone\":\"us-east-1b\"}]}")
                          : S("{}");
    return known ? 200 : 400;
}

/* Takes the next command for another process. The reply serves the runner, process `boot`, and ec2 alike: each has an
 * address of its own. */
static inline bool take_effect(struct worker_effect *effect, const char *boot)
{
    static int number;
    number++;
    slice acknowledgement =
        arena_printf(arena,
                     "{\"boot\":\"%s\",\"networkInterfaceId\":\"eni-%017d\",\"macAddress\":\"0a:00:00:00:00:01\","
                     "\"privateIpAddress\":\"172.31.1.%d\",\"privateDnsName\":\"ip-172-31-1-%d.ec2.internal\","
                     "\"availabilityZone\":\"us-east-1c\"}",
                     boot, number, number, number);
    return worker_test_take_effect(worker, effect, acknowledgement);
}

/* The same for commands to the runner: interfaces of ended tasks go by the way. */
static inline bool take_runner_effect(struct worker_effect *effect, const char *boot)
{
    bool taken = take_effect(effect, boot);
    while (taken && slice_eq(effect->name, S("DeleteRequesterInterface")))
        taken = take_effect(effect, boot);
    return taken;
}

/* ec2 makes the interface of a task that was just run. */
static inline void provide_interface(void)
{
    struct worker_effect effect;
    assert_true(take_effect(&effect, ""));
    if (!slice_eq(effect.target, S("ec2")) || !slice_eq(effect.name, S("CreateRequesterInterface")))
        fail_msg("%.*s instead of CreateRequesterInterface", SLICE_ARG(effect.name));
}

static inline int ecs_setup(void **state)
{
    (void)state;
    arena = arena_open();
    test_service = "ecs";
    test_account = S("123456789012");
    test_region = S("us-east-1");
    worker = worker_open_test(&ecs_process);
    worker_test_set_answers(worker, ec2_answers);
    worker_test_set_time(worker, test_now);
    ok("CreateCluster", "{}");
    return 0;
}

static inline int ecs_teardown(void **state)
{
    (void)state;
    worker_close(worker);
    arena_close(arena);
    return 0;
}

#define ecs_test(function) cmocka_unit_test_setup_teardown(function, ecs_setup, ecs_teardown)
