/* validate: the constraints of the models, checked centrally, and what each service answers for violations. */
#include "proto/codec.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/list.h"
#include "proto/constraint.h"
#include "proto/walk.h"

struct checker {
    struct arena *arena;
    bool values; /* values and enumerations are shown */
    struct violation_list *found;
};

static void check_place(struct checker *ch, const struct api_shape *shape, const void *place, bool by_value,
                        slice path);

static void add(struct checker *ch, const struct api_shape *shape, const void *place, slice path, slice constraint)
{
    struct violation *violation = list_add(ch->arena, ch->found);
    violation->path = path;
    violation->constraint = constraint;
    violation->sensitive = shape->flags & API_SENSITIVE;
    if (place && !violation->sensitive)
        violation->value = constraint_print(ch->arena, shape, place);
}

static slice member_path(struct checker *ch, slice path, slice name)
{
    char first = name.ptr[0] >= 'A' && name.ptr[0] <= 'Z' ? (char)(name.ptr[0] + 32) : name.ptr[0];
    slice rest = slice_sub(name, 1, name.len);
    if (path.len == 0)
        return arena_printf(ch->arena, "%c%.*s", first, SLICE_ARG(rest));
    return arena_printf(ch->arena, "%.*s.%c%.*s", SLICE_ARG(path), first, SLICE_ARG(rest));
}

static void check_structure(struct checker *ch, const struct api_shape *shape, const void *object, slice path)
{
    for (size_t i = 0; i < shape->n_members; i++) {
        const struct api_member *member = &shape->members[i];
        const char *place = (const char *)object + member->offset;
        bool set = walk_is_set(member->shape, place, false);
        if (!set && (member->flags & API_REQUIRED))
            add(ch, member->shape, NULL, member_path(ch, path, member->name), S("Member must not be null"));
        else if (set && (member->shape->constraint || member->shape->type >= API_LIST))
            check_place(ch, member->shape, place, false, member_path(ch, path, member->name));
    }
}

/* The own constraints of a shape that this value violates are one violation each. */
static void check_own(struct checker *ch, const struct api_shape *shape, const void *place, slice path)
{
    slice broken[4];
    size_t n = constraint_broken(ch->arena, shape, place, ch->values, broken);
    for (size_t i = 0; i < n; i++)
        add(ch, shape, place, path, broken[i]);
}

static bool breaks(struct checker *ch, const struct api_shape *shape, const void *place)
{
    slice broken[4];
    return !walk_is_set(shape, place, true) || constraint_broken(ch->arena, shape, place, ch->values, broken) > 0;
}

/* Scalars in a list or map are judged together: AWS shows the whole container and every constraint of its elements. */
static void check_scalars(struct checker *ch, const struct api_shape *shape, const struct list *list, size_t which,
                          slice path)
{
    static const char *const forms[] = {"Member must satisfy constraint: [%.*s]",
                                        "Map keys must satisfy constraint: [%.*s]",
                                        "Map value must satisfy constraint: [%.*s]"};
    const struct api_member *member = &shape->members[which];
    for (size_t i = 0; i < list->len; i++) {
        if (!breaks(ch, member->shape, walk_entry(shape, list, i) + member->offset))
            continue;
        slice all = constraint_all(ch->arena, member->shape, ch->values);
        const char *form = forms[shape->type == API_LIST ? 0 : which + 1];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        add(ch, shape, list, path, arena_printf(ch->arena, form, SLICE_ARG(all)));
#pragma GCC diagnostic pop
        return;
    }
}

static void check_elements(struct checker *ch, const struct api_shape *shape, const struct list *list, size_t which,
                           slice path)
{
    const struct api_member *member = &shape->members[which];
    if (member->shape->type < API_LIST) {
        check_scalars(ch, shape, list, which, path);
        return;
    }
    for (size_t i = 0; i < list->len; i++) {
        const char *entry = walk_entry(shape, list, i);
        slice at = shape->type == API_LIST ? arena_printf(ch->arena, "%.*s.%zu.member", SLICE_ARG(path), i + 1)
                                           : arena_printf(ch->arena, "%.*s.%.*s.member", SLICE_ARG(path),
                                                          SLICE_ARG(*(const slice *)(const void *)entry));
        check_place(ch, member->shape, entry + member->offset, true, at);
    }
}

