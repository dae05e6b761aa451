/* ids: see ids.h. */
#include "common/ids.h"

#include "common/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static struct {
    uint8_t bytes[1024];
    size_t left;
    bool seeded;
    uint64_t state;
} pool;

/* splitmix64: good enough to repeat a test. */
static uint64_t next_seeded(void)
{
    uint64_t z = pool.state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static void fill(void)
{
    if (pool.seeded) {
        for (size_t i = 0; i < sizeof(pool.bytes); i += 8) {
            uint64_t word = next_seeded();
            memcpy(pool.bytes + i, &word, 8);
        }
    } else if (getrandom(pool.bytes, sizeof(pool.bytes), 0) != (ssize_t)sizeof(pool.bytes))
        abort(); /* up to 256 bytes never fail, more may only be interrupted before the pool is ready */
    pool.left = sizeof(pool.bytes);
}

void ids_bytes(void *out, size_t n)
{
    uint8_t *to = out;
    while (n > 0) {
        if (pool.left == 0)
            fill();
        size_t take = n < pool.left ? n : pool.left;
        memcpy(to, pool.bytes + sizeof(pool.bytes) - pool.left, take);
        pool.left -= take;
        to += take;
        n -= take;
    }
}

/* A random index below size, without bias (size at most 256). */
static size_t below(size_t size)
{
    for (;;) {
        uint8_t byte;
        ids_bytes(&byte, 1);
        if (byte < 256 / size * size)
            return byte % size;
    }
}

static slice from_alphabet(struct arena *arena, size_t n, slice alphabet)
{
    char *text = arena_alloc(arena, n + 1);
    for (size_t i = 0; i < n; i++)
        text[i] = alphabet.ptr[below(alphabet.len)];
    return (slice){text, n};
}

slice ids_hex(struct arena *arena, size_t n)
{
    return from_alphabet(arena, n, S("0123456789abcdef"));
}

void ids_uuid_to(char out[37])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t b[16];
    ids_bytes(b, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    char *p = out;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[b[i] >> 4];
        *p++ = hex[b[i] & 15];
    }
    *p = '\0';
}

slice ids_uuid(struct arena *arena)
{
    char *text = arena_alloc(arena, 37);
    ids_uuid_to(text);
    return (slice){text, 36};
}

slice ids_base32(struct arena *arena, size_t n)
{
    return from_alphabet(arena, n, S("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"));
}

slice ids_alnum(struct arena *arena, size_t n)
{
    return from_alphabet(arena, n, S("abcdefghijklmnopqrstuvwxyz0123456789"));
}

slice ids_digits(struct arena *arena, size_t n)
{
    char *text = arena_alloc(arena, n + 1);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)(i == 0 ? '1' + (char)below(9) : '0' + (char)below(10));
    return (slice){text, n};
}

void ids_seed(uint64_t seed)
{
    pool.seeded = true;
    pool.state = seed;
    pool.left = 0;
}
