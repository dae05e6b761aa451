/* hmac: see hmac.h. Both hashes work on blocks of 64 bytes; a longer key is hashed first. */
#include "common/hmac.h"

#include "common/digest.h"

enum { BLOCK_BYTES = 64, INNER = 0x36, OUTER = 0x5c };

/* The hash of two texts one behind the other. */
static size_t hash_two(unsigned algorithm, slice first, slice second, uint8_t *out)
{
    if (algorithm == DIGEST_SHA1) {
        SHA_CTX sha1;
        SHA1_Init(&sha1);
        SHA1_Update(&sha1, first.ptr, first.len);
        SHA1_Update(&sha1, second.ptr, second.len);
        SHA1_Final(out, &sha1);
        return HMAC_SHA1_BYTES;
    }
    SHA256_CTX sha256;
    SHA256_Init(&sha256);
    SHA256_Update(&sha256, first.ptr, first.len);
    SHA256_Update(&sha256, second.ptr, second.len);
    SHA256_Final(out, &sha256);
    return HMAC_SHA256_BYTES;
}

static void hmac(unsigned algorithm, slice key, slice text, uint8_t *out)
{
    uint8_t pad[BLOCK_BYTES] = {0}, inner[HMAC_SHA256_BYTES];
    if (key.len > BLOCK_BYTES)
        hash_two(algorithm, key, S(""), pad);
    else if (key.len > 0)
        memcpy(pad, key.ptr, key.len);
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        pad[i] ^= INNER;
    size_t n = hash_two(algorithm, (slice){(const char *)pad, BLOCK_BYTES}, text, inner);
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        pad[i] ^= INNER ^ OUTER;
    hash_two(algorithm, (slice){(const char *)pad, BLOCK_BYTES}, (slice){(const char *)inner, n}, out);
}

void hmac_sha256(slice key, slice text, uint8_t out[HMAC_SHA256_BYTES])
{
    hmac(DIGEST_SHA256, key, text, out);
}

void hmac_sha1(slice key, slice text, uint8_t out[HMAC_SHA1_BYTES])
{
    hmac(DIGEST_SHA1, key, text, out);
}
