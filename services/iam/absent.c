/* absent: credentials and devices of users that cannot be made here. There are none, and whoever lists them before he
 * deletes a user, as Terraform does, is told so. */
#include "services/iam/iam.h"

/* The user exists, or the call's own user, or nobody in particular for who is no user; the marker is one of ours. */
static int none_of_user(struct call *c, slice name, slice marker, struct opt_int max_items,
                        struct opt_bool *is_truncated)
{
    struct listing listing;
    struct entity user;
    slice next;
    TRY(listing_begin(c, marker, max_items, &listing));
    if (name.ptr)
        TRY(entity_get(c, ENTITY_USER, name, &user));
    listing_end(c, &listing, is_truncated, &next);
    return 0;
}

#define ABSENT(operation)                                                                                              \
    int iam_##operation(struct call *c, const struct iam_##operation##_in *in, struct iam_##operation##_out *out)      \
    {                                                                                                                  \
        return none_of_user(c, in->user_name, in->marker, in->max_items, &out->is_truncated);                          \
    }
ABSENT(list_mfa_devices)
ABSENT(list_service_specific_credentials)
ABSENT(list_signing_certificates)
ABSENT(list_ssh_public_keys)
#undef ABSENT

#define ABSENT(operation)                                                                                              \
    int iam_##operation(struct call *c, const struct iam_##operation##_in *in, struct iam_##operation##_out *out)      \
    {                                                                                                                  \
        return none_of_user(c, (slice){NULL, 0}, in->marker, in->max_items, &out->is_truncated);                       \
    }
ABSENT(list_server_certificates)
ABSENT(list_virtual_mfa_devices)

int iam_list_saml_providers(struct call *c, const struct iam_list_saml_providers_in *in,
                            struct iam_list_saml_providers_out *out)
{
    (void)c, (void)in, (void)out;
    return 0;
}

#define MISSING(operation, words, id)                                                                                  \
    int iam_##operation(struct call *c, const struct iam_##operation##_in *in, struct iam_##operation##_out *out)      \
    {                                                                                                                  \
        (void)out;                                                                                                     \
        return fail(c, &iam_no_such_entity, words, SLICE_ARG(in->id));                                                 \
    }
MISSING(get_ssh_public_key, "The Public Key with id %.*s cannot be found.", ssh_public_key_id)
MISSING(get_server_certificate, "The Server Certificate with name %.*s cannot be found.", server_certificate_name)
MISSING(get_saml_provider, "SAML provider %.*s does not exist.", saml_provider_arn)
MISSING(list_mfa_device_tags, "VirtualMFADevice with serial number %.*s doesn't exist.", serial_number)
