/* mapping: see mapping.h. */
#include "common/mapping.h"

#include "common/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void mapping_cleanup(struct mapping *mapping)
{
    if (mapping->start)
        munmap(mapping->start, mapping->size);
    *mapping = (struct mapping){0};
}

int mapping_open(const char *path, int64_t offset, int64_t length, struct mapping *mapping)
{
    __attribute__((cleanup(fdio_cleanup))) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    *mapping = (struct mapping){.bytes = S("")};
    if (fd < 0 || fstat(fd, &st) != 0)
        return -errno;
    if (length < 0)
        length = st.st_size - offset;
    if (offset < 0 || length < 0 || offset > st.st_size - length)
        return -EIO;
    if (st.st_size == 0)
        return 0;
    void *start = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (start == MAP_FAILED)
        return -errno;
    madvise(start, (size_t)st.st_size, MADV_SEQUENTIAL);
    *mapping = (struct mapping){start, (size_t)st.st_size, {(const char *)start + offset, (size_t)length}};
    return 0;
}
