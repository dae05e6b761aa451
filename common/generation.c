/* generation: see generation.h. */
#include "common/generation.h"

#include "common/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct generation {
    uint64_t *counter;
};

static struct generation *generation_of(void *memory)
{
    struct generation *generation = malloc(sizeof(*generation));
    if (!generation)
        abort();
    generation->counter = memory;
    return generation;
}

/* The space is taken at once: on a full disk the first write to the memory would end the process. What others have
 * counted already is not touched. */
static int reserve(int fd)
{
    if (fallocate(fd, 0, 0, sizeof(uint64_t)) == 0)
        return 0;
    if (errno != EOPNOTSUPP)
        return -errno;
    return ftruncate(fd, sizeof(uint64_t)) == 0 ? 0 : -errno;
}

int generation_open(const char *path, struct generation **generation)
{
    __attribute__((cleanup(fdio_cleanup))) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int result = reserve(fd);
    if (result != 0)
        return result;
    void *memory = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    *generation = generation_of(memory);
    return 0;
}

struct generation *generation_open_private(void)
{
    void *memory = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        abort();
    return generation_of(memory);
}

void generation_close(struct generation *generation)
{
    munmap(generation->counter, sizeof(uint64_t));
    free(generation);
}

uint64_t generation_now(const struct generation *generation)
{
    return __atomic_load_n(generation->counter, __ATOMIC_SEQ_CST);
}

void generation_advance(struct generation *generation)
{
    __atomic_add_fetch(generation->counter, 1, __ATOMIC_SEQ_CST);
}
