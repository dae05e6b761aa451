/* beneath: names below a folder whose content others can change. The kernel resolves each name at the moment of its
 * use, as in a root directory of its own: absolute links and ".." lead nowhere but below the folder, and links of /proc
 * lead nowhere at all. What has been opened is used by its descriptor, never by its name again. */
#pragma once

#include <sys/types.h>

/* Opens a name below the folder root (a descriptor, which stays the caller's). flags as open(2); a new file is not
 * made. A leading "/" is the folder itself, as are "" and "/". The descriptor, or -errno: -ENOENT and -ELOOP for links
 * that lead nowhere. */
int beneath_open(int root, const char *path, int flags);

/* The same below a folder by name, in which no component may be a link that others can change. */
int beneath_open_in(const char *root, const char *path, int flags);

/* What is to be done with a folder that beneath_mkdirs has made: 0, or -errno, which ends it. */
typedef int beneath_made_fn(int fd, const void *context);

/* Opens the folder of that name below root for O_PATH, making what is missing of it with this mode; made, when it is
 * not NULL, is called for each folder that was. The descriptor, or -errno. */
int beneath_mkdirs(int root, const char *path, mode_t mode, beneath_made_fn *made, const void *context);
