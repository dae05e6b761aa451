/* root: see root.h. */
#include "runner/stub/root.h"

#include "runner/stub/devices.h"
#include "runner/stub/mirror.h"
#include "runner/stub/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_RESOLVER = 64 * 1024 };

static int explain(const struct plan *plan, char *why, size_t size, const char *what)
{
    bool denied = errno == EPERM || errno == EACCES || errno == ENOSYS;
    const char *whose = !plan_mirrors(plan) ? "the image's root" : denied ? PLAN_NO_SANDBOX : "the sandbox's root";
    snprintf(why, size, "%s: %s: %s", whose, what, strerror(errno));
    return -1;
}

enum { FEW_LAYERS = 32 };

/* The layers by their own names in their folder, or, where these would be too long together, by numbers in a folder of
 * links: the options of a mount have a page at most. Makes that folder the working directory. */
static int name_layers(const struct plan *plan, char lower[OVERLAY_MAX_OPTIONS])
{
    char links[PATH_MAX], number[16], path[PATH_MAX];
    bool few = plan->n_layers <= FEW_LAYERS;
    size_t length = 0;
    if (!few && overlay_folder(plan, "layers", links) != 0)
        return -1;
    if (chdir(few ? plan->layer_folder : links) != 0)
        return -1;
    for (size_t i = plan->n_layers; i > 0; i--) {
        snprintf(number, sizeof(number), "%zu", i);
        errno = ENAMETOOLONG;
        if (!few && (snprintf(path, sizeof(path), "%s/%s", plan->layer_folder, plan->layers[i - 1]) >= PATH_MAX ||
                     symlink(path, number) != 0))
            return -1;
        length += (size_t)snprintf(lower + length, OVERLAY_MAX_OPTIONS - length, "%s%s", length > 0 ? ":" : "",
                                   few ? plan->layers[i - 1] : number);
        errno = E2BIG;
        if (length >= OVERLAY_MAX_OPTIONS)
            return -1;
    }
    return 0;
}

static int mount_layers(const struct plan *plan)
{
    char root[PATH_MAX], lower[OVERLAY_MAX_OPTIONS] = "";
    struct overlay_upper folders;
    if (overlay_folder(plan, "root", root) != 0 || overlay_prepare(plan, "image", &folders) != 0 ||
        name_layers(plan, lower) != 0 || overlay_mount(&folders, lower, root, 0) != 0)
        return -1;
    return chdir(root);
}

/* A folder of the root that is being made, which is the working directory. An image may have a link in its place, and
 * until the root is entered links lead into the host's files. */
static int own_folder(const char *name)
{
    struct stat st;
    if (mkdir(name, 0755) == 0)
        return 0;
    if (errno != EEXIST || lstat(name, &st) != 0)
        return -1;
    errno = ENOTDIR;
    return S_ISDIR(st.st_mode) ? 0 : -1;
}

static int mount_at(const char *type, const char *name, unsigned long flags, const char *options)
{
    return own_folder(name) == 0 ? mount(type, name, type, flags, options) : -1;
}

/* What is no file there, often a link into /run, becomes one: a mount would follow the link. */
static int bind_file(const char *from, const char *to, unsigned long flags)
{
    struct stat st;
    if (lstat(to, &st) != 0 || !S_ISREG(st.st_mode)) {
        unlink(to);
        int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0)
            return -1;
        close(fd);
    }
    return mount(from, to, NULL, MS_BIND, NULL) == 0
               ? mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV | flags, NULL)
               : -1;
}

/* sysfs cannot be mounted where the network is another's: then the host's is shown, or none. */
static int make_sys(void)
{
    struct mount_attr sealed = {.attr_set =
                                    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
    if (own_folder("sys") != 0)
        return -1;
    if (mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL) == 0 ||
        mount("/sys", "sys", NULL, MS_BIND | MS_REC, NULL) != 0)
        return 0;
    return mount_setattr(AT_FDCWD, "sys", AT_RECURSIVE, &sealed, sizeof(sealed));
}

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -1;
    size_t length = strlen(text);
    ssize_t written = write(fd, text, length);
    close(fd);
    return written == (ssize_t)length ? 0 : -1;
}

