/* spool: see spool.h. The file is records of two lengths and two texts; a record that was not written to its end is
 * ignored. Memory holds the older batches, the file the newer ones, until the file has been read. */
#include "runner/spool.h"

#include "common/fdio.h"

#include <errno.h>
#include <fcntl.h>
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

static void append(struct spool *spool, struct spool_batch *batch)
{
    if (spool->last)
        spool->last->next = batch;
    else
        spool->first = batch;
    spool->last = batch;
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
    if (to_disk || in_file(spool)) {
        result = write_record(spool, id, body);
        if (result == 0)
            return 0;
    }
    append(spool, make(id, body));
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
            append(spool, make((slice){bytes, lengths[0]}, (slice){bytes + lengths[0], lengths[1]}));
        free(bytes);
        spool->read_at += (int64_t)(sizeof(lengths) + size);
    }
    if (!ok)
        spool->read_at = spool->file_bytes;
    if (!in_file(spool))
        remove_file(spool);
}

const struct spool_batch *spool_front(struct spool *spool)
{
    while (!spool->first && in_file(spool))
        load_record(spool);
    return spool->first;
}

void spool_drop(struct spool *spool)
{
    struct spool_batch *batch = spool->first;
    spool->first = batch->next;
    if (!spool->first)
        spool->last = NULL;
    spool->memory_bytes -= batch->bytes;
    free(batch);
}

bool spool_empty(const struct spool *spool)
{
    return !spool->first && !in_file(spool);
}

size_t spool_bytes(const struct spool *spool)
{
    return spool->memory_bytes + (size_t)(spool->file_bytes - spool->read_at);
}

/* Memory's batches come before the file's: both go to a new file, which replaces the old one. */
static void keep_all(struct spool *spool)
{
    struct spool whole = {.path = spool->path};
    char beside[4096];
    size_t length = strlen(spool->path);
    if (length + 5 > sizeof(beside))
        return;
    memcpy(beside, spool->path, length);
    memcpy(beside + length, ".new", 5);
    whole.path = beside;
    while (spool_front(spool)) {
        write_record(&whole, spool->first->id, spool->first->body);
        spool_drop(spool);
    }
    if (whole.fd != 0) {
        close(whole.fd);
        rename(beside, spool->path);
    }
}

void spool_close(struct spool *spool, bool keep)
{
    if (keep && !spool_empty(spool)) {
        keep_all(spool);
        return;
    }
    while (spool->first)
        spool_drop(spool);
    remove_file(spool);
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
