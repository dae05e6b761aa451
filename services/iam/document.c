/* document: policy documents as IAM takes and gives them. */
#include "services/iam/iam.h"

#include "common/uri.h"
#include "services/worker/policy.h"

slice document_encoded(struct call *c, slice document)
{
    return uri_encode(c->arena, document, false);
}

size_t document_size(slice document)
{
    size_t size = 0;
    for (size_t i = 0; i < document.len; i++)
        size += !strchr(" \t\r\n", document.ptr[i]);
    return size;
}

static int check(struct call *c, slice document, enum policy_use use)
{
    struct policy *policy;
    slice why;
    if (policy_parse(c->arena, document, use, &policy, &why) != 0)
        return fail(c, &iam_malformed_policy_document, "%.*s", SLICE_ARG(why));
    return 0;
}

int document_check_identity(struct call *c, slice document)
{
    return check(c, document, POLICY_IDENTITY);
}

int document_check_trust(struct call *c, slice document)
{
    return check(c, document, POLICY_TRUST);
}
