/* opt: scalars that may be absent. A zeroed one is absent. Texts use slice (ptr NULL), structures a NULL pointer,
 * lists and maps their own `set`. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct opt_int {
    bool set;
    int64_t v;
};

struct opt_bool {
    bool set;
    bool v;
};

struct opt_double {
    bool set;
    double v;
};

static inline struct opt_int opt_int(int64_t v)
{
    return (struct opt_int){true, v};
}

static inline struct opt_bool opt_bool(bool v)
{
    return (struct opt_bool){true, v};
}

static inline struct opt_double opt_double(double v)
{
    return (struct opt_double){true, v};
}

static inline int64_t opt_int_or(struct opt_int o, int64_t otherwise)
{
    return o.set ? o.v : otherwise;
}

static inline bool opt_bool_or(struct opt_bool o, bool otherwise)
{
    return o.set ? o.v : otherwise;
}
