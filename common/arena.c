/* arena: see arena.h. Blocks are a chain; allocation takes from the newest. Blocks are zeroed when they are made and,
 * as far as they were used, when the arena is reset. */
#include "common/arena.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BLOCK_BYTES = 16 * 1024, ALIGNMENT = 16, SHORT_TEXT_BYTES = 128 };

struct block {
    struct block *previous;
    size_t size;
    size_t used;
    _Alignas(16) char bytes[];
};

struct arena {
    struct block *newest;
    size_t first_bytes;
};

static struct block *add_block(struct arena *arena, size_t size)
{
    struct block *block = calloc(1, sizeof(*block) + size);
    if (!block)
        abort();
    block->previous = arena->newest;
    block->size = size;
    arena->newest = block;
    return block;
}

struct arena *arena_open_sized(size_t first_block_bytes)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    if (!arena)
        abort();
    arena->first_bytes = first_block_bytes;
    return arena;
}

struct arena *arena_open(void)
{
    return arena_open_sized(FIRST_BLOCK_BYTES);
}

static void free_blocks(struct arena *arena, struct block *keep)
{
    while (arena->newest && arena->newest != keep) {
        struct block *previous = arena->newest->previous;
        free(arena->newest);
        arena->newest = previous;
    }
}

void arena_close(struct arena *arena)
{
    if (!arena)
        return;
    free_blocks(arena, NULL);
    free(arena);
}

void arena_reset(struct arena *arena)
{
#ifdef ARENA_MALLOC
    free_blocks(arena, NULL);
#else
    struct block *first = arena->newest;
    while (first && first->previous)
        first = first->previous;
    free_blocks(arena, first);
    if (first && first->size > arena->first_bytes) {
        /* One large body must not stay in memory for as long as its arena. */
        free_blocks(arena, NULL);
    } else if (first) {
        memset(first->bytes, 0, first->used);
        first->used = 0;
    }
#endif
}

void *arena_alloc(struct arena *arena, size_t size)
{
    assert(size < SIZE_MAX / 2);
#ifdef ARENA_MALLOC
    struct block *own = add_block(arena, size ? size : 1);
    own->used = size;
    return own->bytes;
#else
    struct block *block = arena->newest;
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    size += size == 0 ? ALIGNMENT : 0;
    if (!block || block->size - block->used < size) {
        size_t next = block ? block->size * 2 : arena->first_bytes;
        if (next > 1024 * 1024)
            next = 1024 * 1024;
        block = add_block(arena, size > next / 2 && block ? size + next : size > next ? size : next);
    }
    void *result = block->bytes + block->used;
    block->used += size;
    return result;
#endif
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        abort();
    return arena_alloc(arena, bytes);
}

void *arena_grow(struct arena *arena, void *ptr, size_t old_size, size_t new_size)
{
    assert(new_size >= old_size);
#ifndef ARENA_MALLOC
    struct block *block = arena->newest;
    size_t old_padded = (old_size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    size_t new_padded = (new_size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (block && ptr && old_size && (char *)ptr + old_padded == block->bytes + block->used &&
        new_padded - old_padded <= block->size - block->used) {
        block->used += new_padded - old_padded;
        return ptr;
    }
#endif
    void *moved = arena_alloc(arena, new_size);
    if (ptr && old_size)
        memcpy(moved, ptr, old_size);
    return moved;
}

void *arena_copy(struct arena *arena, const void *bytes, size_t size)
{
    void *copy = arena_alloc(arena, size);
    if (size)
        memcpy(copy, bytes, size);
    return copy;
}

/* Most texts are short: they are formatted once, and then copied. */
slice arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    char brief[SHORT_TEXT_BYTES];
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(brief, sizeof(brief), format, args);
    assert(length >= 0);
    char *text = arena_alloc(arena, (size_t)length + 1);
    if ((size_t)length < sizeof(brief))
        memcpy(text, brief, (size_t)length);
    else
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return (slice){text, (size_t)length};
}

slice arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    slice text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

slice arena_concat(struct arena *arena, slice a, slice b)
{
    char *text = arena_alloc(arena, a.len + b.len + 1);
    if (a.len)
        memcpy(text, a.ptr, a.len);
    if (b.len)
        memcpy(text + a.len, b.ptr, b.len);
    return (slice){text, a.len + b.len};
}
