/* mounts: a container's volumes as the runner mounts them: its mount points, those of the containers it takes volumes
 * from, and file systems in memory. Each kind of volume has its own source. */
#include "services/ecs/ecs.h"

#include "common/conf.h"
#include "common/json.h"

#include <unistd.h>

enum { MIB = 1024 * 1024 };

static const struct ecs_volume *find_volume(const struct task *task, slice name)
{
    list_foreach (volume, &task->definition.doc.volumes) {
        if (slice_eq(volume->name, name))
            return volume;
    }
    return NULL;
}

static const struct ecs_container_definition *find_container(const struct task *task, slice name)
{
    list_foreach (container, &task->definition.doc.container_definitions) {
        if (slice_eq(container->name, name))
            return container;
    }
    return NULL;
}

static bool is_shared(const struct ecs_volume *volume)
{
    return volume->docker_volume_configuration && slice_eq(volume->docker_volume_configuration->scope, S("shared"));
}

/* "root" or "path" of what efs has answered; absent for a volume that is not of efs. */
static slice file_system_of(struct call *c, const struct task *task, const struct ecs_volume *volume, slice member)
{
    struct val result;
    slice why;
    if (!volume->efs_volume_configuration ||
        json_parse(c->arena, slice_dup(c->arena, provision_result(task, volume->name)), &result, &why) != 0)
        return (slice){NULL, 0};
    return val_get_string(&result, member);
}

/* Where the volume is on the host. One of the task is in the folder that the runner removes with the task. */
static slice source_of(struct call *c, const struct task *task, const struct ecs_volume *volume)
{
    if (volume->efs_volume_configuration)
        return file_system_of(c, task, volume, S("path"));
    if (volume->host && volume->host->source_path.len > 0)
        return volume->host->source_path;
    if (is_shared(volume))
        return arena_printf(c->arena, "%.*s/volumes/%.*s/%.*s/%.*s", SLICE_ARG(c->conf->state_dir),
                            SLICE_ARG(c->account), SLICE_ARG(c->region), SLICE_ARG(volume->name));
    return arena_printf(c->arena, "%.*s/runner/%.*s/volumes/%.*s", SLICE_ARG(c->conf->state_dir),
                        SLICE_ARG(task->task_id), SLICE_ARG(volume->name));
}

static slice docker_refusal(struct call *c, const struct task *task, const struct ecs_volume *volume)
{
    const struct ecs_docker_volume_configuration *docker = volume->docker_volume_configuration;
    if (docker->driver.len > 0 && !slice_eq(docker->driver, S("local")))
        return arena_printf(c->arena, "CannotCreateVolumeError: volume driver %.*s is not available; local is",
                            SLICE_ARG(docker->driver));
    if (docker->driver_opts.len > 0)
        return S("CannotCreateVolumeError: options of the volume driver local are not available");
    if (is_shared(volume) && !opt_bool_or(docker->autoprovision, false) &&
        access(slice_cstr(c->arena, source_of(c, task, volume)), F_OK) != 0)
        return arena_printf(c->arena, "CannotCreateVolumeError: get %.*s: no such volume", SLICE_ARG(volume->name));
    return (slice){NULL, 0};
}

/* The names of volumes that have a directory of their own become names of directories. */
static bool is_name(slice name)
{
    return name.len > 0 && name.len <= 255 && name.ptr[0] != '.' && slice_index(name, '/') == name.len &&
           slice_index(name, '\0') == name.len;
}

slice mounts_refusal(struct call *c, const struct task *task)
{
    list_foreach (volume, &task->definition.doc.volumes) {
        const char *kind = volume->s3files_volume_configuration                   ? "Amazon S3 Files"
                           : volume->fsx_windows_file_server_volume_configuration ? "FSx for Windows File Server"
                           : opt_bool_or(volume->configured_at_launch, false)     ? "Amazon EBS"
                                                                                  : NULL;
        if (kind)
            return arena_printf(c->arena, "ResourceInitializationError: volume %.*s: volumes of %s are not available",
                                SLICE_ARG(volume->name), kind);
        if (!is_name(volume->name))
            return arena_printf(c->arena, "CannotCreateVolumeError: %.*s is no name of a volume",
                                SLICE_ARG(volume->name));
        slice reason = volume->docker_volume_configuration ? docker_refusal(c, task, volume) : (slice){NULL, 0};
        if (reason.ptr)
            return reason;
    }
    return (slice){NULL, 0};
}

static void add_bind(struct call *c, struct val *list, const struct task *task, const struct ecs_volume *volume,
                     slice target, bool read_only)
{
    struct val mount = val_object();
    slice root = file_system_of(c, task, volume, S("root"));
    val_set(c->arena, &mount, S("type"), val_string(S("bind")));
    val_set(c->arena, &mount, S("source"), val_string(source_of(c, task, volume)));
    if (root.ptr)
        val_set(c->arena, &mount, S("within"), val_string(root));
    val_set(c->arena, &mount, S("target"), val_string(target));
    val_set(c->arena, &mount, S("create"), val_bool(!volume->efs_volume_configuration));
    val_set(c->arena, &mount, S("readOnly"), val_bool(read_only));
    if (!volume->efs_volume_configuration && !(volume->host && volume->host->source_path.len > 0))
        val_set(c->arena, &mount, S("fill"), val_bool(true));
    val_push(c->arena, list, mount);
}

static void add_memory(struct call *c, struct val *list, slice target, int64_t mib, slice options)
{
    struct val mount = val_object();
    val_set(c->arena, &mount, S("type"), val_string(S("tmpfs")));
    val_set(c->arena, &mount, S("target"), val_string(target));
    val_set(c->arena, &mount, S("size"), val_int(mib * MIB));
    if (options.len > 0)
        val_set(c->arena, &mount, S("options"), val_string(options));
    val_push(c->arena, list, mount);
}

/* depth: of containers that take volumes from each other, which may be a circle. */
static void add_volumes(struct call *c, struct val *list, const struct task *task,
                        const struct ecs_container_definition *container, bool read_only, size_t depth)
{
    list_foreach (from, &container->volumes_from) {
        const struct ecs_container_definition *other = find_container(task, from->source_container);
        if (other && depth < task->n_containers)
            add_volumes(c, list, task, other, read_only || opt_bool_or(from->read_only, false), depth + 1);
    }
    list_foreach (point, &container->mount_points) {
        const struct ecs_volume *volume = find_volume(task, point->source_volume);
        if (volume)
            add_bind(c, list, task, volume, point->container_path, read_only || opt_bool_or(point->read_only, false));
    }
}

static slice joined(struct call *c, const struct ecs_string_list *options)
{
    slice text = S("");
    list_foreach (option, options)
        text = arena_printf(c->arena, "%.*s%s%.*s", SLICE_ARG(text), text.len > 0 ? "," : "", SLICE_ARG(*option));
    return text;
}

struct val mounts_of(struct call *c, const struct task *task, const struct ecs_container_definition *container)
{
    const struct ecs_linux_parameters *linux_parameters = container->linux_parameters;
    struct val list = val_array();
    if (linux_parameters && opt_int_or(linux_parameters->shared_memory_size, 0) > 0)
        add_memory(c, &list, S("/dev/shm"), linux_parameters->shared_memory_size.v, S("mode=1777"));
    add_volumes(c, &list, task, container, false, 0);
    if (linux_parameters) {
        list_foreach (memory, &linux_parameters->tmpfs)
            add_memory(c, &list, memory->container_path, opt_int_or(memory->size, 0),
                       joined(c, &memory->mount_options));
    }
    return list;
}
