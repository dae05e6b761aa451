/* absent: what does not exist here: instances and what belongs to them, gateways to other networks, and what else AWS
 * has and programs that list or clean up an account ask for. Asking for all of them answers that there are none; asking
 * for one by its id is AWS's error. */
#include "services/ec2/ec2.h"

static int refuse_id(struct call *c, const struct api_error *error, const char *what, slice id)
{
    return fail(c, error, "The %s '%.*s' does not exist", what, SLICE_ARG(id));
}

#define ABSENT_ALL(operation)                                                                                          \
    int ec2_##operation(struct call *c, const struct ec2_##operation##_in *in, struct ec2_##operation##_out *out)      \
    {                                                                                                                  \
        (void)out;                                                                                                     \
        return common_dry_run(c, in->dry_run);                                                                         \
    }
#define ABSENT(operation, ids, error, what)                                                                            \
    int ec2_##operation(struct call *c, const struct ec2_##operation##_in *in, struct ec2_##operation##_out *out)      \
    {                                                                                                                  \
        (void)out;                                                                                                     \
        TRY(common_dry_run(c, in->dry_run));                                                                           \
        return in->ids.len > 0 ? refuse_id(c, &error, what, in->ids.items[0]) : 0;                                     \
    }
#define ABSENT_WET(operation, ids, error, what)                                                                        \
    int ec2_##operation(struct call *c, const struct ec2_##operation##_in *in, struct ec2_##operation##_out *out)      \
    {                                                                                                                  \
        (void)out;                                                                                                     \
        return in->ids.len > 0 ? refuse_id(c, &error, what, in->ids.items[0]) : 0;                                     \
    }
#define ABSENT_NAMED(operation, ids, error, names, name_error, what)                                                   \
    int ec2_##operation(struct call *c, const struct ec2_##operation##_in *in, struct ec2_##operation##_out *out)      \
    {                                                                                                                  \
        (void)out;                                                                                                     \
        TRY(common_dry_run(c, in->dry_run));                                                                           \
        if (in->ids.len > 0)                                                                                           \
            return refuse_id(c, &error, what, in->ids.items[0]);                                                       \
        return in->names.len > 0 ? refuse_id(c, &name_error, what, in->names.items[0]) : 0;                            \
    }
#include "services/ec2/absent.def"
