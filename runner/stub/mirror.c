/* mirror: see mirror.h. */
#include "runner/stub/mirror.h"

#include "runner/stub/mounts.h"
#include "runner/stub/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
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

/* What else a function finds. */
static const char *const made[] = {"home", "media", "mnt", "opt",     "root",   "run",
                                   "srv",  "tmp",   "var", "var/tmp", "var/lib"};

static int enter_memory(void)
{
    if (mount("tmpfs", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0)
        return -1;
    return chdir(STAGE);
}

/* The template's root, under what is written. */
static int enter_template(const struct plan *plan)
{
    char root[PATH_MAX], lower[OVERLAY_MAX_OPTIONS] = "", from[PATH_MAX];
    struct overlay_upper folders;
    errno = EINVAL;
    if (!plan->template || overlay_folder(plan, "root", root) != 0 || overlay_prepare(plan, "own", &folders) != 0)
        return -1;
    snprintf(from, sizeof(from), "%s/root", plan->template);
    if (overlay_add_path(lower, from) != 0 || overlay_mount(&folders, lower, root, MS_NOSUID) != 0)
        return -1;
    return chdir(root);
}

/* What is shown below /root, an interpreter that root has installed for himself, is for all users. */
static int make_folders(void)
{
    for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++) {
        if (mkdir(made[i], 0755) != 0)
            return -1;
    }
    if (chmod("tmp", 01777) != 0 || chmod("var/tmp", 01777) != 0 || symlink("/run", "var/run") != 0)
        return -1;
    return 0;
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* Where some distributions keep what /etc/ssl links to. */
static int show_certificates(void)
{
    static const char path[] = "/var/lib/ca-certificates";
    if (!is_there(path))
        return 0;
    if (mkdir(path + 1, 0755) != 0 && errno != EEXIST)
        return -1;
    return mounts_put(AT_FDCWD, path, path + 1, sealed);
}

/* A folder of the host, under what the template has of it, under what is written. */
static int lay_over(const struct plan *plan, const char *name, const char *from)
{
    struct overlay_upper folders;
    char between[PATH_MAX], lower[OVERLAY_MAX_OPTIONS] = "";
    snprintf(between, sizeof(between), "%s/%s", plan->template, name);
    if (overlay_prepare(plan, name, &folders) != 0)
        return -1;
    if (is_there(between)) {
        if (overlay_add_path(lower, between) != 0)
            return -1;
        size_t length = strlen(lower);
        snprintf(lower + length, sizeof(lower) - length, ":");
    }
    return overlay_add_path(lower, from) == 0 ? overlay_mount(&folders, lower, name, MS_NOSUID) : -1;
}

static int show(const struct plan *plan, const char *name)
{
    char from[32];
    struct stat st;
    snprintf(from, sizeof(from), "/%s", name);
    if (plan->sandbox)
        return mounts_show(AT_FDCWD, from, name, sealed);
    /* What is no folder the template has as it is. */
    return lstat(from, &st) == 0 && S_ISDIR(st.st_mode) && is_there(name) ? lay_over(plan, name, from) : 0;
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

/* A folder that the host shows elsewhere, or not at all, needs no cover. */
static int hide(const char *path)
{
    if (mount("tmpfs", path + 1, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0000") == 0)
        return 0;
    return errno == ENOENT ? 0 : -1;
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
    if (mounts_put(AT_FDCWD, path, path + 1, sealed) != 0 && errno != ENOENT)
        return -1;
    /* The template does not know of what is private there. */
    bool settings =
        strcmp(path, "/usr/local") == 0 || strncmp(path, "/usr/local/etc", sizeof("/usr/local/etc") - 1) == 0;
    return settings ? hide("/usr/local/etc") : 0;
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

int mirror_make(const struct plan *plan)
{
    bool fixed = plan->sandbox;
    if ((fixed ? enter_memory() : enter_template(plan)) != 0 || (fixed && make_folders() != 0))
        return -1;
    for (size_t i = 0; i < N_SHOWN; i++) {
        if (show(plan, shown[i]) != 0)
            return -1;
    }
    if (show_certificates() != 0 || (!fixed && show_all_mounted() != 0))
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
