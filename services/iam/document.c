/* document: policy documents as IAM takes and gives them. */
#include "services/iam/iam.h"

#include "common/uri.h"
#include "services/policy/policy.h"

slice document_encoded(struct call *c, slice document)
{
    return uri_encode(c->arena, document, false);
}

void document_show_role(struct call *c, const struct entity *entity, struct iam_role *out)
{
    *out = entity->role;
    out->assume_role_policy_document = document_encoded(c, out->assume_role_policy_document);
    out->tags = (struct iam_tag_list_type){0};
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
