/* template: see template.h. */
#include "runner/template.h"

#include "common/fdio.h"
#include "runner/stub/mirror.h"
#include "runner/veil.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 24, EVENT_BYTES = 4096 };

static const unsigned changes_of_interest =
    IN_ATTRIB | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW;

/* Where the host has what not everybody may read, and the part of it that is looked at. */
static const struct {
    const char *name, *from, *below;
} veiled[] = {{"etc", "/etc", ""}, {"usr", "/usr", "local/etc"}};

enum { N_VEILED = sizeof(veiled) / sizeof(*veiled) };

/* What a program expects to find besides the host's folders. */
static const struct {
    const char *name;
    mode_t mode;
} folders[] = {
    {"dev", 0755},
    {"home", 0755},
    {"media", 0755},
    {"mnt", 0755},
    {"opt", 0755},
    {"proc", 0555},
    {"root", 0700},
    {"run", 0755},
    {"srv", 0755},
    {"sys", 0555},
    {"tmp", 01777},
    {"var", 0755},
    {"run/lock", 01777},
    {"var/tmp", 01777},
    {"var/cache", 0755},
    {"var/lib", 0755},
    {"var/log", 0755},
    {"var/spool", 0755},
    {"var/lib/ca-certificates", 0755},
};

struct template_version {
    char *path;
    size_t users; /* and one while it is the current one */
};

static int join(char path[PATH_MAX], const char *folder, const char *name)
{
    return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int make_folder(const char *folder, const char *name, mode_t mode)
{
    char path[PATH_MAX];
    if (join(path, folder, name) != 0)
        return -ENAMETOOLONG;
    return mkdir(path, mode) == 0 && chmod(path, mode) == 0 ? 0 : -errno;
}

static int make_link(const char *root, const char *target, const char *name)
{
    char path[PATH_MAX];
    if (join(path, root, name) != 0)
        return -ENAMETOOLONG;
    return symlink(target, path) == 0 ? 0 : -errno;
}

/* A place for what is shown of the host: a folder, or the link that the host has there. */
static int make_place(const char *root, const char *name)
{
    char from[32], target[PATH_MAX];
    struct stat st;
    snprintf(from, sizeof(from), "/%s", name);
    if (lstat(from, &st) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (S_ISDIR(st.st_mode))
        return make_folder(root, name, 0755);
    ssize_t length = S_ISLNK(st.st_mode) ? readlink(from, target, sizeof(target) - 1) : 0;
    if (length <= 0)
        return 0;
    target[length] = '\0';
    return make_link(root, target, name);
}

static int make_root(const char *root)
{
    static const char *const shown[] = MIRROR_SHOWN;
    int result = mkdir(root, 0755) == 0 && chmod(root, 0755) == 0 ? 0 : -errno;
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders) && result == 0; i++)
        result = make_folder(root, folders[i].name, folders[i].mode);
    for (size_t i = 0; i < sizeof(shown) / sizeof(*shown) && result == 0; i++)
        result = make_place(root, shown[i]);
    if (result == 0)
        result = make_link(root, "/run", "var/run");
    return result == 0 ? make_link(root, "/run/lock", "var/lock") : result;
}

static int make_veil(const char *folder, size_t i)
{
    char path[PATH_MAX];
    struct stat st;
    if (stat(veiled[i].from, &st) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (join(path, folder, veiled[i].name) != 0 || mkdir(path, 0700) != 0 ||
        veil_attributes(veiled[i].from, path) != 0 || veil_private(veiled[i].from, veiled[i].below, path) != 0)
        return -errno;
    return 0;
}

/* Places for the files that each container has of its own. */
static int make_files(const char *folder)
{
    static const char *const names[] = {"etc/hosts", "etc/hostname", "etc/resolv.conf"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        __attribute__((cleanup(fdio_cleanup))) int fd =
            join(path, folder, names[i]) == 0 ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644) : -1;
        if (fd < 0)
            return -errno;
    }
    return 0;
}

int template_make(const char *folder)
{
    char root[PATH_MAX], usr[PATH_MAX];
    int result = mkdir(folder, 0700) == 0 ? join(root, folder, "root") : -errno;
    if (result == 0)
        result = make_root(root);
    for (size_t i = 0; i < N_VEILED && result == 0; i++)
        result = make_veil(folder, i);
    if (result == 0 && join(usr, folder, "usr") == 0)
        rmdir(usr); /* if nothing in it is private */
    return result == 0 ? make_files(folder) : result;
}

/* Folders that cannot be opened are hidden as a whole. False when not all can be watched. */
static bool watch(int changes, const char *path, int depth)
{
    char below[PATH_MAX];
    bool all = true;
    if (inotify_add_watch(changes, path, changes_of_interest) < 0)
        return errno == EACCES || errno == ENOENT || errno == ENOTDIR;
    DIR *dir = depth < MAX_DEPTH ? opendir(path) : NULL;
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry && all; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
            continue;
        all = join(below, path, entry->d_name) == 0 && watch(changes, below, depth + 1);
    }
    if (dir)
        closedir(dir);
    return all;
}

/* Before anything is read, so that no change is missed. */
static void watch_all(struct templates *templates)
{
    char path[PATH_MAX];
    fdio_cleanup(&templates->changes);
    templates->changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    for (size_t i = 0; i < N_VEILED && templates->changes >= 0; i++) {
        if (join(path, veiled[i].from, veiled[i].below) != 0 || !watch(templates->changes, path, 0))
            fdio_cleanup(&templates->changes);
    }
}

static bool has_changed(const struct templates *templates)
{
    char events[EVENT_BYTES];
    return templates->changes < 0 || read(templates->changes, events, sizeof(events)) > 0;
}

void templates_open(struct templates *templates, const char *below)
{
    *templates = (struct templates){.changes = -1, .below = below};
    fdio_remove_tree(below);
}

const char *template_path(const struct template_version *version)
{
    return version->path;
}

void template_release(struct template_version *version)
{
    if (!version || --version->users > 0)
        return;
    fdio_remove_tree(version->path);
    free(version->path);
    free(version);
}

void templates_close(struct templates *templates)
{
    template_release(templates->current);
    templates->current = NULL;
    fdio_cleanup(&templates->changes);
}

struct template_version *templates_take(struct templates *templates)
{
    if (templates->current && !has_changed(templates)) {
        templates->current->users++;
        return templates->current;
    }
    struct template_version *version = calloc(1, sizeof(*version));
    template_release(templates->current);
    templates->current = NULL;
    watch_all(templates);
    if (!version || asprintf(&version->path, "%s/%lld", templates->below, ++templates->made) < 0)
        abort();
    version->users = 2;
    int result = fdio_mkdirs(templates->below, 0700);
    if (result == 0)
        result = template_make(version->path);
    if (result == 0)
        return templates->current = version;
    version->users = 1;
    template_release(version);
    errno = -result;
    return NULL;
}
