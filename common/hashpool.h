/* hashpool: two threads that compute digests of files while these are being written, from the page cache, so that no
 * event loop waits for a hash, and that close what is large and gone. Everything here is called by the loop's thread.
 */
#pragma once

#include "common/slice.h"

struct hashpool;
struct hashjob;

/* The threads start with the first job. */
struct hashpool *hashpool_open(void);
void hashpool_close(struct hashpool *pool);

/* Readable when jobs are done: then hashpool_next answers one after the other, in the end NULL. A job that was answered
 * is finished; hashpool_drop gives it back. */
int hashpool_fd(const struct hashpool *pool);
struct hashjob *hashpool_next(struct hashpool *pool);

/* Digests (common/digest.h) of the file behind fd, which is duplicated. */
struct hashjob *hashpool_begin(struct hashpool *pool, int fd, unsigned algorithms, void *owner);

/* The file now has size bytes; final: and will have no more. A file that is final is also brought to the disk. */
void hashpool_extend(struct hashjob *job, uint64_t size, bool final);

/* Closes the descriptor, of a file that may have been removed and then gives its space back only now: a large one in
 * one of the threads. */
void hashpool_dispose(struct hashpool *pool, int fd);

/* At any time: nobody wants it (any more). */
void hashpool_drop(struct hashjob *job);

void *hashpool_owner(const struct hashjob *job);

/* Of a finished job: "name HEX\n" lines, or absent with *error set to -errno when the file could not be read or
 * written. */
slice hashpool_text(const struct hashjob *job, int *error);
