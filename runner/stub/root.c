/* root: see root.h. */
#include "runner/stub/root.h"

#include "runner/stub/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { MAX_OPTIONS = 4096 };

static int explain(const struct plan *plan, char *why, size_t size, const char *what)
{
    bool denied = errno == EPERM || errno == EACCES || errno == ENOSYS;
    const char *whose = !plan_mirrors(plan) ? "the image's root" : denied ? PLAN_NO_SANDBOX : "the sandbox's root";
    snprintf(why, size, "%s: %s: %s", whose, what, strerror(errno));
    return -1;
}

static int make_folder(const char *base, const char *name, char path[PATH_MAX])
{
    if (snprintf(path, PATH_MAX, "%s.%s", base, name) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : -1;
}

/* Lower directories are named relative to where the layers are: the options of a mount have a page at most. */
static int mount_layers(const struct plan *plan)
{
    char root[PATH_MAX], upper[PATH_MAX], work[PATH_MAX], options[MAX_OPTIONS] = "lowerdir=";
    size_t length = strlen(options);
    if (make_folder(plan->scratch, "root", root) != 0 || make_folder(plan->scratch, "upper", upper) != 0 ||
        make_folder(plan->scratch, "work", work) != 0)
        return -1;
    for (size_t i = plan->n_layers; i > 0; i--) {
        length += (size_t)snprintf(options + length, sizeof(options) - length, "%s%s", i < plan->n_layers ? ":" : "",
                                   plan->layers[i - 1]);
        if (length >= sizeof(options)) {
            errno = E2BIG;
            return -1;
        }
    }
    length += (size_t)snprintf(options + length, sizeof(options) - length, ",upperdir=%s,workdir=%s%s", upper, work,
                               getuid() == 0 ? "" : ",userxattr");
    if (length >= sizeof(options)) {
        errno = E2BIG;
        return -1;
    }
    /* Without a list of permitted devices, none of the image's or of the container's own making may be opened. */
    if (chdir(plan->layer_folder) != 0 || mount("overlay", root, "overlay", MS_NODEV, options) != 0)
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

static int bind_file(const char *from, const char *to)
{
    int fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -1;
    close(fd);
    return mount(from, to, NULL, MS_BIND, NULL);
}

static int make_devices(const struct plan *plan)
{
    static const char *const names[] = {"null", "zero", "full", "random", "urandom", "tty"};
    static const char *const links[][2] = {{"/proc/self/fd", "dev/fd"},
                                           {"/proc/self/fd/0", "dev/stdin"},
                                           {"/proc/self/fd/1", "dev/stdout"},
                                           {"/proc/self/fd/2", "dev/stderr"},
                                           {"pts/ptmx", "dev/ptmx"}};
    char from[32], to[32];
    if (mount_at("tmpfs", "dev", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=65536k") != 0)
        return -1;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        snprintf(from, sizeof(from), "/dev/%s", names[i]);
        snprintf(to, sizeof(to), "dev/%s", names[i]);
        if (bind_file(from, to) != 0)
            return -1;
    }
    for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
        if (symlink(links[i][0], links[i][1]) != 0)
            return -1;
    }
    if (mount_at("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620") != 0)
        return -1;
    return plan->sandbox ? 0 : mount_at("tmpfs", "dev/shm", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=65536k");
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

/* A file of /etc that the container has instead of its image or of the host, which cannot be written to. */
static int place_file(const struct plan *plan, const char *name, const char *text)
{
    char own[PATH_MAX], place[64];
    snprintf(place, sizeof(place), "etc/%s", name);
    if (snprintf(own, sizeof(own), "%s.%s", plan->scratch, name) >= (int)sizeof(own) || write_text(own, text) != 0)
        return -1;
    if (plan_mirrors(plan))
        return mount(own, place, NULL, MS_BIND, NULL) == 0
                   ? mount(NULL, place, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL)
                   : -1;
    unlink(place); /* often a link into /run */
    return bind_file(own, place);
}

static int make_names(const struct plan *plan)
{
    char hosts[8192], name[128];
    const char *host_name = plan->host_name ? plan->host_name : "localhost";
    if (own_folder("etc") != 0 || (plan->passwd && place_file(plan, "passwd", plan->passwd) != 0))
        return -1;
    if (plan_mirrors(plan))
        return 0;
    snprintf(hosts, sizeof(hosts), "127.0.0.1\tlocalhost %s\n::1\tlocalhost ip6-localhost ip6-loopback\n%s", host_name,
             plan->hosts ? plan->hosts : "");
    snprintf(name, sizeof(name), "%s\n", host_name);
    if (sethostname(host_name, strlen(host_name)) != 0 || place_file(plan, "hosts", hosts) != 0 ||
        place_file(plan, "hostname", name) != 0)
        return -1;
    unlink("etc/resolv.conf");
    return access("/etc/resolv.conf", R_OK) == 0 ? bind_file("/etc/resolv.conf", "etc/resolv.conf") : 0;
}

static int become_root(void)
{
    if (syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0)
        return -1;
    return chdir("/");
}

int root_enter(const struct plan *plan, char *why, size_t size)
{
    if ((plan_mirrors(plan) ? mirror_make(plan) : mount_layers(plan)) != 0)
        return explain(plan, why, size, plan_mirrors(plan) ? "the host's files" : "the layers");
    if (mount_at("proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
        return explain(plan, why, size, "/proc");
    if (make_devices(plan) != 0)
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
    static const char *const hidden[] = {"/proc/acpi", "/proc/asound",        "/proc/kcore",
                                         "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
                                         "/proc/scsi", "/proc/timer_list",    "/sys/firmware"};
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
        int result = S_ISDIR(st.st_mode) ? mount("tmpfs", hidden[i], "tmpfs", MS_RDONLY, "size=0")
                                         : mount("/dev/null", hidden[i], NULL, MS_BIND, NULL);
        if (result != 0)
            return -1;
    }
    return 0;
}

/* A volume of the image is a mount of its own, which stays as it is when the root is sealed. */
static int keep_writable(const char *path)
{
    char part[PATH_MAX];
    for (const char *end = strchr(path + 1, '/'); *path; end = end ? strchr(end + 1, '/') : NULL) {
        snprintf(part, sizeof(part), "%.*s", end ? (int)(end - path) : PATH_MAX, path);
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return -1;
        if (!end)
            break;
    }
    return mount(path, path, NULL, MS_BIND | MS_REC, NULL);
}

int root_seal(const struct plan *plan)
{
    /* Of the host's files, what guards itself against users without rights needs no other guard. */
    if (!plan->privileged && !plan_mirrors(plan) && guard_kernel() != 0)
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
    return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV | (plan->sandbox ? MS_NOSUID : 0), NULL);
}
