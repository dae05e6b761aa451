/* digest: see digest.h. The hashes are libcrypto's low-level ones, which a static link takes out alone: the library as
 * a whole would cost every start megabytes. xxhash is a header. */
#include "common/digest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/arena.h"
#include "common/crc.h"

static const struct {
    slice name;
    unsigned algorithm;
    size_t size;
} algorithms[] = {
    {{"md5", 3}, DIGEST_MD5, 16},        {{"sha1", 4}, DIGEST_SHA1, 20},
    {{"sha256", 6}, DIGEST_SHA256, 32},  {{"crc32", 5}, DIGEST_CRC32, 4},
    {{"crc32c", 6}, DIGEST_CRC32C, 4},   {{"crc64nvme", 9}, DIGEST_CRC64NVME, 8},
    {{"sha512", 6}, DIGEST_SHA512, 64},  {{"xxhash64", 8}, DIGEST_XXHASH64, 8},
    {{"xxhash3", 7}, DIGEST_XXHASH3, 8}, {{"xxhash128", 9}, DIGEST_XXHASH128, 16},
};

_Static_assert(sizeof(XXH64_state_t) <= DIGEST_XXH64_BYTES && sizeof(XXH3_state_t) <= DIGEST_XXH3_BYTES, "xxhash");

enum { COUNT = sizeof(algorithms) / sizeof(*algorithms) };

static XXH64_state_t *xxh64_of(struct digest *digest)
{
    return (XXH64_state_t *)digest->xxhash64;
}

static XXH3_state_t *xxh3_in(char *bytes)
{
    return (XXH3_state_t *)(void *)(bytes + (-(uintptr_t)bytes & (DIGEST_XXH3_ALIGN - 1)));
}

void digest_begin(struct digest *digest, unsigned wanted)
{
    digest->algorithms = wanted;
    digest->crc32 = digest->crc32c = 0;
    digest->crc64nvme = 0;
    if (wanted & DIGEST_MD5)
        MD5_Init(&digest->md5);
    if (wanted & DIGEST_SHA1)
        SHA1_Init(&digest->sha1);
    if (wanted & DIGEST_SHA256)
        SHA256_Init(&digest->sha256);
    if (wanted & DIGEST_SHA512)
        SHA512_Init(&digest->sha512);
    if (wanted & DIGEST_XXHASH64)
        XXH64_reset(xxh64_of(digest), 0);
    if (wanted & DIGEST_XXHASH3)
        XXH3_64bits_reset(xxh3_in(digest->xxhash3));
    if (wanted & DIGEST_XXHASH128)
        XXH3_128bits_reset(xxh3_in(digest->xxhash128));
}

void digest_add(struct digest *digest, const void *bytes, size_t len)
{
    if (digest->algorithms & DIGEST_MD5)
        MD5_Update(&digest->md5, bytes, len);
    if (digest->algorithms & DIGEST_SHA1)
        SHA1_Update(&digest->sha1, bytes, len);
    if (digest->algorithms & DIGEST_SHA256)
        SHA256_Update(&digest->sha256, bytes, len);
    if (digest->algorithms & DIGEST_CRC32)
        digest->crc32 = crc_32(digest->crc32, bytes, len);
    if (digest->algorithms & DIGEST_CRC32C)
        digest->crc32c = crc_32c(digest->crc32c, bytes, len);
    if (digest->algorithms & DIGEST_CRC64NVME)
        digest->crc64nvme = crc_64nvme(digest->crc64nvme, bytes, len);
    if (digest->algorithms & DIGEST_SHA512)
        SHA512_Update(&digest->sha512, bytes, len);
    if (digest->algorithms & DIGEST_XXHASH64)
        XXH64_update(xxh64_of(digest), bytes, len);
    if (digest->algorithms & DIGEST_XXHASH3)
        XXH3_64bits_update(xxh3_in(digest->xxhash3), bytes, len);
    if (digest->algorithms & DIGEST_XXHASH128)
        XXH3_128bits_update(xxh3_in(digest->xxhash128), bytes, len);
}

