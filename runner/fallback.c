/* fallback: see fallback.h. */
#include "runner/fallback.h"

#include "common/arena.h"
#include "common/fdio.h"
#include "common/log.h"
#include "runner/probe.h"
#include "runner/runner.h"
#include "runner/stub/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const slice kind_names[] = {
    [FALLBACK_SANDBOX] = S("sandbox"),
    [FALLBACK_HOST] = S("host"),
    [FALLBACK_STRICT] = S("strict"),
    [FALLBACK_NONE] = S("none"),
};

bool fallback_shows(slice path)
{
    static const char *const shown[] = MIRROR_SHOWN;
    slice top, rest;
    slice_cut(slice_sub(path, 1, path.len), '/', &top, &rest);
    for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++) {
        if (slice_eq(top, slice_of(shown[i])))
            return true;
    }
    return false;
}

/* The files are those of a folder (chroot, debootstrap), and not the machine's. pivot_root cannot be had there. */
static bool is_in_chroot(void)
{
    struct statx root;
    return statx(AT_FDCWD, "/", 0, 0, &root) == 0 && (root.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) &&
           !(root.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* What container engines leave for those who ask. */
bool fallback_in_container(void)
{
    if (is_in_chroot())
        return true;
    static const char *const files[] = {"/.dockerenv", "/run/.containerenv", "/run/systemd/container"};
    static const char *const variables[] = {"container", "KUBERNETES_SERVICE_HOST"};
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        if (access(files[i], F_OK) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
        if (slice_of(getenv(variables[i])).len > 0)
            return true;
    }
    return false;
}

bool fallback_permits_host(const struct runner *runner)
{
    return runner->fallback.kind == FALLBACK_HOST || fallback_in_container();
}

/* The folders of PATH that a sandbox has. */
static slice path_of(struct runner *runner)
{
    struct buf path;
    buf_init(&path, runner->arena);
    for (slice folders = runner->host_path; folders.ptr;) {
        slice folder;
        slice_cut(folders, ':', &folder, &folders);
        if (folder.len > 0 && folder.ptr[0] == '/' && fallback_shows(folder))
            buf_printf(&path, "%s%.*s", path.len > 0 ? ":" : "", SLICE_ARG(folder));
    }
    return path.len > 0 ? buf_slice(&path) : S("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

/* The first task is laid over the same template: making it takes too long for the loop. */
static slice probe(struct runner *runner)
{
    const char *folder = arena_printf(runner->arena, "%.*s/probe", SLICE_ARG(runner->state_dir)).ptr;
    fdio_remove_tree(folder);
    if (mkdir(folder, 0700) != 0)
        return S("its folder cannot be made");
    struct template_version *template = templates_take(&runner->templates);
    slice why = template ? probe_sandbox(runner, template_path(template), folder)
                         : arena_printf(runner->arena, "what it is laid over: %s", strerror(errno));
    template_release(template);
    fdio_remove_tree(folder);
    return why;
}

static void decide_without(struct runner *runner)
{
    struct fallback *fallback = &runner->fallback;
    bool in_container = fallback_in_container();
    fallback->kind = in_container ? FALLBACK_HOST : FALLBACK_NONE;
    fallback->warning = arena_printf(
        runner->arena,
        in_container ? "this container permits no sandboxes (%.*s): tasks and functions run on its own files, without "
                       "volumes and without images"
                     : "this machine permits no sandboxes (%.*s): tasks and functions are not started; --images host "
                       "runs them on the machine's files",
        SLICE_ARG(fallback->why));
}

static void tell(struct runner *runner, slice run_dir)
{
    const struct fallback *fallback = &runner->fallback;
    slice text = arena_printf(runner->arena, "%.*s\n%.*s", SLICE_ARG(kind_names[fallback->kind]),
                              SLICE_ARG(fallback->warning.ptr ? fallback->warning : S("")));
    fdio_replace_file(arena_printf(runner->arena, "%.*s/images", SLICE_ARG(run_dir)).ptr, text, 0600);
    if (fallback->warning.ptr)
        log_warn("%.*s", SLICE_ARG(fallback->warning));
}

void fallback_decide(struct runner *runner, slice images, slice run_dir)
{
    struct fallback *fallback = &runner->fallback;
    *fallback = (struct fallback){.kind = FALLBACK_SANDBOX, .path = path_of(runner)};
    if (slice_eq(images, S("host")))
        fallback->kind = FALLBACK_HOST;
    else if (slice_eq(images, S("strict")))
        fallback->kind = FALLBACK_STRICT;
    else
        fallback->why = probe(runner);
    if (fallback->why.len > 0)
        decide_without(runner);
    tell(runner, run_dir);
}
