/* fuzz: what the fuzz targets share. Each target is one file with fuzz_one; libFuzzer brings main. */
#pragma once

#include "common/arena.h"

#include <stdlib.h>

/* Runs the code under test over the bytes. Whatever it allocates in the arena is gone afterwards. */
static void fuzz_one(struct arena *arena, slice bytes);

/* Ends the run with a finding. */
static inline void fuzz_check(bool holds)
{
    if (!holds)
        abort();
}

/* A new folder, in TMPDIR. */
static inline char *fuzz_folder(struct arena *arena)
{
    const char *parent = getenv("TMPDIR");
    slice path = arena_printf(arena, "%s/fuzz-XXXXXX", parent ? parent : "/tmp");
    char *folder = arena_copy(arena, path.ptr, path.len + 1);
    fuzz_check(mkdtemp(folder) != NULL);
    return folder;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_open();
    fuzz_one(arena, (slice){size ? (const char *)data : "", size});
    arena_close(arena);
    return 0;
}
