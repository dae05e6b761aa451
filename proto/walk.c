/* walk: see walk.h. */
#include "proto/walk.h"

#include "common/base64.h"
#include "common/err.h"
#include "common/time.h"

#include <math.h>

bool walk_is_set(const struct api_shape *shape, const void *place, bool by_value)
{
    switch (shape->type) {
    case API_STRING:
    case API_BLOB:
        return ((const slice *)place)->ptr != NULL;
    case API_BOOLEAN:
        return ((const struct opt_bool *)place)->set;
    case API_INTEGER:
    case API_LONG:
    case API_TIMESTAMP:
        return ((const struct opt_int *)place)->set;
    case API_FLOAT:
    case API_DOUBLE:
        return ((const struct opt_double *)place)->set;
    case API_LIST:
    case API_MAP:
        return ((const struct list *)place)->set;
    default:
        return by_value || *(const void *const *)place != NULL;
    }
}

const struct api_member *walk_member(const struct api_shape *shape, slice name, size_t *hint)
{
    for (size_t n = 0; n < shape->n_members; n++) {
        size_t i = (*hint + n) % shape->n_members;
        if (slice_eq(shape->members[i].name, name)) {
            *hint = i + 1;
            return &shape->members[i];
        }
    }
    return NULL;
}

static slice time_text(struct arena *arena, int64_t ms, enum api_timestamp format)
{
    char date[30];
    switch (format) {
    case API_TIME_EPOCH:
        return arena_printf(arena, "%lld", (long long)(ms / 1000));
    case API_TIME_RFC1123:
        time_rfc1123(ms, date);
        return arena_printf(arena, "%s", date);
    case API_TIME_ISO8601_MS:
        return time_iso8601(arena, ms, true);
    default:
        return time_iso8601(arena, ms, ms % 1000 != 0);
    }
}

static slice double_text(struct arena *arena, double value)
{
    if (isnan(value))
        return S("NaN");
    if (isinf(value))
        return value > 0 ? S("Infinity") : S("-Infinity");
    struct val number = val_double(value);
    return json_text(arena, &number);
}

slice walk_text(struct arena *arena, const struct api_shape *shape, const void *place, enum api_timestamp format)
{
    switch (shape->type) {
    case API_BLOB:
        return base64_encode(arena, *(const slice *)place);
    case API_BOOLEAN:
        return ((const struct opt_bool *)place)->v ? S("true") : S("false");
    case API_INTEGER:
    case API_LONG:
        return arena_printf(arena, "%lld", (long long)((const struct opt_int *)place)->v);
    case API_TIMESTAMP:
        return time_text(arena, ((const struct opt_int *)place)->v, format);
    case API_FLOAT:
    case API_DOUBLE:
        return double_text(arena, ((const struct opt_double *)place)->v);
    default:
        return *(const slice *)place;
    }
}

static int set_integer(const struct api_shape *shape, slice text, struct opt_int *place)
{
    int64_t value;
    if (!slice_to_int64(text, &value))
        return BAD_INPUT;
    if (shape->type == API_INTEGER && (value > INT32_MAX || value < INT32_MIN))
        return BAD_INPUT;
    *place = opt_int(value);
    return 0;
}

static int set_double(slice text, struct opt_double *place)
{
    double value;
    if (slice_eq(text, S("NaN")))
        value = NAN;
    else if (slice_eq(text, S("Infinity")))
        value = INFINITY;
    else if (slice_eq(text, S("-Infinity")))
        value = -INFINITY;
    else if (!slice_to_double(text, &value))
        return BAD_INPUT;
    *place = opt_double(value);
    return 0;
}

int walk_set_text(struct arena *arena, const struct api_shape *shape, slice text, void *place)
{
    int64_t ms;
    switch (shape->type) {
    case API_STRING:
        *(slice *)place = text;
        return slice_is_utf8(text) ? 0 : BAD_INPUT;
    case API_BLOB:
        return base64_decode(arena, text, place);
    case API_BOOLEAN:
        if (!slice_eq_nocase(text, S("true")) && !slice_eq_nocase(text, S("false")))
            return BAD_INPUT;
        *(struct opt_bool *)place = opt_bool(slice_eq_nocase(text, S("true")));
        return 0;
    case API_INTEGER:
    case API_LONG:
        return set_integer(shape, text, place);
    case API_TIMESTAMP:
        if (!time_parse(text, &ms))
            return BAD_INPUT;
        *(struct opt_int *)place = opt_int(ms);
        return 0;
    case API_FLOAT:
    case API_DOUBLE:
        return set_double(text, place);
    default:
        return BAD_INPUT;
    }
}
