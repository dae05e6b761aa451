/* spool: see spool.h. The file is records of two lengths and two texts; a record that was not written to its end is
 * ignored. Memory holds the older batches, the file the newer ones, until the file has been read. */
#include "runner/spool.h"

#include "common/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_BODY = 8 * 1024 * 1024 };

static struct spool_batch *make(slice id, slice body)
{
    struct spool_batch *batch = malloc(sizeof(*batch) + id.len + body.len + 1);
    if (!batch)
        abort();
    char *bytes = (char *)(batch + 1);
    memcpy(bytes, id.ptr, id.len);
    memcpy(bytes + id.len, body.ptr, body.len);
    *batch =
        (struct spool_batch){.bytes = id.len + body.len, .id = {bytes, id.len}, .body = {bytes + id.len, body.len}};
    return batch;
}

static void append(struct spool *spool, struct spool_queue *queue, struct spool_batch *batch)
{
    if (queue->last)
        queue->last->next = batch;
    else
        queue->first = batch;
    queue->last = batch;
    spool->memory_bytes += batch->bytes;
}

static int write_record(struct spool *spool, slice id, slice body)
{
    uint32_t lengths[2] = {(uint32_t)id.len, (uint32_t)body.len};
    if (spool->fd == 0) {
        int fd = open(spool->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
            return -errno;
        spool->fd = fd;
        spool->read_at = spool->file_bytes = 0;
    }
    struct buf record = {0};
    buf_add(&record, (slice){(const char *)lengths, sizeof(lengths)});
    buf_add(&record, id);
    buf_add(&record, body);
    lseek(spool->fd, spool->file_bytes, SEEK_SET);
    int result = fdio_write_all(spool->fd, buf_slice(&record));
    if (result == 0)
        spool->file_bytes += (int64_t)record.len;
    else if (ftruncate(spool->fd, spool->file_bytes) != 0)
        result = -errno;
    buf_deinit(&record);
    return result;
}

static bool in_file(const struct spool *spool)
{
    return spool->fd != 0 && spool->read_at < spool->file_bytes;
}

int spool_add(struct spool *spool, slice id, slice body, bool to_disk)
{
    int result = 0;
    if (!spool->behind.first && (to_disk || in_file(spool))) {
        result = write_record(spool, id, body);
        if (result == 0)
            return 0;
    }
    append(spool, in_file(spool) || spool->behind.first ? &spool->behind : &spool->before, make(id, body));
    return result;
}

static void remove_file(struct spool *spool)
{
    if (spool->fd == 0)
        return;
    close(spool->fd);
    unlink(spool->path);
    spool->fd = 0;
    spool->read_at = spool->file_bytes = 0;
}

/* The next record of the file into memory; a broken one ends the file. */
static void load_record(struct spool *spool)
{
    uint32_t lengths[2];
    bool ok = pread(spool->fd, lengths, sizeof(lengths), spool->read_at) == (ssize_t)sizeof(lengths) &&
              lengths[0] < 256 && lengths[1] <= MAX_BODY;
    if (ok) {
        size_t size = (size_t)lengths[0] + lengths[1];
        char *bytes = malloc(size + 1);
        if (!bytes)
            abort();
        ok = pread(spool->fd, bytes, size, spool->read_at + (int64_t)sizeof(lengths)) == (ssize_t)size;
        if (ok)
            append(spool, &spool->before, make((slice){bytes, lengths[0]}, (slice){bytes + lengths[0], lengths[1]}));
        free(bytes);
        spool->read_at += (int64_t)(sizeof(lengths) + size);
    }
    if (!ok)
        spool->read_at = spool->file_bytes;
}

const struct spool_batch *spool_front(struct spool *spool)
{
    while (!spool->before.first && in_file(spool))
        load_record(spool);
    if (!spool->before.first) {
        spool->before = spool->behind;
        spool->behind = (struct spool_queue){NULL, NULL};
    }
    return spool->before.first;
}

static void take_first(struct spool *spool)
{
    struct spool_batch *batch = spool->before.first;
    spool->before.first = batch->next;
    if (!batch->next)
        spool->before.last = NULL;
    spool->memory_bytes -= batch->bytes;
    free(batch);
}

void spool_drop(struct spool *spool)
{
    take_first(spool);
    /* Not before its last batch has arrived: the next process would have to send it. */
    if (!spool->before.first && !in_file(spool))
        remove_file(spool);
}

bool spool_drop_second(struct spool *spool)
{
    struct spool_batch *first = spool->before.first, *second = first ? first->next : NULL;
    if (!second)
        return false;
    first->next = second->next;
    if (!first->next)
        spool->before.last = first;
    spool->memory_bytes -= second->bytes;
    free(second);
    return true;
}

bool spool_empty(const struct spool *spool)
{
    return !spool->before.first && !spool->behind.first && !in_file(spool);
}

size_t spool_bytes(const struct spool *spool)
{
    return spool->memory_bytes + (size_t)(spool->file_bytes - spool->read_at);
}

/* Copies everything in its order to a new file. */
static int copy_all(struct spool *spool, struct spool *whole)
{
    int result = 0;
    while (result == 0 && spool_front(spool)) {
        result = write_record(whole, spool->before.first->id, spool->before.first->body);
        if (result == 0)
            take_first(spool);
    }
    if (whole->fd != 0)
        close(whole->fd);
    return result;
}

/* The new file replaces the old one at once: a process that is killed meanwhile leaves the old one whole. On a full
 * disk the old one has more of it. */
static int keep_all(struct spool *spool)
{
    char beside[PATH_MAX];
    struct spool whole = {.path = beside};
    if (snprintf(beside, sizeof(beside), "%s" SPOOL_UNFINISHED, spool->path) >= (int)sizeof(beside))
        return -ENAMETOOLONG;
    int result = copy_all(spool, &whole);
    if (result != 0 && spool->fd != 0)
        unlink(beside);
    else if (rename(beside, spool->path) != 0 && result == 0)
        result = -errno;
    if (spool->fd != 0)
        close(spool->fd);
    spool->fd = 0;
    return result;
}

static void empty(struct spool_queue *queue)
{
    while (queue->first) {
        struct spool_batch *batch = queue->first;
        queue->first = batch->next;
        free(batch);
    }
    queue->last = NULL;
}

int spool_close(struct spool *spool, bool keep)
{
    int result = keep && !spool_empty(spool) ? keep_all(spool) : 0;
    empty(&spool->before);
    empty(&spool->behind);
    spool->memory_bytes = 0;
    remove_file(spool);
    return result;
}

int spool_open_leftover(struct spool *spool)
{
    struct stat st;
    int fd = open(spool->path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) != 0) {
        close(fd);
        return -errno;
    }
    spool->fd = fd;
    spool->file_bytes = st.st_size;
    if (st.st_size == 0)
        remove_file(spool);
    return 0;
}
