/* image: see image.h. Blobs are files that ecr keeps under their digests; nobody else is asked for them. */
#include "runner/image.h"

#include "common/arena.h"
#include "common/fdio.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/loop_watch.h"
#include "common/time.h"
#include "runner/runner.h"
#include "runner/stub/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_CONFIG_BYTES = 4 * 1024 * 1024, MAX_COMPLAINT_BYTES = 1024, HEX_DIGITS = 64 };

static void ask(struct container *container);

bool image_init(struct container *container, const struct val *reference)
{
    struct image *image = &container->image;
    image->complaint = image->pidfd.fd = -1;
    if (!reference)
        return true;
    image->wanted = true;
    image->name = val_get_string(&container->plan, S("image"));
    image->account = val_get_string(reference, S("account"));
    image->region = val_get_string(reference, S("region"));
    image->repository = val_get_string(reference, S("repository"));
    image->tag = val_get_string(reference, S("tag"));
    image->digest = val_get_string(reference, S("digest"));
    return image->account.ptr && image->region.ptr && image->repository.ptr && (image->tag.ptr || image->digest.ptr);
}

static void fail_text(struct container *container, slice why, bool nowhere)
{
    slice text = arena_printf(container->arena,
                              "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
                              "resolve ref %.*s: %.*s",
                              SLICE_ARG(container->image.name), SLICE_ARG(why));
    container_image_ready(container, text, nowhere);
}

static slice blob_path(struct container *container, slice hex)
{
    return arena_printf(container->arena, "%.*s/ecr/blobs/sha256/%.2s/%.*s", SLICE_ARG(container->runner->root_dir),
                        hex.ptr, SLICE_ARG(hex));
}

/* The digits of "sha256:…", or absent. */
static slice hex_of(slice digest)
{
    slice hex = slice_sub(digest, 7, digest.len);
    if (!slice_starts(digest, S("sha256:")) || hex.len != HEX_DIGITS)
        return (slice){NULL, 0};
    for (size_t i = 0; i < hex.len; i++) {
        if (!(hex.ptr[i] >= '0' && hex.ptr[i] <= '9') && !(hex.ptr[i] >= 'a' && hex.ptr[i] <= 'f'))
            return (slice){NULL, 0};
    }
    return hex;
}

static const char *machine(void)
{
    static struct utsname name;
    if (!name.machine[0] && uname(&name) != 0)
        return "unknown";
    return strcmp(name.machine, "x86_64") == 0    ? "amd64"
           : strcmp(name.machine, "aarch64") == 0 ? "arm64"
                                                  : name.machine;
}

/* The digest of the index's image for this machine, or absent. */
static slice choose(const struct val *manifests)
{
    for (size_t i = 0; i < manifests->array.len; i++) {
        const struct val *one = &manifests->array.items[i], *platform = val_get(one, S("platform"));
        if (platform && slice_eq(val_get_string(platform, S("os")), S("linux")) &&
            slice_eq(val_get_string(platform, S("architecture")), slice_of(machine())))
            return val_get_string(one, S("digest"));
    }
    return (slice){NULL, 0};
}

static void unwatch(struct container *container)
{
    struct image *image = &container->image;
    if (image->pidfd.fd >= 0) {
        ev_io_stop(container->runner->loop, &image->pidfd);
        close(image->pidfd.fd);
        image->pidfd.fd = -1;
    }
    fdio_cleanup(&image->complaint);
}

