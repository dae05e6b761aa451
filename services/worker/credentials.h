/* credentials: what iam and sts have said about access keys, kept beside the loop so that they are not asked for every
 * request. An answer holds until iam or sts say that something has changed (common/generation.h), and a few seconds at
 * most: uses of a key are noted when it is asked for. A bounded number of them is kept. */
#pragma once

#include "common/slice.h"

struct arena;
struct credentials;
struct generation;

struct credentials_answer {
    slice text;
    void *parsed; /* the asker's own form of it, in the arena; NULL until it has made one */
    struct arena *arena;
};

/* The generation must outlive it. */
struct credentials *credentials_open(const struct generation *generation);
void credentials_close(struct credentials *credentials);

/* To be read before asking. */
uint64_t credentials_generation(const struct credentials *credentials);

/* NULL: who knows has to be asked. Valid until the next call of credentials_keep. */
struct credentials_answer *credentials_find(struct credentials *credentials, slice question);

/* generation: as it was before the question was sent. */
void credentials_keep(struct credentials *credentials, slice question, slice answer, uint64_t generation);
