/* spool: large request bodies on disk. Other processes use the folder too; only files named "body-…" are the router's.
 */
#include "router/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/hashpool.h"

static const char prefix[] = "body-";

static int open_folder(struct spool *spool, const char *state_dir)
{
    int state = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (state < 0)
        return -errno;
    int result = 0;
    if (mkdirat(state, "spool", 0700) != 0 && errno != EEXIST)
        result = -errno;
    if (result == 0) {
        spool->folder = openat(state, "spool", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        result = spool->folder < 0 ? -errno : 0;
    }
    close(state);
    return result;
}

static void remove_leftovers(struct spool *spool)
{
    int fd = dup(spool->folder);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries)
        return;
    for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries))
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) == 0)
            unlinkat(spool->folder, entry->d_name, 0);
    closedir(entries);
}

int spool_open(struct spool *spool, const char *state_dir)
{
    *spool = (struct spool){.folder = -1};
    int result = fdio_mkdirs(state_dir, 0700);
    if (result == 0)
        result = open_folder(spool, state_dir);
    if (result == 0)
        remove_leftovers(spool);
    return result;
}

void spool_close(struct spool *spool)
{
    fdio_cleanup(&spool->folder);
}

int spool_create(struct spool *spool, char name[SPOOL_NAME_BYTES])
{
    snprintf(name, SPOOL_NAME_BYTES, "%s%d-%llu", prefix, (int)getpid(), (unsigned long long)spool->next++);
    int fd = openat(spool->folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

void spool_remove(struct spool *spool, const char *name)
{
    unlinkat(spool->folder, name, 0);
}

void spool_discard(struct spool *spool, struct hashpool *pool, const char *name)
{
    int fd = openat(spool->folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    spool_remove(spool, name);
    if (fd >= 0)
        hashpool_dispose(pool, fd);
}
