/* fdio: files and descriptors, with the short reads, EINTR and O_CLOEXEC handled once. Answers 0 or -errno. */
#pragma once

#include "common/slice.h"

/* Closes *fd when >= 0; for __attribute__((cleanup(fdio_cleanup))). */
void fdio_cleanup(int *fd);

/* The whole file, at most limit bytes (-EFBIG). */
int fdio_read_file(struct arena *arena, const char *path, size_t limit, slice *content);

/* Writes beside path and renames over it: readers see the old file or the new one. mode as for open(2). */
int fdio_replace_file(const char *path, slice content, unsigned mode);

/* All bytes or an error. */
int fdio_write_all(int fd, slice bytes);

/* Creates the folder and its parents; an existing one is fine. */
int fdio_mkdirs(const char *path, unsigned mode);

/* Removes a file, or a folder with everything in it; an absent one is fine. Does not follow links. */
int fdio_remove_tree(const char *path);

int fdio_set_nonblocking(int fd);

/* Before there are threads: lets the kernel's table of descriptors be large enough for so many, as far as the limit
 * goes. When it has to grow later, in a process with threads, whoever opened one waits for all processors, for 10 ms
 * and more.
 */
void fdio_reserve(int count);

/* Whether a fault (-errno) says that this machine lacks something (descriptors, memory, room) or is broken, and nothing
 * of what was asked for. */
bool fdio_is_shortage(int fault);