static void on_unpacked(struct ev_loop *loop, ev_io *io, int events)
{
    struct container *container = io->data;
    struct image *image = &container->image;
    char text[MAX_COMPLAINT_BYTES];
    int status = 0;
    (void)loop;
    (void)events;
    if (waitpid(image->unpacker, &status, WNOHANG) != image->unpacker)
        return;
    image->unpacker = 0;
    ssize_t length = read(image->complaint, text, sizeof(text));
    unwatch(container);
    image->pulled_ms = time_now_ms();
    layers_tidy(container->runner, LIMIT_UNPACKED_LAYERS_BYTES);
    if (status == 0) {
        container_image_ready(container, (slice){NULL, 0}, false);
        return;
    }
    slice why = slice_trim((slice){text, length > 0 ? (size_t)length : 0});
    container_image_ready(container,
                          arena_printf(container->arena, "CannotPullContainerError: failed to register layer: %.*s",
                                       SLICE_ARG(why.len > 0 ? why : S("the unpacker ended unexpectedly"))),
                          false);
    loop_watch_did(S("an unpacked image"));
}

static int spawn_unpacker(struct container *container, char **argv)
{
    struct image *image = &container->image;
    posix_spawn_file_actions_t actions;
    char *envp[] = {NULL};
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) != 0)
        return -errno;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], 2);
    int result = -posix_spawn(&image->unpacker, container->runner->unpacker, &actions, NULL, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    image->complaint = pipes[0];
    int pidfd = result == 0 ? (int)syscall(SYS_pidfd_open, image->unpacker, 0) : -1;
    if (pidfd < 0) {
        fdio_cleanup(&image->complaint);
        return result != 0 ? result : -errno;
    }
    ev_io_init(&image->pidfd, on_unpacked, pidfd, EV_READ);
    image->pidfd.data = container;
    ev_io_start(container->runner->loop, &image->pidfd);
    return 0;
}

/* Those layers that are not there yet. */
static void unpack(struct container *container)
{
    struct arena *arena = container->arena;
    struct image *image = &container->image;
    slice root = container->runner->root_dir;
    char **argv = arena_array(arena, image->layers.len + 4, sizeof(*argv));
    size_t n = 0;
    argv[n++] = arena_copy(arena, "awssim-unpack", sizeof("awssim-unpack"));
    argv[n++] = (char *)(uintptr_t)arena_printf(arena, "%.*s/ecr/blobs/sha256", SLICE_ARG(root)).ptr;
    argv[n++] = (char *)(uintptr_t)arena_printf(arena, "%.*s/images/layers", SLICE_ARG(root)).ptr;
    list_foreach (hex, &image->layers) {
        if (!layers_use(container->runner, *hex))
            argv[n++] = (char *)(uintptr_t)slice_cstr(arena, *hex);
    }
    if (n == 3) {
        image->pulled_ms = time_now_ms();
        container_image_ready(container, (slice){NULL, 0}, false);
        return;
    }
    int result = spawn_unpacker(container, argv);
    if (result != 0)
        fail_text(container, slice_of(strerror(-result)), false);
}

static int read_config(struct container *container, const struct val *manifest)
{
    struct val *config = arena_alloc(container->arena, sizeof(*config));
    slice text, why, hex = hex_of(val_get_string(val_get(manifest, S("config")), S("digest")));
    if (!hex.ptr || fdio_read_file(container->arena, blob_path(container, hex).ptr, MAX_CONFIG_BYTES, &text) != 0 ||
        json_parse(container->arena, text, config, &why) != 0)
        return -1;
    container->image_config = val_get(config, S("config"));
    slice architecture = val_get_string(config, S("architecture"));
    return architecture.len == 0 || slice_eq(architecture, slice_of(machine())) ? 0 : 1;
}

static void read_manifest(struct container *container, const struct val *manifest)
{
    struct image *image = &container->image;
    const struct val *layers = val_get(manifest, S("layers"));
    for (size_t i = 0; layers && layers->type == VAL_ARRAY && i < layers->array.len; i++) {
        slice hex = hex_of(val_get_string(&layers->array.items[i], S("digest")));
        if (!hex.ptr || image->layers.len == PLAN_MAX_LAYERS) {
            fail_text(container, S("the manifest has layers that cannot be used"), false);
            return;
        }
        *list_add(container->arena, &image->layers) = hex;
    }
    int result = read_config(container, manifest);
    if (result > 0)
        fail_text(container,
                  arena_printf(container->arena,
                               "image Manifest does not contain descriptor matching platform "
                               "'linux/%s'",
                               machine()),
                  false);
    else if (result < 0 || image->layers.len == 0)
        fail_text(container, S("the image's configuration cannot be read"), false);
    else
        unpack(container);
}

