/* fuzz_filter: the filters of EC2's Describe operations. The first byte names the operation, every line a filter: its
 * name and its values, with tabs between. Nothing fails inside, and filters never make a list longer. */
#include "tests/fuzz/fuzz.h"

#include "common/buf.h"
#include "common/uri.h"
#include "services/worker/worker.h"

static const char *const operations[] = {
    "Vpcs",
    "Subnets",
    "SecurityGroups",
    "SecurityGroupRules",
    "RouteTables",
    "InternetGateways",
    "NetworkAcls",
    "DhcpOptions",
    "NetworkInterfaces",
    "AvailabilityZones",
    "Regions",
    "VpcEndpoints",
    "NatGateways",
    "ManagedPrefixLists",
    "Tags",
    "InstanceTypes",
    "Addresses",
};

extern const struct service ec2_process;

static struct worker *worker;

static void ask(slice form, struct msg *reply)
{
    struct msg request = {
        .kind = MSG_REQUEST,
        .request_id = S("id"),
        .origin = S("router"),
        .service = S("ec2"),
        .account = S("123456789012"),
        .region = S("us-east-1"),
        .method = S("POST"),
        .path = S("/"),
        .content_type = S("application/x-www-form-urlencoded"),
        .body = form,
    };
    worker_test_request(worker, &request, reply);
    fuzz_check(reply->status == 200 || (reply->status == 400 && slice_find(reply->body, S("<Code>")) >= 0));
}

static void open_worker(void)
{
    struct msg reply;
    worker = worker_open_test(&ec2_process);
    worker_test_set_time(worker, 1700000000000);
    ask(S("Version=2016-11-15&Action=CreateVpc&CidrBlock=10.0.0.0/16&TagSpecification.1.ResourceType=vpc"
          "&TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=a%2Ab"),
        &reply);
    fuzz_check(reply.status == 200);
}

static slice form_of(struct arena *arena, const char *operation, slice lines)
{
    struct buf form;
    slice line, word;
    buf_init(&form, arena);
    buf_printf(&form, "Version=2016-11-15&Action=Describe%s", operation);
    for (int i = 1; lines.len > 0; i++) {
        slice_cut(lines, '\n', &line, &lines);
        slice_cut(line, '\t', &word, &line);
        buf_printf(&form, "&Filter.%d.Name=%.*s", i, SLICE_ARG(uri_encode(arena, word, false)));
        for (int j = 1; line.len > 0; j++) {
            slice_cut(line, '\t', &word, &line);
            buf_printf(&form, "&Filter.%d.Value.%d=%.*s", i, j, SLICE_ARG(uri_encode(arena, word, false)));
        }
    }
    return buf_slice(&form);
}

static void fuzz_one(struct arena *arena, slice bytes)
{
    static size_t everything[sizeof(operations) / sizeof(*operations)];
    struct msg reply;
    if (bytes.len == 0)
        return;
    size_t which = (unsigned char)bytes.ptr[0] % (sizeof(operations) / sizeof(*operations));
    if (!worker)
        open_worker();
    if (everything[which] == 0) {
        ask(form_of(arena, operations[which], S("")), &reply);
        fuzz_check(reply.status == 200);
        everything[which] = reply.body.len;
    }
    ask(form_of(arena, operations[which], slice_sub(bytes, 1, bytes.len)), &reply);
    fuzz_check(reply.status == 400 || reply.body.len <= everything[which]);
}