static void check_place(struct checker *ch, const struct api_shape *shape, const void *place, bool by_value, slice path)
{
    check_own(ch, shape, place, path);
    if (shape->type == API_STRUCTURE)
        check_structure(ch, shape, walk_structure(place, by_value), path);
    else if (shape->type == API_LIST)
        check_elements(ch, shape, place, 0, path);
    else if (shape->type == API_MAP) {
        check_elements(ch, shape, place, 0, path);
        check_elements(ch, shape, place, 1, path);
    }
}

void codec_validate(struct arena *arena, const struct api_service *service, const struct api_shape *shape,
                    const void *in, struct violation_list *violations)
{
    struct checker ch = {arena, service->validation_style != API_STYLE_NO_VALUE, violations};
    if (shape)
        check_structure(&ch, shape, in, S(""));
}

const struct api_error *codec_decoding_error(const struct api_service *service, int result)
{
    return result == BAD_URI        ? service->uri_error
           : result == BAD_ARGUMENT ? service->argument_error
                                    : service->serialization_error;
}

static void describe(struct buf *text, const struct violation *v, bool values)
{
    if (v->value.ptr && values)
        buf_printf(text, "Value '%.*s' at '%.*s'", SLICE_ARG(v->value), SLICE_ARG(v->path));
    else if (v->value.ptr || v->sensitive)
        buf_printf(text, "Value at '%.*s'", SLICE_ARG(v->path));
    else
        buf_printf(text, "Value null at '%.*s'", SLICE_ARG(v->path));
    buf_printf(text, " failed to satisfy constraint: %.*s", SLICE_ARG(v->constraint));
}

/* "must …" where the others say "Member must …", and patterns in quotes. */
static void describe_constraint(struct buf *text, const struct violation *v)
{
    static const slice pattern = S("Member must satisfy regular expression pattern: ");
    buf_printf(text, "Invalid parameter at '%.*s' failed to satisfy constraint: '", SLICE_ARG(v->path));
    if (slice_starts(v->constraint, pattern))
        buf_printf(text, "must satisfy regular expression '%.*s'",
                   SLICE_ARG(slice_sub(v->constraint, pattern.len, v->constraint.len)));
    else
        buf_add(text, slice_sub(v->constraint, slice_starts(v->constraint, S("Member ")) ? 7 : 0, v->constraint.len));
    buf_add_char(text, '\'');
}

/* One violation at a time; a missing parameter is an error of its own. */
static const struct api_error *describe_parameter(struct buf *text, const struct api_service *service,
                                                  const struct violation *v)
{
    const struct api_error *missing = api_find_error(service, S("MissingParameter"));
    if (!v->value.ptr && !v->sensitive) {
        buf_printf(text, "The request must contain the parameter %.*s", SLICE_ARG(v->path));
        return missing ? missing : service->validation_error;
    }
    buf_printf(text, "Value (%.*s) for parameter %.*s is invalid. %.*s", SLICE_ARG(v->value), SLICE_ARG(v->path),
               SLICE_ARG(v->constraint));
    return service->validation_error;
}

struct codec_failure codec_violations_failure(struct arena *arena, const struct api_service *service,
                                              const struct violation_list *violations)
{
    struct buf text;
    buf_init(&text, arena);
    const struct violation *first = &violations->items[0];
    const struct api_error *error = service->validation_error;
    switch (service->validation_style) {
    case API_STYLE_CONSTRAINT:
        describe_constraint(&text, first);
        break;
    case API_STYLE_PARAMETER:
        error = describe_parameter(&text, service, first);
        break;
    default:
        buf_printf(&text, "%zu validation error%s detected: ", violations->len, violations->len == 1 ? "" : "s");
        list_foreach (violation, violations) {
            if (violation != first)
                buf_add(&text, S("; "));
            describe(&text, violation, service->validation_style == API_STYLE_FULL);
        }
    }
    return (struct codec_failure){.error = error, .message = buf_slice(&text)};
}
