/* combine: an image's configuration with what the container was given, as ECS does it: an entry point of its own drops
 * the image's command too, a command replaces only the image's, variables are added to. */
#include "runner/runner.h"

#include "common/arena.h"

static const slice default_path = S("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");

static size_t count(const struct val *list)
{
    return list && list->type == VAL_ARRAY ? list->array.len : 0;
}

static void append(struct arena *arena, struct val *to, const struct val *list)
{
    for (size_t i = 0; i < count(list); i++)
        val_push(arena, to, list->array.items[i]);
}

static void combine_command(struct container *container)
{
    const struct val *config = container->image_config, *plan = &container->plan;
    const struct val *entry = val_get(plan, S("entryPoint")), *arguments = val_get(plan, S("arguments"));
    bool own_entry = count(entry) > 0;
    struct val command = val_array();
    append(container->arena, &command, own_entry ? entry : val_get(config, S("Entrypoint")));
    if (count(arguments) > 0)
        append(container->arena, &command, arguments);
    else if (!own_entry)
        append(container->arena, &command, val_get(config, S("Cmd")));
    val_set(container->arena, &container->plan, S("command"), command);
}

static bool is_given(const struct val *environment, slice name)
{
    for (size_t i = 0; i < count(environment); i++) {
        const struct val *pair = &environment->array.items[i];
        if (count(pair) == 2 && slice_eq(pair->array.items[0].string, name))
            return true;
    }
    return false;
}

static void add_variable(struct arena *arena, struct val *to, const struct val *given, slice text)
{
    struct val pair = val_array();
    slice name, value;
    slice_cut(text, '=', &name, &value);
    if (is_given(given, name) || is_given(to, name))
        return;
    val_push(arena, &pair, val_string(name));
    val_push(arena, &pair, val_string(value.ptr ? value : S("")));
    val_push(arena, to, pair);
}

static void combine_environment(struct container *container)
{
    const struct val *given = val_get(&container->plan, S("environment"));
    const struct val *list = val_get(container->image_config, S("Env"));
    struct val environment = val_array();
    for (size_t i = 0; i < count(list); i++) {
        if (list->array.items[i].type == VAL_STRING)
            add_variable(container->arena, &environment, given, list->array.items[i].string);
    }
    add_variable(container->arena, &environment, given, default_path);
    append(container->arena, &environment, given);
    val_set(container->arena, &container->plan, S("environment"), environment);
}

static void combine_text(struct container *container, slice member, slice of_image)
{
    slice own = val_get_string(&container->plan, member), other = val_get_string(container->image_config, of_image);
    if (own.len == 0 && other.len > 0)
        val_set(container->arena, &container->plan, member, val_string(other));
}

void combine_image(struct container *container)
{
    combine_command(container);
    combine_environment(container);
    combine_text(container, S("workingDirectory"), S("WorkingDir"));
    combine_text(container, S("user"), S("User"));
    combine_text(container, S("stopSignal"), S("StopSignal"));
}
