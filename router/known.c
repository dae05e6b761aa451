/* known: known.def as a table. */
#include "router/known.h"

#include "proto/api.h"

struct known {
    struct route_service service;
    slice target;
};

static const struct known table[] = {
#define KNOWN(signing, wire, prefix, called)                                                                           \
    {.service = {.name = {signing, sizeof signing - 1},                                                                \
                 .title = {called, sizeof called - 1},                                                                 \
                 .json_version = {"1.1", 3},                                                                           \
                 .protocol = API_##wire,                                                                               \
                 .is_s3 = sizeof signing == sizeof "s3" && signing[0] == 's' && signing[1] == '3'},                    \
     .target = {prefix, sizeof prefix - 1}},
#include "router/known.def"
#undef KNOWN
};
enum { N_TABLE = sizeof table / sizeof table[0] };

/* Index of the first service of that name, or of the first behind it. */
static size_t lower_bound(slice name)
{
    size_t low = 0, high = N_TABLE;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (slice_cmp(table[middle].service.name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct route_service *known_find(slice signing_name, slice target)
{
    const struct route_service *found = NULL;
    for (size_t i = lower_bound(signing_name); i < N_TABLE && slice_eq(table[i].service.name, signing_name); i++)
        if (!found || (target.len > 0 && slice_eq(table[i].target, target)))
            found = &table[i].service;
    return found;
}

const struct route_service *known_target(slice target)
{
    for (size_t i = 0; i < N_TABLE && target.len > 0; i++)
        if (slice_eq(table[i].target, target))
            return &table[i].service;
    return NULL;
}
