/* spool: files for request bodies too large to travel through the bus. A worker that keeps a body renames its file
 * away; what is left when the request is answered is removed. */
#pragma once

#include "common/slice.h"

struct hashpool;

enum { SPOOL_NAME_BYTES = 40 };

struct spool {
    int folder; /* descriptor of <state_dir>/spool */
    uint64_t next;
};

/* Makes the folder if needed and removes what an earlier router left in it. Answers 0 or -errno. */
int spool_open(struct spool *spool, const char *state_dir);
void spool_close(struct spool *spool);

/* A new file, open for writing; name gets its name inside the folder. Answers the descriptor or -errno. */
int spool_create(struct spool *spool, char name[SPOOL_NAME_BYTES]);

/* Removes the file if it is still there. */
void spool_remove(struct spool *spool, const char *name);

/* The same; what is large gives its space back in a thread of the pool. */
void spool_discard(struct spool *spool, struct hashpool *pool, const char *name);
