/* post_sign: whether a form may upload, where signatures are verified: its policy is signed by a key that exists, or
 * everybody may write to the bucket. */
#include "services/s3/post.h"
#include "services/s3/s3.h"
#include "services/worker/credentials.h"

#include "common/conf.h"
#include "common/json.h"
#include "proto/access_key.h"
#include "proto/signature.h"

/* What a form is signed with. */
struct form_claim {
    slice access_key;
    slice signature;
    slice scope[3]; /* date, region, service; absent in version 2 */
};

static int fail_unknown(struct call *c, const struct form_claim *claim)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("AWSAccessKeyId"), val_string(claim->access_key));
    return fail_with(c, &s3_invalid_access_key_id, extra,
                     "The AWS Access Key Id you provided does not exist in our records.");
}

/* AKID/date/region/service/aws4_request */
static bool read_claim(const struct pair_list *fields, struct form_claim *claim)
{
    slice rest = pair_get(fields, S("x-amz-credential"));
    *claim = (struct form_claim){.access_key = pair_get(fields, S("awsaccesskeyid")),
                                 .signature = pair_get(fields, S("signature"))};
    if (!rest.ptr)
        return claim->access_key.ptr && claim->signature.ptr;
    claim->signature = pair_get(fields, S("x-amz-signature"));
    slice_cut(rest, '/', &claim->access_key, &rest);
    for (size_t i = 0; i < 3; i++)
        slice_cut(rest, '/', &claim->scope[i], &rest);
    return slice_eq(rest, S("aws4_request")) && claim->signature.ptr;
}

/* The service that knows the secrets of such keys, by its question Secret; absent: none does. */
static slice keeper_of(slice access_key)
{
    static const slice keepers[] = {
        [ACCESS_KEY_OTHER] = {NULL, 0}, [ACCESS_KEY_USER] = S("iam"), [ACCESS_KEY_SESSION] = S("sts")};
    return keepers[access_key_kind(access_key)];
}

/* The key's secret, from the options or from who keeps it. */
static int find_secret(struct call *c, const struct form_claim *claim, slice *secret, slice *token)
{
    struct call_refusal refused;
    struct credentials_answer *kept;
    struct val answer;
    slice why, keeper = keeper_of(claim->access_key);
    *token = (slice){NULL, 0};
    *secret = access_key_root_secret(c->conf->root_keys, claim->access_key);
    if (secret->ptr)
        return 0;
    if (!keeper.ptr)
        return fail_unknown(c, claim);
    slice body = arena_printf(c->arena, "{\"accessKey\":\"%.*s\"}", SLICE_ARG(claim->access_key));
    int result = call_ask_credentials(c, keeper, S("Secret"), body, &kept, &refused);
    if (result == CALL_FAILED)
        return fail(c, &s3_service_unavailable, "The worker that knows the access key did not answer.");
    TRY(result);
    if (json_parse(c->arena, kept->text, &answer, &why) != 0)
        return FAULT_MESSAGE;
    int64_t expires_ms = val_get_int(&answer, S("expiresAt"), 0);
    if (val_get_bool(&answer, S("expired"), false) || (expires_ms > 0 && expires_ms <= c->now_ms))
        return fail(c, &s3_expired_token, "The provided token has expired.");
    if (!val_get_bool(&answer, S("active"), false))
        return fail_unknown(c, claim);
    *secret = val_get_string(&answer, S("secret"));
    *token = val_get_string(&answer, S("token"));
    return 0;
}

static slice signature_of(struct call *c, const struct form_claim *claim, slice secret, slice policy)
{
    uint8_t key[SIGNATURE_KEY_BYTES];
    if (!claim->scope[0].ptr)
        return signature_v2(c->arena, secret, policy);
    signature_key(secret, claim->scope[0], claim->scope[1], claim->scope[2], key);
    return signature_v4(c->arena, key, policy);
}

int post_check_signature(struct call *c, const struct pair_list *fields, slice bucket_name, slice object_key)
{
    struct form_claim claim;
    struct bucket bucket;
    slice secret, token, policy = pair_get(fields, S("policy"));
    if (!call_is_guest(c))
        return 0;
    TRY(bucket_get(c, bucket_name, (slice){NULL, 0}, &bucket));
    if (!policy.ptr)
        return guest_may(c, &bucket, S("s3:PutObject"), object_key) ? 0 : fail(c, &s3_access_denied, "Access Denied");
    if (!read_claim(fields, &claim))
        return fail(c, &s3_invalid_argument, "Bucket POST must contain a field that signs the policy.");
    TRY(find_secret(c, &claim, &secret, &token));
    if (!signature_equal(signature_of(c, &claim, secret, policy), claim.signature)) {
        struct val *extra = arena_alloc(c->arena, sizeof(*extra));
        *extra = val_object();
        val_set(c->arena, extra, S("AWSAccessKeyId"), val_string(claim.access_key));
        val_set(c->arena, extra, S("StringToSign"), val_string(policy));
        val_set(c->arena, extra, S("SignatureProvided"), val_string(claim.signature));
        return fail_with(
            c, &s3_signature_does_not_match, extra,
            "The request signature we calculated does not match the signature you provided. Check your key "
            "and signing method.");
    }
    if (token.ptr && !signature_equal(token, pair_get(fields, S("x-amz-security-token"))))
        return fail(c, &s3_invalid_token, "The provided token is malformed or otherwise invalid.");
    return 0;
}
