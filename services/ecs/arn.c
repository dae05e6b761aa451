/* arn: names of ECS resources. */
#include "services/ecs/ecs.h"

slice arn_make(struct call *c, const char *kind, slice rest)
{
    return arena_printf(c->arena, "arn:aws:ecs:%.*s:%.*s:%s/%.*s", SLICE_ARG(c->region), SLICE_ARG(c->account), kind,
                        SLICE_ARG(rest));
}

slice arn_last(slice text)
{
    for (size_t i = text.len; i > 0; i--) {
        if (text.ptr[i - 1] == '/')
            return slice_sub(text, i, text.len);
    }
    return text;
}

slice arn_resource(struct call *c, slice arn)
{
    slice prefix = arena_printf(c->arena, "arn:aws:ecs:%.*s:%.*s:", SLICE_ARG(c->region), SLICE_ARG(c->account));
    return slice_starts(arn, prefix) ? slice_sub(arn, prefix.len, arn.len) : (slice){NULL, 0};
}