/* A file of /etc that the container has instead of its image's or the host's. It is the container's own: what is
 * written to it is written to nothing of the host. Where the host's files are shown as they are it stays as it is. */
static int place_file(const struct plan *plan, const char *name, const char *text)
{
    char own[PATH_MAX], place[64];
    bool fixed = plan_mirrors(plan) && plan->sandbox;
    snprintf(place, sizeof(place), "etc/%s", name);
    if (snprintf(own, sizeof(own), "%s.%s", plan->scratch, name) >= (int)sizeof(own) || write_text(own, text) != 0)
        return -1;
    return bind_file(own, place, fixed ? MS_RDONLY : 0);
}

/* The name servers are the host's. */
static int place_resolver(const struct plan *plan)
{
    char text[MAX_RESOLVER];
    int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (length < 0)
        return unlink("etc/resolv.conf") == 0 || errno == ENOENT ? 0 : -1;
    text[length] = '\0';
    return place_file(plan, "resolv.conf", text);
}

static int place_hosts(const struct plan *plan, const char *host_name)
{
    char *text = NULL;
    if (asprintf(&text, "127.0.0.1\tlocalhost %s\n::1\tlocalhost ip6-localhost ip6-loopback\n%s", host_name,
                 plan->hosts ? plan->hosts : "") < 0)
        return -1;
    int result = place_file(plan, "hosts", text);
    free(text);
    return result;
}

static int make_names(const struct plan *plan)
{
    char name[128];
    const char *host_name = plan->host_name ? plan->host_name : "localhost";
    if (own_folder("etc") != 0 || (plan->passwd && place_file(plan, "passwd", plan->passwd) != 0))
        return -1;
    if (plan_mirrors(plan) && plan->sandbox)
        return 0;
    snprintf(name, sizeof(name), "%s\n", host_name);
    if (sethostname(host_name, strlen(host_name)) != 0 || place_hosts(plan, host_name) != 0 ||
        place_file(plan, "hostname", name) != 0)
        return -1;
    return place_resolver(plan);
}

static int become_root(void)
{
    if (syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0)
        return -1;
    return chdir("/");
}

