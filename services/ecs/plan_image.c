/* plan_image: what the runner is told of a container's image, when it is one of the simulator's own registry, and of
 * what only a container in an image has. */
#include "services/ecs/ecs.h"
#include "services/image/image_ref.h"
#include "services/ecs/leniency.h"

#include "common/conf.h"
#include "common/json.h"

static void set(struct call *c, struct val *object, const char *key, slice text)
{
    if (text.len > 0)
        val_set(c->arena, object, slice_of(key), val_string(text));
}

static void set_list(struct call *c, struct val *object, const char *key, const struct ecs_string_list *words)
{
    struct val list = val_array();
    list_foreach (word, words)
        val_push(c->arena, &list, val_string(*word));
    if (words->len > 0)
        val_set(c->arena, object, slice_of(key), list);
}

static bool add_reference(struct call *c, struct val *plan, slice image)
{
    struct image_ref ref;
    struct val reference = val_object();
    if (!image_ref_parse(image, c->conf->port, &ref))
        return false;
    set(c, &reference, "account", ref.account.ptr ? ref.account : c->account);
    set(c, &reference, "region", ref.region.ptr ? ref.region : c->region);
    set(c, &reference, "repository", ref.repository);
    set(c, &reference, "tag", ref.tag);
    set(c, &reference, "digest", ref.digest);
    val_set(c->arena, plan, S("ecr"), reference);
    return true;
}

slice plan_image_refusal(struct call *c, slice image)
{
    struct image_ref ref;
    if (!image_ref_is_own(image, c->conf->port) || image_ref_parse(image, c->conf->port, &ref))
        return (slice){NULL, 0};
    return arena_printf(c->arena,
                        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve "
                        "ref %.*s: invalid reference format",
                        SLICE_ARG(image));
}

static void add_hosts(struct call *c, struct val *plan, const struct ecs_container_definition *definition)
{
    slice lines = S("");
    list_foreach (entry, &definition->extra_hosts)
        lines = arena_printf(c->arena, "%.*s%.*s\t%.*s\n", SLICE_ARG(lines), SLICE_ARG(entry->ip_address),
                             SLICE_ARG(entry->hostname));
    set(c, plan, "hosts", lines);
}

void plan_image(struct call *c, struct val *plan, const struct ecs_container_definition *definition,
                const struct ecs_string_list *command)
{
    const struct ecs_linux_parameters *linux_parameters = definition->linux_parameters;
    const struct ecs_kernel_capabilities *capabilities = linux_parameters ? linux_parameters->capabilities : NULL;
    if (definition->entry_point.len + command->len == 0 && leniency_on(c, ECS_LENIENCY_NO_COMMAND_RUNS)) {
        /* For an image that is nowhere; one that is found has its own command. */
        slice pause[] = {S("sleep"), S("infinity")};
        set_list(c, plan, "command", &(struct ecs_string_list){pause, 2, true});
    }
    if (add_reference(c, plan, definition->image)) {
        set_list(c, plan, "entryPoint", &definition->entry_point);
        set_list(c, plan, "arguments", command);
    }
    set(c, plan, "hostname", definition->hostname);
    if (linux_parameters && opt_bool_or(linux_parameters->init_process_enabled, false))
        val_set(c->arena, plan, S("init"), val_bool(true));
    add_hosts(c, plan, definition);
    if (opt_bool_or(definition->readonly_root_filesystem, false))
        val_set(c->arena, plan, S("readonlyRoot"), val_bool(true));
    if (opt_bool_or(definition->privileged, false)) {
        slice all = S("ALL");
        val_set(c->arena, plan, S("privileged"), val_bool(true));
        set_list(c, plan, "capAdd", &(struct ecs_string_list){&all, 1, true});
    } else if (capabilities) {
        set_list(c, plan, "capAdd", &capabilities->add);
        set_list(c, plan, "capDrop", &capabilities->drop);
    }
}
