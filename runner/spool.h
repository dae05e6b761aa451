/* spool: a queue of batches, in memory up to a size and in a file beyond it. Each batch keeps its id, so that sending
 * it twice is harmless. */
#pragma once

#include "common/buf.h"
#include "common/slice.h"

struct spool_batch {
    struct spool_batch *next;
    size_t bytes;
    slice id;
    slice body;
};

struct spool_queue {
    struct spool_batch *first;
    struct spool_batch *last;
};

/* A zeroed one with a path is empty. */
struct spool {
    const char *path;
    struct spool_queue before; /* in memory: older than what is in the file */
    struct spool_queue behind; /* newer: the file could not be written */
    size_t memory_bytes;
    int fd; /* of the file, 0: none */
    int64_t read_at;
    int64_t file_bytes;
};

/* Ends the name of a file that is being written; of no use beside a file without it. */
#define SPOOL_UNFINISHED ".new"

enum { SPOOL_MEMORY_BYTES = 1024 * 1024, SPOOL_FILE_BYTES = 256 * 1024 * 1024 };

/* Copies the batch to the end: to memory, or to the file when to_disk or when the file holds older ones. Answers 0, or
 * -errno when the disk refuses (then it is kept in memory all the same). */
int spool_add(struct spool *spool, slice id, slice body, bool to_disk);

/* The oldest batch, or NULL. It stays until spool_drop; so does its file. */
const struct spool_batch *spool_front(struct spool *spool);
void spool_drop(struct spool *spool);

/* Drops the second oldest of a spool without a file; false when there is none. */
bool spool_drop_second(struct spool *spool);

bool spool_empty(const struct spool *spool);
size_t spool_bytes(const struct spool *spool);

/* Moves everything to the file, or forgets everything and removes it. Answers 0, or -errno when the disk refuses: what
 * it did not take is lost. */
int spool_close(struct spool *spool, bool keep);

/* Continues with the file of a former process. Answers 0 or -errno. */
int spool_open_leftover(struct spool *spool);