/* Some file systems take no overlay's writes: what is written is then in memory. */
static int place_in_memory(struct plan *plan, char place[PATH_MAX])
{
    static const long refused[] = {OVERLAYFS_SUPER_MAGIC, NFS_SUPER_MAGIC, V9FS_MAGIC, SMB2_SUPER_MAGIC};
    char folder[PATH_MAX];
    struct statfs fs;
    bool takes = true;
    snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(plan->scratch, '/') - plan->scratch), plan->scratch);
    if (statfs(folder, &fs) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        takes = takes && fs.f_type != refused[i];
    if (takes)
        return 0;
    if (overlay_folder(plan, "memory", folder) != 0 ||
        mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") != 0)
        return -1;
    plan->scratch = place;
    errno = ENAMETOOLONG;
    return snprintf(place, PATH_MAX, "%s/c", folder) < PATH_MAX ? 0 : -1;
}

int root_enter(const struct plan *given, char *why, size_t size)
{
    char place[PATH_MAX];
    struct plan placed = *given, *plan = &placed;
    if (!(plan_mirrors(plan) && plan->sandbox) && place_in_memory(plan, place) != 0)
        return explain(plan, why, size, "a folder for what is written");
    if ((plan_mirrors(plan) ? mirror_make(plan) : mount_layers(plan)) != 0)
        return explain(plan, why, size, plan_mirrors(plan) ? "the host's files" : "the layers");
    if (mount_at("proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
        return explain(plan, why, size, "/proc");
    if (own_folder("dev") != 0 || devices_make(plan) != 0)
        return explain(plan, why, size, "/dev");
    if (make_sys() != 0)
        return explain(plan, why, size, "/sys");
    if (make_names(plan) != 0)
        return explain(plan, why, size, "/etc");
    return become_root() == 0 ? 0 : explain(plan, why, size, "pivot_root");
}

/* Where the kernel itself could be told things, or asked for too much. */
static int guard_kernel(void)
{
    static const char *const read_only[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
    static const char *const hidden[] = {"/proc/acpi",        "/proc/asound",  "/proc/interrupts",
                                         "/proc/kcore",       "/proc/keys",    "/proc/latency_stats",
                                         "/proc/sched_debug", "/proc/scsi",    "/proc/timer_list",
                                         "/proc/timer_stats", "/sys/firmware", "/sys/devices/virtual/powercap"};
    static const unsigned long hide = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    struct stat st;
    for (size_t i = 0; i < sizeof(read_only) / sizeof(*read_only); i++) {
        if (stat(read_only[i], &st) != 0)
            continue;
        if (mount(read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL) != 0 ||
            mount(NULL, read_only[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                  NULL) != 0)
            return -1;
    }
    for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++) {
        if (stat(hidden[i], &st) != 0)
            continue;
        int result = S_ISDIR(st.st_mode) ? mount("tmpfs", hidden[i], "tmpfs", hide, "size=0")
                                         : mount("/dev/null", hidden[i], NULL, MS_BIND, NULL);
        if (result != 0)
            return -1;
    }
    return 0;
}

static int make_path(const char *path)
{
    char part[PATH_MAX];
    for (const char *end = strchr(path + 1, '/'); *path; end = end ? strchr(end + 1, '/') : NULL) {
        snprintf(part, sizeof(part), "%.*s", end ? (int)(end - path) : PATH_MAX, path);
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return -1;
        if (!end)
            break;
    }
    return 0;
}

/* A volume of the image is a mount of its own, which stays as it is when the root is sealed. */
static int keep_writable(const char *path)
{
    return make_path(path) == 0 ? mount(path, path, NULL, MS_BIND | MS_REC, NULL) : -1;
}

/* As docker does in images; among this machine's files a working directory that is missing is a mistake. Where it
 * cannot be made, the command's start says so. */
static int make_folders(const struct plan *plan, char *why, size_t size)
{
    for (size_t i = 0; i < plan->n_volumes; i++) {
        if (plan->volumes[i][0] == '/' && make_path(plan->volumes[i]) != 0) {
            snprintf(why, size, "the image's volume %s: %s", plan->volumes[i], strerror(errno));
            return -1;
        }
    }
    if (plan->n_layers > 0 && plan->cwd && plan->cwd[0] == '/' && !plan->sandbox)
        make_path(plan->cwd);
    return 0;
}

static int seal(const struct plan *plan)
{
    /* What guards itself against users without rights needs no other guard. */
    if (!plan->privileged && !(plan_mirrors(plan) && plan->sandbox) && guard_kernel() != 0)
        return -1;
    if (plan->sandbox &&
        mount(NULL, "/dev", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
        return -1;
    if (!plan->read_only_root && !plan->sandbox)
        return 0;
    for (size_t i = 0; i < plan->n_volumes; i++) {
        if (plan->volumes[i][0] == '/' && keep_writable(plan->volumes[i]) != 0)
            return -1;
    }
    if (plan_mirrors(plan) && !plan->sandbox && mirror_seal() != 0)
        return -1;
    bool own = plan->sandbox || plan_mirrors(plan);
    return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV | (own ? MS_NOSUID : 0), NULL);
}

int root_complete(const struct plan *plan, char *why, size_t why_size)
{
    if (make_folders(plan, why, why_size) != 0)
        return -1;
    if (seal(plan) == 0)
        return 0;
    snprintf(why, why_size, "the root file system cannot be guarded: %s", strerror(errno));
    return -1;
}
