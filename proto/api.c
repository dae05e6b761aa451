/* api: see api.h. */
#include "proto/api.h"

#include "common/arena.h"
#include "common/err.h"
#include "common/json.h"
#include "proto/jsonform.h"
#include "proto/walk.h"

const struct api_operation *api_find_operation(const struct api_service *service, slice name)
{
    size_t low = 0, high = service->n_operations;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = slice_cmp(service->operations[middle].name, name);
        if (order == 0)
            return &service->operations[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct api_error *api_find_error(const struct api_service *service, slice code)
{
    for (size_t i = 0; i < service->n_errors; i++) {
        if (slice_eq(service->errors[i]->code, code))
            return service->errors[i];
    }
    return NULL;
}

slice api_to_json(struct arena *arena, const struct api_shape *shape, const void *object)
{
    struct json_writer *w = json_writer_open(arena);
    jsonform_encode(w, shape, object, 0);
    return json_writer_close(w);
}

int api_from_json(struct arena *arena, const struct api_shape *shape, slice text, void *object)
{
    struct val value;
    slice why;
    TRY(json_parse(arena, text, &value, &why));
    return jsonform_decode(arena, shape, &value, 0, object, &why);
}

/* Bytes of a member of that shape in the structure that has it. */
static size_t place_size(const struct api_shape *shape)
{
    return shape->type == API_STRUCTURE ? sizeof(void *) : shape->size;
}

void api_assign(const struct api_shape *from_shape, const void *from, const struct api_shape *to_shape, void *to)
{
    size_t hint = 0;
    for (size_t i = 0; i < from_shape->n_members; i++) {
        const struct api_member *source = &from_shape->members[i];
        const char *place = (const char *)from + source->offset;
        if (!walk_is_set(source->shape, place, false))
            continue;
        const struct api_member *target = walk_member(to_shape, source->name, &hint);
        if (target && target->shape == source->shape)
            memcpy((char *)to + target->offset, place, place_size(source->shape));
    }
}

void api_copy(struct arena *arena, const struct api_shape *shape, const void *from, void *to)
{
    api_from_json(arena, shape, api_to_json(arena, shape, from), to);
}
