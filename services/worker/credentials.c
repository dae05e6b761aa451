/* credentials: see credentials.h. A table with one place a question, by its hash: a newer one takes the place of an
 * older one. */
#include "services/worker/credentials.h"

#include "common/arena.h"
#include "common/generation.h"
#include "common/hash.h"
#include "common/time.h"

#include <stdlib.h>

enum {
    PLACES = 256,
    HOLDS_MS = 5000,
    ANSWER_BYTES = 64 * 1024,     /* larger ones are not kept */
    KEPT_BYTES = 4 * 1024 * 1024, /* of all; beyond, the table begins anew */
};

struct place {
    slice question; /* absent: free */
    uint64_t generation;
    int64_t until_ms;
    struct credentials_answer answer;
};

struct credentials {
    const struct generation *generation;
    size_t bytes;
    struct place places[PLACES];
};

struct credentials *credentials_open(const struct generation *generation)
{
    struct credentials *credentials = calloc(1, sizeof(*credentials));
    if (!credentials)
        abort();
    credentials->generation = generation;
    return credentials;
}

static void free_place(struct credentials *credentials, struct place *place)
{
    if (!place->question.ptr)
        return;
    credentials->bytes -= place->question.len + place->answer.text.len;
    arena_close(place->answer.arena);
    *place = (struct place){0};
}

static void clear(struct credentials *credentials)
{
    for (size_t i = 0; i < PLACES; i++)
        free_place(credentials, &credentials->places[i]);
}

void credentials_close(struct credentials *credentials)
{
    clear(credentials);
    free(credentials);
}

uint64_t credentials_generation(const struct credentials *credentials)
{
    return generation_now(credentials->generation);
}

static struct place *place_of(struct credentials *credentials, slice question)
{
    return &credentials->places[hash_bytes(question) % PLACES];
}

struct credentials_answer *credentials_find(struct credentials *credentials, slice question)
{
    struct place *place = place_of(credentials, question);
    if (!place->question.ptr || !slice_eq(place->question, question))
        return NULL;
    if (place->generation == generation_now(credentials->generation) && place->until_ms > time_mono_ms())
        return &place->answer;
    free_place(credentials, place);
    return NULL;
}

void credentials_keep(struct credentials *credentials, slice question, slice answer, uint64_t generation)
{
    struct place *place = place_of(credentials, question);
    if (answer.len > ANSWER_BYTES || generation != generation_now(credentials->generation))
        return;
    if (credentials->bytes + question.len + answer.len > KEPT_BYTES)
        clear(credentials);
    free_place(credentials, place);
    struct arena *arena = arena_open_sized(2 * (question.len + answer.len));
    *place = (struct place){.question = slice_dup(arena, question),
                            .generation = generation,
                            .until_ms = time_mono_ms() + HOLDS_MS,
                            .answer = {.text = slice_dup(arena, answer), .arena = arena}};
    credentials->bytes += question.len + answer.len;
}
