/* root: see root.h. */
#include "runner/stub/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { MAX_OPTIONS = 4096 };

static int explain(char *why, size_t size, const char *what)
{
    snprintf(why, size, "the image's root: %s: %s", what, strerror(errno));
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
static int mount_layers(const struct plan *plan, const char *root)
{
    char upper[PATH_MAX], work[PATH_MAX], options[MAX_OPTIONS] = "lowerdir=";
    size_t length = strlen(options);
    if (make_folder(plan->scratch, "upper", upper) != 0 || make_folder(plan->scratch, "work", work) != 0)
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
    return chdir(plan->layer_folder) == 0 ? mount("overlay", root, "overlay", 0, options) : -1;
}

/* In the root that is being made, which is the working directory. */
static int mount_at(const char *type, const char *name, unsigned long flags, const char *options)
{
    if (mkdir(name, 0755) != 0 && errno != EEXIST)
        return -1;
    return mount(type, name, type, flags, options);
}

static int bind_file(const char *from, const char *to)
{
    int fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -1;
    close(fd);
    return mount(from, to, NULL, MS_BIND, NULL);
}

static int make_devices(void)
{
    static const char *const names[] = {"null", "zero", "full", "random", "urandom", "tty"};
    static const char *const links[][2] = {{"/proc/self/fd", "dev/fd"},
                                           {"/proc/self/fd/0", "dev/stdin"},
                                           {"/proc/self/fd/1", "dev/stdout"},
                                           {"/proc/self/fd/2", "dev/stderr"},
                                           {"pts/ptmx", "dev/ptmx"}};
    char from[32], to[32];
    if (mount_at("tmpfs", "dev", MS_NOSUID | MS_NOEXEC, "mode=0755,size=65536k") != 0)
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
    return mount_at("tmpfs", "dev/shm", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=65536k");
}

/* sysfs cannot be mounted where the network is another's: then the host's is shown, or none. */
static void make_sys(void)
{
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY;
    if (mount_at("sysfs", "sys", flags, NULL) == 0)
        return;
    if (mount("/sys", "sys", NULL, MS_BIND | MS_REC, NULL) == 0)
        mount(NULL, "sys", NULL, MS_BIND | MS_REMOUNT | flags, NULL);
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

/* A file of /etc that the container has instead of its image. */
static int place_file(const struct plan *plan, const char *name, const char *text)
{
    char own[PATH_MAX], place[64];
    snprintf(place, sizeof(place), "etc/%s", name);
    if (snprintf(own, sizeof(own), "%s.%s", plan->scratch, name) >= (int)sizeof(own) || write_text(own, text) != 0)
        return -1;
    unlink(place); /* often a link into /run */
    return bind_file(own, place);
}

static int make_names(const struct plan *plan)
{
    char hosts[8192], name[128];
    const char *host_name = plan->host_name ? plan->host_name : "localhost";
    if (mkdir("etc", 0755) != 0 && errno != EEXIST)
        return -1;
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
    char root[PATH_MAX];
    if (make_folder(plan->scratch, "root", root) != 0 || mount_layers(plan, root) != 0)
        return explain(why, size, "the layers");
    if (chdir(root) != 0 || mount_at("proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
        return explain(why, size, "/proc");
    if (make_devices() != 0)
        return explain(why, size, "/dev");
    make_sys();
    if (make_names(plan) != 0)
        return explain(why, size, "/etc");
    return become_root() == 0 ? 0 : explain(why, size, "pivot_root");
}

int root_seal(const struct plan *plan)
{
    return plan->read_only_root ? mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) : 0;
}