static void big_endian(uint64_t value, size_t size, uint8_t *out)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

static void big_endian_128(XXH128_hash_t value, uint8_t *out)
{
    big_endian(value.high64, 8, out);
    big_endian(value.low64, 8, out + 8);
}

static void finish(struct digest *digest, unsigned algorithm, uint8_t out[DIGEST_MAX_BYTES])
{
    switch (algorithm) {
    case DIGEST_MD5:
        MD5_Final(out, &digest->md5);
        break;
    case DIGEST_SHA1:
        SHA1_Final(out, &digest->sha1);
        break;
    case DIGEST_SHA256:
        SHA256_Final(out, &digest->sha256);
        break;
    case DIGEST_SHA512:
        SHA512_Final(out, &digest->sha512);
        break;
    case DIGEST_XXHASH64:
        big_endian(XXH64_digest(xxh64_of(digest)), 8, out);
        break;
    case DIGEST_XXHASH3:
        big_endian(XXH3_64bits_digest(xxh3_in(digest->xxhash3)), 8, out);
        break;
    case DIGEST_XXHASH128:
        big_endian_128(XXH3_128bits_digest(xxh3_in(digest->xxhash128)), out);
        break;
    case DIGEST_CRC32:
        big_endian(digest->crc32, 4, out);
        break;
    case DIGEST_CRC32C:
        big_endian(digest->crc32c, 4, out);
        break;
    default:
        big_endian(digest->crc64nvme, 8, out);
    }
}

size_t digest_end(struct digest *digest, char text[DIGEST_TEXT_BYTES], size_t at)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t bytes[DIGEST_MAX_BYTES];
    for (size_t i = 0; i < COUNT; i++) {
        if (!(digest->algorithms & algorithms[i].algorithm))
            continue;
        finish(digest, algorithms[i].algorithm, bytes);
        memcpy(text + at, algorithms[i].name.ptr, algorithms[i].name.len);
        at += algorithms[i].name.len;
        text[at++] = ' ';
        for (size_t j = 0; j < algorithms[i].size; j++) {
            text[at++] = hex[bytes[j] >> 4];
            text[at++] = hex[bytes[j] & 15];
        }
        text[at++] = '\n';
    }
    return at;
}

unsigned digest_named(slice name)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (slice_eq_nocase(algorithms[i].name, name))
            return algorithms[i].algorithm;
    }
    return 0;
}

slice digest_name(unsigned algorithm)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (algorithms[i].algorithm == algorithm)
            return algorithms[i].name;
    }
    return S("");
}

size_t digest_size(unsigned algorithm)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (algorithms[i].algorithm == algorithm)
            return algorithms[i].size;
    }
    return 0;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c - 'a' + 10;
}

slice digest_get(struct arena *arena, slice text, unsigned algorithm)
{
    slice line, name, hex;
    while (text.len > 0) {
        slice_cut(text, '\n', &line, &text);
        if (!slice_cut(line, ' ', &name, &hex) || digest_named(name) != algorithm)
            continue;
        char *bytes = arena_alloc(arena, hex.len / 2 + 1);
        for (size_t i = 0; i + 1 < hex.len; i += 2)
            bytes[i / 2] = (char)(hex_value(hex.ptr[i]) << 4 | hex_value(hex.ptr[i + 1]));
        return (slice){bytes, hex.len / 2};
    }
    return (slice){NULL, 0};
}

size_t digest_of(unsigned algorithm, slice bytes, uint8_t out[DIGEST_MAX_BYTES])
{
    struct digest digest;
    digest_begin(&digest, algorithm);
    digest_add(&digest, bytes.ptr ? bytes.ptr : "", bytes.len);
    finish(&digest, algorithm, out);
    return digest_size(algorithm);
}
