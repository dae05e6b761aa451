/* fuzz_signature: heads of signed requests, judged as those of S3 and of other services: whatever is refused is refused
 * with a status, a code and a text. */
#include "tests/fuzz/fuzz.h"

#include "proto/api.h"
#include "router/conn.h"
#include "router/http1.h"
#include "router/route.h"
#include "router/verify.h"

static const int64_t now_ms = 1369353600000; /* of the corpus */

static void judge(struct arena *arena, const struct http1_request *head, const struct route_service *service)
{
    struct sigv4_scope scope;
    struct refuse_why why = {0};
    const char *wrong;
    struct conn_request request = {.head = head};
    struct route route = {.service = service, .path = head->path, .operation = S("")};
    struct verify_claim claim = {.scope = &scope, .route = &route};
    struct verify_secret secret = {.secret = S("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")};
    if (sigv4_read(arena, head, &scope, &wrong) != 0 || !scope.present)
        return;
    int result = verify_read(arena, &request, now_ms, &claim, &why);
    if (result == 0)
        result = verify_check(arena, &request, &claim, &secret, &why);
    fuzz_check(result == 0 || (why.status >= 400 && why.status < 600 && why.message.ptr));
    fuzz_check(result == 0 || why.code.ptr || why.status == 501);
}

static void fuzz_one(struct arena *arena, slice bytes)
{
    static const struct route_service services[] = {
        {.name = {"s3", 2}, .protocol = API_RESTXML, .is_s3 = true},
        {.name = {"ec2", 3}, .protocol = API_EC2QUERY},
        {.name = {"logs", 4}, .protocol = API_AWSJSON},
    };
    struct http1_request *head = arena_alloc(arena, sizeof(*head));
    if (http1_parse(bytes, head) != 0)
        return;
    for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++)
        judge(arena, head, &services[i]);
}