/* An index is followed once. */
static void read_document(struct container *container, slice text)
{
    struct image *image = &container->image;
    struct val *document = arena_alloc(container->arena, sizeof(*document));
    slice why;
    if (json_parse(container->arena, text, document, &why) != 0) {
        fail_text(container, S("the manifest cannot be read"), false);
        return;
    }
    const struct val *manifests = val_get(document, S("manifests"));
    if (!manifests || manifests->type != VAL_ARRAY || image->chosen) {
        read_manifest(container, document);
        return;
    }
    slice digest = choose(manifests);
    if (!digest.ptr) {
        fail_text(
            container,
            arena_printf(container->arena, "no matching manifest for linux/%s in the manifest list entries", machine()),
            false);
        return;
    }
    image->chosen = true;
    image->digest = digest;
    image->tag = (slice){NULL, 0};
    ask(container);
}

static void on_answer(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    struct container *container = context;
    struct image *image = &container->image;
    struct val *body = arena_alloc(container->arena, sizeof(*body));
    slice why;
    image->call_id = 0;
    if (outcome != BUS_REPLIED) {
        ask(container); /* the bus waits for the next ecr worker */
        return;
    }
    if (json_parse(container->arena, slice_dup(container->arena, reply->body), body, &why) != 0)
        *body = val_null();
    const struct val *images = val_get(body, S("images"));
    if (reply->status == 200 && images && images->type == VAL_ARRAY && images->array.len > 0) {
        const struct val *first = &images->array.items[0];
        if (!image->manifest.ptr)
            image->manifest = val_get_string(val_get(first, S("imageId")), S("imageDigest"));
        read_document(container, val_get_string(first, S("imageManifest")));
        return;
    }
    slice message = val_get_string(body, S("message"));
    fail_text(container,
              message.len > 0 ? message : arena_printf(container->arena, "%.*s: not found", SLICE_ARG(image->name)),
              slice_eq(val_get_string(body, S("__type")), S("RepositoryNotFoundException")));
}

static void ask(struct container *container)
{
    struct image *image = &container->image;
    struct arena *arena = arena_open();
    struct val body = val_object(), ids = val_array(), id = val_object();
    if (image->digest.ptr)
        val_set(arena, &id, S("imageDigest"), val_string(image->digest));
    else
        val_set(arena, &id, S("imageTag"), val_string(image->tag));
    val_push(arena, &ids, id);
    val_set(arena, &body, S("registryId"), val_string(image->account));
    val_set(arena, &body, S("repositoryName"), val_string(image->repository));
    val_set(arena, &body, S("imageIds"), ids);
    struct msg request = {
        .kind = MSG_REQUEST,
        .origin = S("runner"),
        .request_id = container->id,
        .service = S("ecr"),
        .protocol = S("internal"),
        .operation = S("BatchGetImage"),
        .account = image->account,
        .region = image->region,
        .body = json_text(arena, &body),
    };
    image->call_id = bus_send(container->runner->ecr, &request, on_answer, container);
    arena_close(arena);
}

void image_prepare(struct container *container)
{
    ask(container);
}

void image_cancel(struct container *container)
{
    struct image *image = &container->image;
    if (image->call_id)
        bus_forget(container->runner->ecr, image->call_id);
    image->call_id = 0;
    if (image->unpacker > 0) {
        kill(image->unpacker, SIGKILL);
        waitpid(image->unpacker, NULL, 0);
        image->unpacker = 0;
    }
    unwatch(container);
}
