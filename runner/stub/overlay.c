/* overlay: see overlay.h. */
#include "runner/stub/overlay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

int overlay_folder(const struct plan *plan, const char *name, char path[PATH_MAX])
{
    if (snprintf(path, PATH_MAX, "%s.%s", plan->scratch, name) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : -1;
}

int overlay_add_path(char options[OVERLAY_MAX_OPTIONS], const char *path)
{
    size_t length = strlen(options);
    for (; *path && length + 3 < OVERLAY_MAX_OPTIONS; path++) {
        if (strchr(":,\\", *path))
            options[length++] = '\\';
        options[length++] = *path;
    }
    options[length] = '\0';
    errno = E2BIG;
    return *path ? -1 : 0;
}

static int add_text(char options[OVERLAY_MAX_OPTIONS], const char *text)
{
    size_t length = strlen(options);
    errno = E2BIG;
    return snprintf(options + length, OVERLAY_MAX_OPTIONS - length, "%s", text) < (int)(OVERLAY_MAX_OPTIONS - length)
               ? 0
               : -1;
}

int overlay_prepare(const struct plan *plan, const char *name, struct overlay_upper *folders)
{
    char upper[NAME_MAX], work[NAME_MAX];
    snprintf(upper, sizeof(upper), "%s.upper", name);
    snprintf(work, sizeof(work), "%s.work", name);
    if (overlay_folder(plan, upper, folders->upper) != 0)
        return -1;
    return overlay_folder(plan, work, folders->work);
}

int overlay_mount(const struct overlay_upper *folders, const char *lower, const char *target, unsigned long flags)
{
    char options[OVERLAY_MAX_OPTIONS] = "lowerdir=";
    if (add_text(options, lower) != 0 || add_text(options, ",upperdir=") != 0 ||
        overlay_add_path(options, folders->upper) != 0 || add_text(options, ",workdir=") != 0 ||
        overlay_add_path(options, folders->work) != 0 || add_text(options, getuid() == 0 ? "" : ",userxattr") != 0)
        return -1;
    /* Without a list of permitted devices, none of the image's or of the container's own making may be opened. */
    return mount("overlay", target, "overlay", MS_NODEV | flags, options);
}
