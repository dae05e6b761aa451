/* jsonform: see jsonform.h. */
#include "proto/jsonform.h"

#include "common/base64.h"
#include "common/err.h"
#include "common/time.h"
#include "proto/walk.h"

#include <math.h>

struct decoder {
    struct arena *arena;
    slice why;
};

static int decode_place(struct decoder *d, const struct api_shape *shape, const struct val *value, void *place,
                        bool by_value);

/* AWS's texts for a value of the wrong type. */
static int mismatch(struct decoder *d, const struct api_shape *shape, const struct val *value)
{
    static const slice words[] = {
        [VAL_NULL] = S("NULL_VALUE"),
        [VAL_BOOL] = S("BOOLEAN_VALUE"),
        [VAL_INT] = S("NUMBER_VALUE"),
        [VAL_DOUBLE] = S("DECIMAL_VALUE"),
        [VAL_STRING] = S("STRING_VALUE"),
        [VAL_ARRAY] = S(""),
        [VAL_OBJECT] = S(""),
    };
    static const slice wanted[] = {
        [API_STRING] = S("a String"),    [API_BLOB] = S("a Blob"),           [API_BOOLEAN] = S("a Boolean"),
        [API_INTEGER] = S("an Integer"), [API_LONG] = S("a Long"),           [API_FLOAT] = S("a Float"),
        [API_DOUBLE] = S("a Double"),    [API_TIMESTAMP] = S("a Timestamp"), [API_LIST] = S("a List"),
        [API_MAP] = S("a Map"),          [API_STRUCTURE] = S("a Structure"), [API_DOCUMENT] = S("a Document"),
    };
    if (value->type == VAL_ARRAY)
        d->why = S("Start of list found where not expected");
    else if (value->type == VAL_OBJECT)
        d->why = S("Start of structure or map found where not expected.");
    else if (shape->type == API_LIST || shape->type == API_STRUCTURE || shape->type == API_MAP)
        d->why = S("Unexpected field type");
    else
        d->why = arena_printf(d->arena, "%.*s can not be converted to %.*s", SLICE_ARG(words[value->type]),
                              SLICE_ARG(wanted[shape->type]));
    return BAD_INPUT;
}

static int decode_string(struct decoder *d, const struct api_shape *shape, const struct val *value, void *place)
{
    if (value->type != VAL_STRING)
        return mismatch(d, shape, value);
    if (shape->type == API_STRING)
        *(slice *)place = value->string;
    else if (base64_decode(d->arena, value->string, place) != 0)
        return mismatch(d, shape, value);
    return 0;
}

static int decode_integer(struct decoder *d, const struct api_shape *shape, const struct val *value,
                          struct opt_int *place)
{
    int64_t number;
    if (value->type == VAL_INT)
        number = value->integer;
    else if (value->type == VAL_DOUBLE && value->number == trunc(value->number) && fabs(value->number) < 9e18)
        number = (int64_t)value->number;
    else
        return mismatch(d, shape, value);
    if (shape->type == API_INTEGER && (number > INT32_MAX || number < INT32_MIN))
        return mismatch(d, shape, value);
    *place = opt_int(number);
    return 0;
}

static int decode_double(struct decoder *d, const struct api_shape *shape, const struct val *value, void *place)
{
    double number;
    if (value->type == VAL_STRING && !slice_to_double(value->string, &number)) /* "NaN", "Infinity", "-Infinity" */
        return walk_set_text(d->arena, shape, value->string, place) == 0 ? 0 : mismatch(d, shape, value);
    if (value->type != VAL_INT && value->type != VAL_DOUBLE)
        return mismatch(d, shape, value);
    *(struct opt_double *)place = opt_double(value->type == VAL_INT ? (double)value->integer : value->number);
    return 0;
}

static int decode_timestamp(struct decoder *d, const struct api_shape *shape, const struct val *value,
                            struct opt_int *place)
{
    int64_t ms;
    if (value->type == VAL_INT && value->integer < INT64_MAX / 1000 && value->integer > INT64_MIN / 1000)
        ms = value->integer * 1000;
    else if (value->type == VAL_DOUBLE && fabs(value->number) < 9e15)
        ms = llround(value->number * 1000);
    else if (value->type != VAL_STRING || !time_parse(value->string, &ms))
        return mismatch(d, shape, value);
    *place = opt_int(ms);
    return 0;
}

static int decode_list(struct decoder *d, const struct api_shape *shape, const struct val *value, struct list *place)
{
    const struct api_shape *element = shape->members[0].shape;
    if (value->type != VAL_ARRAY)
        return mismatch(d, shape, value);
    place->set = true;
    for (size_t i = 0; i < value->array.len; i++) {
        void *entry = list_add_raw(d->arena, place, shape->entry_size);
        if (value->array.items[i].type != VAL_NULL)
            TRY(decode_place(d, element, &value->array.items[i], entry, true));
    }
    return 0;
}

