/* devices: see devices.h. */
#include "runner/stub/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const struct {
    const char *name;
    unsigned number; /* minor; all are of one driver but the last */
    unsigned driver;
} nodes[] = {{"null", 3, 1}, {"zero", 5, 1}, {"full", 7, 1}, {"random", 8, 1}, {"urandom", 9, 1}, {"tty", 0, 5}};

static int make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

/* Where no nodes can be made, the host's is bound: read-only, which forbids to change its mode, its owner and its
 * times, and not to write to the device. */
static int bind_node(const char *name, const char *path)
{
    static const unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC;
    char from[32];
    snprintf(from, sizeof(from), "/dev/%s", name);
    if (make_file(path) != 0 || mount(from, path, NULL, MS_BIND, NULL) != 0)
        return -1;
    return mount(NULL, path, NULL, flags, NULL);
}

/* The node is a mount of its own, on which devices can be opened. */
static int make_node(size_t i)
{
    char path[32];
    snprintf(path, sizeof(path), "dev/%s", nodes[i].name);
    if (mknod(path, S_IFCHR | 0666, makedev(nodes[i].driver, nodes[i].number)) != 0)
        return errno == EPERM || errno == EACCES ? bind_node(nodes[i].name, path) : -1;
    return chmod(path, 0666) == 0 ? mount(path, path, NULL, MS_BIND, NULL) : -1;
}

static int make_links(void)
{
    static const char *const links[][2] = {{"/proc/self/fd", "dev/fd"},       {"/proc/self/fd/0", "dev/stdin"},
                                           {"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"},
                                           {"/proc/kcore", "dev/core"},       {"pts/ptmx", "dev/ptmx"}};
    for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
        if (symlink(links[i][0], links[i][1]) != 0)
            return -1;
    }
    return 0;
}

static int mount_below(const char *type, const char *path, unsigned long flags, const char *options)
{
    return mkdir(path, 0755) == 0 ? mount(type, path, type, flags, options) : -1;
}

/* Memory that processes share; strangers' code gets none. */
static int make_shared(void)
{
    if (mount_below("tmpfs", "dev/shm", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=65536k") != 0)
        return -1;
    /* The kernel may have been built without message queues. */
    return mount_below("mqueue", "dev/mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0 || errno == ENODEV ? 0 : -1;
}

int devices_make(const struct plan *plan)
{
    static const unsigned long flags = MS_NOSUID | MS_NOEXEC;
    if (mount("tmpfs", "dev", "tmpfs", flags, "mode=0755,size=65536k") != 0)
        return -1;
    for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
        if (make_node(i) != 0)
            return -1;
    }
    /* The nodes' own mounts keep what this one loses. */
    if (mount(NULL, "dev", NULL, MS_BIND | MS_REMOUNT | MS_NODEV | flags, NULL) != 0 || make_links() != 0 ||
        mount_below("devpts", "dev/pts", flags, "newinstance,ptmxmode=0666,mode=0620") != 0)
        return -1;
    return plan->sandbox ? 0 : make_shared();
}
