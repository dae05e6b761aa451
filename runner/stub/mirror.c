/* mirror: see mirror.h. */
#include "runner/stub/mirror.h"

#include "runner/stub/mounts.h"
#include "runner/stub/overlay.h"
#include "runner/stub/veil.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nothing that is shown lies below it: /proc is the container's own. */
#define STAGE "/proc"

enum { MAX_LINE = 8192, MOUNT_POINT_FIELD = 5, OCTAL = 8, OCTAL_DIGITS = 3 };

static const unsigned sealed = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

static const char *const shown[] = MIRROR_SHOWN;

enum { N_SHOWN = sizeof(shown) / sizeof(*shown) };

/* What else a program expects to find. */
static const struct {
    const char *name;
    mode_t mode;
} made[] = {
    {"home", 0755},     {"media", 0755},     {"mnt", 0755},     {"opt", 0755},     {"root", 0700},
    {"run", 0755},      {"srv", 0755},       {"tmp", 01777},    {"var", 0755},     {"run/lock", 01777},
    {"var/tmp", 01777}, {"var/cache", 0755}, {"var/lib", 0755}, {"var/log", 0755}, {"var/spool", 0755},
};

static int enter_memory(void)
{
    if (mount("tmpfs", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0)
        return -1;
    return chdir(STAGE);
}

static int enter_folder(const struct plan *plan)
{
    char root[PATH_MAX];
    if (overlay_folder(plan, "root", root) != 0 || mount(root, root, NULL, MS_BIND, NULL) != 0 ||
        mount(NULL, root, NULL, MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV, NULL) != 0)
        return -1;
    return chdir(root);
}

/* What is shown below /root, an interpreter that root has installed for himself, is for all users. */
static int make_folders(const struct plan *plan)
{
    for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++) {
        mode_t mode = plan->sandbox ? made[i].mode | 0755 : made[i].mode;
        if (mkdir(made[i].name, mode) != 0 || chmod(made[i].name, mode) != 0)
            return -1;
    }
    if (symlink("/run", "var/run") != 0 || symlink("/run/lock", "var/lock") != 0)
        return -1;
    /* Where some distributions keep what /etc/ssl links to. */
    return mounts_show(AT_FDCWD, "/var/lib/ca-certificates", "var/lib/ca-certificates", sealed);
}

static int lay_over(const struct plan *plan, const char *name, const char *from)
{
    struct overlay_upper folders;
    char lower[PATH_MAX] = "";
    if (mkdir(name, 0755) != 0 || overlay_prepare(plan, name, &folders) != 0 ||
        veil_attributes(from, folders.upper) != 0 || overlay_add_path(lower, from) != 0)
        return -1;
    if (strcmp(name, "etc") == 0 && veil_private(from, "", folders.upper) != 0)
        return -1;
    if (strcmp(name, "usr") == 0 && veil_private(from, "local/etc", folders.upper) != 0)
        return -1;
    return overlay_mount(&folders, lower, name, MS_NOSUID);
}

static int show(const struct plan *plan, const char *name)
{
    char from[32];
    struct stat st;
    snprintf(from, sizeof(from), "/%s", name);
    if (plan->sandbox || lstat(from, &st) != 0 || !S_ISDIR(st.st_mode))
        return mounts_show(AT_FDCWD, from, name, sealed);
    return lay_over(plan, name, from);
}

/* "\040" and the like, in place. */
static void unquote(char *path)
{
    char *to = path;
    for (const char *from = path; *from; to++) {
        char digits[OCTAL_DIGITS + 1] = "";
        if (*from == '\\')
            snprintf(digits, sizeof(digits), "%s", from + 1);
        *to = *digits ? (char)strtol(digits, NULL, OCTAL) : *from;
        from += *digits ? OCTAL_DIGITS + 1 : 1;
    }
    *to = '\0';
}

/* A file system that is mounted below /usr is not part of the one that the overlay shows. */
static int show_mounted(char *line)
{
    char *rest = NULL, *path = strtok_r(line, " ", &rest);
    for (int field = 1; path && field < MOUNT_POINT_FIELD; field++)
        path = strtok_r(NULL, " ", &rest);
    if (!path || strncmp(path, "/usr/", sizeof("/usr/") - 1) != 0)
        return 0;
    unquote(path);
    return mounts_put(AT_FDCWD, path, path + 1, sealed) == 0 || errno == ENOENT ? 0 : -1;
}

static int show_all_mounted(void)
{
    char line[MAX_LINE];
    int result = 0;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file)
        return -1;
    while (result == 0 && fgets(line, sizeof(line), file))
        result = show_mounted(line);
    fclose(file);
    return result;
}

/* A folder that the host shows elsewhere, or not at all, needs no cover. */
static int hide(const char *path)
{
    if (mount("tmpfs", path + 1, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0000") == 0)
        return 0;
    return errno == ENOENT ? 0 : -1;
}

int mirror_make(const struct plan *plan)
{
    if ((plan->sandbox ? enter_memory() : enter_folder(plan)) != 0 || make_folders(plan) != 0)
        return -1;
    for (size_t i = 0; i < N_SHOWN; i++) {
        if (show(plan, shown[i]) != 0)
            return -1;
    }
    if (!plan->sandbox && show_all_mounted() != 0)
        return -1;
    for (size_t i = 0; i < plan->n_hidden; i++) {
        if (plan->hidden[i][0] != '/' || hide(plan->hidden[i]) != 0)
            return -1;
    }
    return 0;
}

int mirror_seal(void)
{
    struct stat st;
    char path[32];
    for (size_t i = 0; i < N_SHOWN; i++) {
        snprintf(path, sizeof(path), "/%s", shown[i]);
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
            mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) != 0)
            return -1;
    }
    return 0;
}