static int decode_map(struct decoder *d, const struct api_shape *shape, const struct val *value, struct list *place)
{
    if (value->type != VAL_OBJECT)
        return mismatch(d, shape, value);
    place->set = true;
    for (size_t i = 0; i < value->object.len; i++) {
        const struct val_field *field = &value->object.items[i];
        if (field->value.type == VAL_NULL)
            continue;
        char *entry = list_add_raw(d->arena, place, shape->entry_size);
        *(slice *)(void *)entry = field->key;
        TRY(decode_place(d, shape->members[1].shape, &field->value, entry + shape->members[1].offset, true));
    }
    return 0;
}

static int decode_structure(struct decoder *d, const struct api_shape *shape, const struct val *value, unsigned flags,
                            void *object)
{
    size_t hint = 0;
    if (value->type != VAL_OBJECT)
        return mismatch(d, shape, value);
    for (size_t i = 0; i < value->object.len; i++) {
        const struct val_field *field = &value->object.items[i];
        if (field->value.type == VAL_NULL)
            continue;
        const struct api_member *member = walk_member(shape, field->key, &hint);
        if (member && (member->location == API_BODY || !(flags & JSONFORM_BODY)))
            TRY(decode_place(d, member->shape, &field->value, (char *)object + member->offset, false));
    }
    return 0;
}

static int decode_container(struct decoder *d, const struct api_shape *shape, const struct val *value, void *place,
                            bool by_value)
{
    if (shape->type == API_LIST || shape->type == API_MAP) {
        *(struct list *)place = (struct list){0}; /* the last of duplicate members counts */
        return shape->type == API_LIST ? decode_list(d, shape, value, place) : decode_map(d, shape, value, place);
    }
    if (shape->type == API_DOCUMENT) {
        *(const struct val **)place = value;
        return 0;
    }
    if (by_value)
        return decode_structure(d, shape, value, 0, place);
    void *object = arena_alloc(d->arena, shape->size);
    *(void **)place = object;
    return decode_structure(d, shape, value, 0, object);
}

static int decode_place(struct decoder *d, const struct api_shape *shape, const struct val *value, void *place,
                        bool by_value)
{
    switch (shape->type) {
    case API_STRING:
    case API_BLOB:
        return decode_string(d, shape, value, place);
    case API_BOOLEAN:
        if (value->type != VAL_BOOL)
            return mismatch(d, shape, value);
        *(struct opt_bool *)place = opt_bool(value->boolean);
        return 0;
    case API_INTEGER:
    case API_LONG:
        return decode_integer(d, shape, value, place);
    case API_FLOAT:
    case API_DOUBLE:
        return decode_double(d, shape, value, place);
    case API_TIMESTAMP:
        return decode_timestamp(d, shape, value, place);
    default:
        return decode_container(d, shape, value, place, by_value);
    }
}

int jsonform_decode(struct arena *arena, const struct api_shape *shape, const struct val *value, unsigned flags,
                    void *object, slice *why)
{
    struct decoder d = {.arena = arena};
    int result = decode_structure(&d, shape, value, flags, object);
    *why = d.why;
    return result;
}

static void encode_place(struct json_writer *w, const struct api_shape *shape, const void *place, bool by_value)
{
    const struct list *list = place;
    switch (shape->type) {
    case API_STRING:
        json_string(w, *(const slice *)place);
        break;
    case API_BLOB:
        json_blob(w, *(const slice *)place);
        break;
    case API_BOOLEAN:
        json_bool(w, ((const struct opt_bool *)place)->v);
        break;
    case API_INTEGER:
    case API_LONG:
        json_int(w, ((const struct opt_int *)place)->v);
        break;
    case API_FLOAT:
    case API_DOUBLE:
        json_double(w, ((const struct opt_double *)place)->v);
        break;
    case API_TIMESTAMP:
        json_epoch(w, ((const struct opt_int *)place)->v);
        break;
    case API_LIST:
        json_array_begin(w);
        for (size_t i = 0; i < list->len; i++)
            encode_place(w, shape->members[0].shape, walk_entry(shape, list, i), true);
        json_array_end(w);
        break;
    case API_MAP:
        json_object_begin(w);
        for (size_t i = 0; i < list->len; i++) {
            const char *entry = walk_entry(shape, list, i);
            json_key(w, *(const slice *)(const void *)entry);
            encode_place(w, shape->members[1].shape, entry + shape->members[1].offset, true);
        }
        json_object_end(w);
        break;
    case API_DOCUMENT:
        json_val(w, *(const struct val *const *)place);
        break;
    default:
        jsonform_encode(w, shape, walk_structure(place, by_value), 0);
    }
}

static bool is_written(const struct api_member *member, const void *place, unsigned flags)
{
    if ((flags & JSONFORM_BODY) && member->location != API_BODY)
        return false;
    if ((flags & JSONFORM_MAIN_LISTS) && member->shape->type == API_LIST && !(member->flags & API_OMIT_EMPTY))
        return true;
    return walk_is_set(member->shape, place, false);
}

void jsonform_encode(struct json_writer *w, const struct api_shape *shape, const void *object, unsigned flags)
{
    json_object_begin(w);
    for (size_t i = 0; i < shape->n_members; i++) {
        const struct api_member *member = &shape->members[i];
        const char *place = (const char *)object + member->offset;
        if (!is_written(member, place, flags))
            continue;
        json_key(w, member->name);
        encode_place(w, member->shape, place, false);
    }
    json_object_end(w);
}
