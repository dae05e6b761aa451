/* digest: several digests and checksums of one run of bytes. Their names are those of enum digest_algorithm in lower
 * case. */
#pragma once

#include <openssl/md5.h>
#include <openssl/sha.h>

#include "common/slice.h"

enum digest_algorithm {
    DIGEST_MD5 = 1,
    DIGEST_SHA1 = 2,
    DIGEST_SHA256 = 4,
    DIGEST_CRC32 = 8,
    DIGEST_CRC32C = 16,
    DIGEST_CRC64NVME = 32,
    DIGEST_SHA512 = 64,
    DIGEST_XXHASH64 = 128,
    DIGEST_XXHASH3 = 256, /* of 64 bits */
    DIGEST_XXHASH128 = 512,
    DIGEST_ALL = 1023,
};

enum { DIGEST_TEXT_BYTES = 512, DIGEST_MAX_BYTES = 64 };

/* States of xxhash as bytes, because those of XXH3 want more alignment than memory of the heap has. */
enum { DIGEST_XXH64_BYTES = 88, DIGEST_XXH3_BYTES = 576, DIGEST_XXH3_ALIGN = 64 };

struct digest {
    unsigned algorithms; /* a set of enum digest_algorithm */
    uint32_t crc32;
    uint32_t crc32c;
    uint64_t crc64nvme;
    MD5_CTX md5;
    SHA_CTX sha1;
    SHA256_CTX sha256;
    SHA512_CTX sha512;
    uint64_t xxhash64[DIGEST_XXH64_BYTES / sizeof(uint64_t)];
    char xxhash3[DIGEST_XXH3_BYTES + DIGEST_XXH3_ALIGN];
    char xxhash128[DIGEST_XXH3_BYTES + DIGEST_XXH3_ALIGN];
};

/* A digest that has begun stays where it is. */
void digest_begin(struct digest *digest, unsigned algorithms);
void digest_add(struct digest *digest, const void *bytes, size_t len);

/* Ends it: appends "name HEX\n" for each algorithm behind the at bytes of text that are used. Answers how many are
 * then. */
size_t digest_end(struct digest *digest, char text[DIGEST_TEXT_BYTES], size_t at);

/* The algorithm of that name, in any case, or 0. */
unsigned digest_named(slice name);

/* The raw bytes of one digest in such a text, in the arena; absent when it is not there. */
slice digest_get(struct arena *arena, slice text, unsigned algorithm);

/* The raw bytes of one digest of bytes. Answers how many. */
size_t digest_of(unsigned algorithm, slice bytes, uint8_t out[DIGEST_MAX_BYTES]);

/* How many bytes a digest has. */
size_t digest_size(unsigned algorithm);

/* Its name. */
slice digest_name(unsigned algorithm);
